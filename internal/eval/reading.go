package eval

import (
	"io"
	"math/rand/v2"
	"slices"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/simcam"
)

// What is heard in a presentation of digits.
const (
	saysRight   = "" // the digits that are asked for, each after its prompt
	saysOthers  = "others"
	saysEarlier = "earlier" // what was asked for in the earlier session
	saysNothing = "nothing"
)

// act is a presentation of somebody who reads digits, or of what is in that
// person's place.
type act struct {
	scene   simcam.Kind
	says    string  // by the sound
	mouth   bool    // it moves: by the sound, or by the earlier session where the picture is of one
	earlier bool    // the picture is of an earlier session: other digits, other times, other light
	dubbed  bool    // another talker says it
	lateMS  float64 // by which the sound comes after the mouth
}

// acts are the kinds of presentation of a cell of digits. Those of byNature pass.
var acts = map[string]act{
	bonaFide:          {scene: simcam.Live, mouth: true},
	"still_voice":     {scene: simcam.Static},
	"print_voice":     {scene: simcam.Print},
	"muted":           {scene: simcam.Live, mouth: true, says: saysNothing},
	"other_digits":    {scene: simcam.Live, mouth: true, says: saysOthers},
	"sound_late":      {scene: simcam.Live, mouth: true, lateMS: 700},
	"sound_early":     {scene: simcam.Live, mouth: true, lateMS: -700},
	"earlier":         {scene: simcam.Replay, mouth: true, earlier: true, says: saysEarlier},
	"premade":         {scene: simcam.Static, mouth: true, earlier: true, says: saysEarlier},
	"dubbed":          {scene: simcam.Replay, mouth: true, earlier: true, dubbed: true},
	"screen_voice":    {scene: simcam.OtherScreen, mouth: true, earlier: true, dubbed: true},
	"other_light":     {scene: simcam.Replay, mouth: true},
	"other_voice":     {scene: simcam.Live, mouth: true, dubbed: true},
	"animated":        {scene: simcam.Static, mouth: true},
	"animated_screen": {scene: simcam.PlainScreen, mouth: true},
	"animated_relit":  {scene: simcam.Relit3D, mouth: true},
}

// readingKinds lists them.
func readingKinds() []string {
	var out []string
	for k := range acts {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// How somebody reads, in ms; uniform. A reader's delay is that of
// internal/eval/aloud. The prompts let a sound 0.7 s after the mouth be in time only
// where the delay is short.
const (
	reactMin, reactMax   = 300., 800.
	hastyMin, hastyMax   = 200., 350.
	pauseMS              = 50.
	onceMin, onceMax     = 50., 350. // between digits that are shown at once
	leadMax              = 80.       // of the mouth before the sound
	microMin, microMax   = 10., 60.  // of a microphone
	voicePurpose         = "voice"
	premadePurpose       = "premade"
	digitsPurpose        = "digits"
	earlierDigitsPurpose = "earlier"
)

// reading is one attempt of a session of digits in the making.
type reading struct {
	act      act
	r        *rand.Rand
	ch       faceproof.DigitsChallenge
	earlier  faceproof.DigitsChallenge
	who, dub *aloud.Talker // the mouth's, the sound's
	snr      float64
}

// talkers of a session: whose mouth it is, and who speaks where that is another,
// of the same language if there is one.
func (c *Camera) talkers(j Job) (who, dub *aloud.Talker) {
	r := rand.New(stream(j.Seed, voicePurpose, ""))
	who = &c.Talkers[r.IntN(len(c.Talkers))]
	var others []*aloud.Talker
	for _, same := range []bool{true, false} {
		for i := range c.Talkers {
			if t := &c.Talkers[i]; t != who && (t.Lang == who.Lang) == same {
				others = append(others, t)
			}
		}
		if len(others) > 0 {
			break
		}
	}
	if len(others) == 0 { // one voice is no reason not to measure
		return who, who
	}
	return who, others[r.IntN(len(others))]
}

// newReading draws an attempt: its challenge, that of the session before, and
// everything that the reader leaves to chance.
func (c *Camera) newReading(j Job, attempt string) (rd reading, err error) {
	rd = reading{act: acts[j.Kind], r: rand.New(stream(j.Seed, digitsPurpose, attempt)), snr: j.Cell.SNR}
	if rd.who, rd.dub = c.talkers(j); !rd.act.dubbed {
		rd.dub = rd.who
	}
	o := digits.Options{Paced: !j.Cell.AtOnce, Light: !j.Cell.AtOnce && !j.Cell.NoLight}
	if rd.ch, err = rd.draw(stream(j.Seed, "challenge", attempt), o); err != nil {
		return rd, err
	}
	rd.earlier, err = rd.draw(stream(j.Seed, earlierDigitsPurpose, attempt), o)
	return rd, err
}

// draw gives a challenge of digits that both talkers can say.
func (rd *reading) draw(random io.Reader, o digits.Options) (faceproof.DigitsChallenge, error) {
	for range maxDraws {
		ch, err := digits.New(random, o)
		if err != nil || rd.who.Can(ch.Digits) && rd.dub.Can(ch.Digits) {
			return ch, err
		}
	}
	return faceproof.DigitsChallenge{}, faceproof.Errorf(faceproof.CodeInvalid, "voices", "%s and %s have too few digits in common", rd.who.ID, rd.dub.ID)
}

// film records it.
func (rd *reading) film(s *simcam.Scene, seed uint64) (capture.Recording, error) {
	rec := simcam.Reading{Perform: rd.perform}
	if rd.act.earlier {
		rec.Earlier = &rd.earlier
	}
	return s.RecordReading(rd.ch, seed, rec)
}

// perform says what is seen and heard.
func (rd *reading) perform(told, filmed []capture.DisplayEvent, end float64) simcam.Performance {
	from, to := reactMin, reactMax
	if rd.act.lateMS > 0 {
		from, to = hastyMin, hastyMax
	}
	asked, seen := rd.ch.Digits, told // by who is seen
	if rd.act.earlier {
		asked, seen = rd.earlier.Digits, filmed
	}
	if rd.act.says == saysOthers {
		asked = rd.others(asked)
	}
	picture := rd.read(rd.who, asked, seen, from, to)
	heard := picture
	switch {
	case rd.act.says == saysNothing:
		heard = nil
	case rd.act.earlier && rd.act.says == saysRight: // somebody reads beside the picture
		heard = rd.read(rd.dub, rd.ch.Digits, told, from, to)
	case rd.act.dubbed:
		heard = rd.with(rd.dub, asked, picture)
	}
	begin := told[0].T
	micro := microMin + (microMax-microMin)*rd.r.Float64()
	p := simcam.Performance{Sound: aloud.Mix(rd.r, shifted(heard, max(0, rd.act.lateMS)+micro-begin), end-begin, rd.snr)}
	if rd.act.mouth {
		lead := max(0, -rd.act.lateMS) - leadMax*rd.r.Float64()
		moved := shifted(picture, lead)
		p.Mouth = func(t float64) float64 { return aloud.Mouth(moved, t) }
	}
	return p
}

// others is another string of digits, each of them another, that can be said.
func (rd *reading) others(s string) string {
	b := []byte(s)
	for i := range b {
		for b[i] == s[i] || !rd.who.Can(string(b[i])) {
			b[i] = '0' + byte(rd.r.IntN(10))
		}
	}
	return string(b)
}

// read says digits after the prompts that are seen, or all of them after the one.
func (rd *reading) read(who *aloud.Talker, asked string, seen []capture.DisplayEvent, from, to float64) (words []aloud.Word) {
	var prompts []float64
	for _, e := range seen {
		if e.Event == capture.DisplayPrompt {
			prompts = append(prompts, e.T)
		}
	}
	after := prompts[0]
	for i := range len(asked) {
		at := after
		if i < len(prompts) {
			at = max(at, prompts[i]+from+(to-from)*rd.r.Float64())
		} else {
			at += onceMin + (onceMax-onceMin)*rd.r.Float64()
		}
		w := aloud.Word{Take: who.Say(rd.r, asked[i]), At: at}
		words, after = append(words, w), at+w.MS()+pauseMS
	}
	return words
}

// with is what another talker says at the times of words.
func (rd *reading) with(who *aloud.Talker, asked string, words []aloud.Word) (out []aloud.Word) {
	for i, w := range words {
		out = append(out, aloud.Word{Take: who.Say(rd.r, asked[i]), At: w.At})
	}
	return out
}

func shifted(words []aloud.Word, ms float64) (out []aloud.Word) {
	for _, w := range words {
		w.At += ms
		out = append(out, w)
	}
	return out
}
