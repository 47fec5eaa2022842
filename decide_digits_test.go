package faceproof

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

// genuineDigits is evidence of six paced digits under a light that showed.
func genuineDigits() Evidence {
	e := genuine()
	e.Method, e.Light, e.Parallax = MethodDigits, nil, nil
	e.Flash = &FlashEvidence{P: 2e-4, Candidates: 10000, Segments: 6, Z: 6, R2: .6, Amplitude: .03, LatencyMS: 90, SkinCells: 90, Measurable: true}
	e.Digits = &DigitsEvidence{Model: "m", Expect: 6, Paced: true, Scored: true, LightOn: true,
		Audio: AudioEvidence{DurationMS: 9000, PeakDB: -12, SNRDB: 22, ActiveMS: 2600, Digest: "00"},
		Score: -.8, MinA: -2.5, MinFAR: 1e-3, Better: 5, Heard: 6, InTime: 6,
		Lips: LipsEvidence{Frames: 90, Range: .15, Sync: .45, LagMS: 20, Null: 3, Onsets: 6}}
	return e
}

func TestDecideDigits(t *testing.T) {
	again := func(change func(*Evidence)) func(*Evidence) {
		return func(e *Evidence) { e.Attempt = 2; change(e) }
	}
	fault := func(f AudioFault) func(*Evidence) {
		return func(e *Evidence) { e.Digits.Audio.Fault, e.Digits.Scored = f, false }
	}
	otherDigits := func(e *Evidence) { e.Digits.Score = -6 }
	still := func(e *Evidence) { e.Digits.Lips.Range, e.Digits.Lips.Sync = .008, .1 }
	otherMouth := func(e *Evidence) { e.Digits.Lips.Sync = .1 }
	noLight := func(e *Evidence) { e.Digits.LightOn, e.Flash = false, nil }
	cases := []struct {
		name   string
		change func(*Evidence)
		want   Outcome
		reason Reason
		hint   Hint
		level  Level
	}{
		{"genuine", func(*Evidence) {}, OutcomePass, ReasonPass, HintNone, LevelStandard},
		{"five of six in time", func(e *Evidence) { e.Digits.InTime = 5 }, OutcomePass, ReasonPass, HintNone, LevelStandard},
		{"no light code", noLight, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"a bright room", func(e *Evidence) { e.Flash.P, e.Flash.Amplitude = .3, .004 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light that could not be measured", func(e *Evidence) { e.Flash.Measurable = false }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light that is ours, and too weak to be used", func(e *Evidence) { e.Flash.Amplitude = .004 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light between ours and another's", func(e *Evidence) { e.Flash.P = .02 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light that uses the whole alpha", func(e *Evidence) { e.Flash.P = 1e-3 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light of another challenge", func(e *Evidence) { e.Flash.P, e.Flash.Amplitude = .4, .06 }, OutcomeReject, ReasonNotFresh, HintNone, LevelNone},
		{"coloured light that ours does not explain", func(e *Evidence) { e.Flash.P, e.Flash.Flicker = .4, .06 }, OutcomeReject, ReasonNotFresh, HintNone, LevelNone},
		{"weak light never accuses", func(e *Evidence) { e.Flash.P = .9 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"light that comes late", func(e *Evidence) { e.Flash.LatencyMS = 320 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"a flat thing in strong light", func(e *Evidence) { flat(e); e.Flash.Amplitude = .05 }, OutcomeInconclusive, ReasonShapeUnsure, HintRaiseBrightness, LevelNone},
		{"a flat thing in weak light", func(e *Evidence) { flat(e); e.Flash.Amplitude = .02 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"a thing that glows", func(e *Evidence) { glows(e); e.Flash.Amplitude = .1 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill, LevelNone},
		{"a face that seems to glow", func(e *Evidence) { glows(e); e.Flash.L = 3 }, OutcomePass, ReasonPass, HintNone, LevelStandard},
		{"a shape of light that is not ours", func(e *Evidence) { flat(e); e.Flash.P = .02 }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"four at once", func(e *Evidence) { atOnce(e); noLight(e) }, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"four at once under a light that showed", atOnce, OutcomePass, ReasonPass, HintNone, LevelLow},
		{"three at once", func(e *Evidence) { atOnce(e); e.Digits.Expect = 3 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"five paced", func(e *Evidence) { e.Digits.Expect = 5 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"no digits", func(e *Evidence) { e.Digits.Expect = 0 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"six at once, at no time", func(e *Evidence) { e.Digits.Paced, e.Digits.InTime = false, 0 }, OutcomePass, ReasonPass, HintNone, LevelLow},

		{"no sound", fault(AudioAbsent), OutcomeInconclusive, ReasonNoSound, HintMicrophone, LevelNone},
		{"too little sound", fault(AudioShort), OutcomeInconclusive, ReasonNoSound, HintSlowNetwork, LevelNone},
		{"silence", fault(AudioSilent), OutcomeInconclusive, ReasonNoSound, HintLouder, LevelNone},
		{"nobody speaks", fault(AudioNoSpeech), OutcomeInconclusive, ReasonNoSound, HintReadClearly, LevelNone},
		{"too loud", fault(AudioClipped), OutcomeInconclusive, ReasonNoise, HintQuieter, LevelNone},
		{"noise", fault(AudioNoisy), OutcomeInconclusive, ReasonNoise, HintQuietPlace, LevelNone},
		{"a fault of tomorrow", fault("tomorrow"), OutcomeInconclusive, ReasonNoSound, HintReadClearly, LevelNone},
		{"a fault with a score", func(e *Evidence) { e.Digits.Audio.Fault = AudioNoisy }, OutcomeInconclusive, ReasonNoise, HintQuietPlace, LevelNone},
		{"the analysis knows better what helps", func(e *Evidence) { fault(AudioSilent)(e); e.Digits.Hint = HintMicrophone }, OutcomeInconclusive, ReasonNoSound, HintMicrophone, LevelNone},
		{"not scored", func(e *Evidence) { e.Digits.Scored = false }, OutcomeInconclusive, ReasonNoSound, HintReadClearly, LevelNone},
		{"sound never accuses", again(fault(AudioAbsent)), OutcomeInconclusive, ReasonNoSound, HintMicrophone, LevelNone},
		{"cut short", func(e *Evidence) { e.Digits = nil }, OutcomeInconclusive, ReasonTooFewFrames, HintHoldStill, LevelNone},

		{"badly understood", func(e *Evidence) { e.Digits.Score = -2.6 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"badly understood again", again(func(e *Evidence) { e.Digits.Score = -4.4 }), OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"other digits", otherDigits, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"other digits again", again(otherDigits), OutcomeReject, ReasonMisread, HintNone, LevelNone},
		{"other words again", again(func(e *Evidence) { otherDigits(e); e.Digits.Heard = 3 }), OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"few digits", func(e *Evidence) { e.Digits.Heard = 3 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"two missed", func(e *Evidence) { e.Digits.Heard = 4 }, OutcomePass, ReasonPass, HintNone, LevelStandard},
		{"many digits", func(e *Evidence) { e.Digits.Heard = 10 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"substitutes are not judged", func(e *Evidence) { e.Digits.Better = 0 }, OutcomePass, ReasonPass, HintNone, LevelStandard},
		{"a threshold of a looser rate", func(e *Evidence) { e.Digits.MinFAR = 1e-2 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"a threshold of no rate", func(e *Evidence) { e.Digits.MinFAR = 0 }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"off time", func(e *Evidence) { e.Digits.InTime = 4 }, OutcomeInconclusive, ReasonOffTime, HintReadClearly, LevelNone},
		{"off time again", again(func(e *Evidence) { e.Digits.InTime = 0 }), OutcomeInconclusive, ReasonOffTime, HintReadClearly, LevelNone},

		{"a covered mouth", again(func(e *Evidence) { e.Digits.Lips = LipsEvidence{Frames: 10} }), OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"a mouth that hardly opens", again(func(e *Evidence) { e.Digits.Lips.Range = .03 }), OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"a still picture", still, OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"a still picture again", again(still), OutcomeReject, ReasonLips, HintNone, LevelNone},
		{"another's mouth", otherMouth, OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"another's mouth again", again(otherMouth), OutcomeReject, ReasonLips, HintNone, LevelNone},
		{"this mouth, at another time", func(e *Evidence) { e.Digits.Lips.Rival = e.Digits.Lips.Sync + .11 }, OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"perhaps this mouth, again", again(func(e *Evidence) { e.Digits.Lips.Sync = .25 }), OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"a mouth far behind", func(e *Evidence) { e.Digits.Lips.LagMS = 220 }, OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},
		{"a mouth far ahead", func(e *Evidence) { e.Digits.Lips.LagMS = -220 }, OutcomeInconclusive, ReasonLips, HintShowMouth, LevelNone},

		{"words come before lips", func(e *Evidence) { otherDigits(e); still(e) }, OutcomeInconclusive, ReasonMisread, HintReadClearly, LevelNone},
		{"lips come before light", again(func(e *Evidence) { still(e); e.Flash.P, e.Flash.Amplitude = .4, .06 }), OutcomeReject, ReasonLips, HintNone, LevelNone},
		{"stored pictures", func(e *Evidence) { e.Provenance.Reused = 2 }, OutcomeReject, ReasonReplayed, HintNone, LevelNone},
		{"too few pictures", func(e *Evidence) { e.Capture.FPS = 5; still(e) }, OutcomeInconclusive, ReasonTooFewFrames, HintSlowNetwork, LevelNone},
		{"two faces", func(e *Evidence) { e.Face.ManyFaces = 20 }, OutcomeInconclusive, ReasonManyFaces, HintOnePerson, LevelNone},
		{"somebody else took over", func(e *Evidence) { e.Face.Continuity = .1 }, OutcomeReject, ReasonSubjectChanged, HintNone, LevelNone},
		{"another person", func(e *Evidence) { e.Match.Similarity = .2 }, OutcomeReject, ReasonFaceMismatch, HintNone, LevelNone},
		{"not registered", func(e *Evidence) { e.Reference, e.Match = ReferenceAbsent, nil }, OutcomeReject, ReasonAbsent, HintNone, LevelNone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := genuineDigits()
			c.change(&e)
			d := Decide(DefaultPolicy(), e)
			if d.Outcome != c.want || d.Reasons[0] != c.reason || d.Hint != c.hint || d.Level != c.level || d.Method != MethodDigits {
				t.Fatalf("got %+v", d)
			}
		})
	}
}

// atOnce is the compatibility mode: four digits that appear together.
func atOnce(e *Evidence) {
	e.Digits.Paced, e.Digits.Expect, e.Digits.Heard, e.Digits.InTime = false, 4, 4, 0
}

func flat(e *Evidence) { e.Flash.Shape.Cells, e.Flash.L = 90, -4 }

func glows(e *Evidence) {
	e.Flash.Shape.Cells, e.Flash.Shape.HeadCells, e.Flash.Shape.Kappa, e.Flash.L = 90, 200, -.9, 1
}

// A policy that asks for more than low says what would help to get it, and never
// passes for less.
func TestMinLevel(t *testing.T) {
	p := DefaultPolicy()
	p.MinLevel = LevelStandard
	for _, c := range []struct {
		name   string
		change func(*Evidence)
		want   Outcome
		reason Reason
		hint   Hint
	}{
		{"light", func(*Evidence) {}, OutcomePass, ReasonPass, HintNone},
		{"weak light", func(e *Evidence) { e.Flash.Amplitude = .004 }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"weak light again", func(e *Evidence) { e.Flash.Amplitude, e.Attempt = .004, 2 }, OutcomeInconclusive, ReasonWeakLight, HintTooBright},
		{"light that is perhaps ours", func(e *Evidence) { e.Flash.P = .01 }, OutcomeInconclusive, ReasonFreshUnsure, HintRaiseBrightness},
		{"late light", func(e *Evidence) { e.Flash.LatencyMS = 320 }, OutcomeInconclusive, ReasonFreshUnsure, HintRaiseBrightness},
		{"a flat thing in weak light", func(e *Evidence) { flat(e); e.Flash.Amplitude = .02 }, OutcomeInconclusive, ReasonShapeUnsure, HintRaiseBrightness},
		{"no light", func(e *Evidence) { e.Digits.LightOn = false }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"light that was not measured", func(e *Evidence) { e.Flash = nil }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"at once", func(e *Evidence) { atOnce(e); e.Digits.LightOn = false }, OutcomeInconclusive, ReasonFreshUnsure, HintReadClearly},
		{"at once under the light", atOnce, OutcomeInconclusive, ReasonFreshUnsure, HintRaiseBrightness},
	} {
		e := genuineDigits()
		c.change(&e)
		if d := Decide(p, e); d.Outcome != c.want || d.Reasons[0] != c.reason || d.Hint != c.hint {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if d := Decide(p, genuine()); !d.Pass() || d.Level != LevelStandard {
		t.Errorf("the colours: %+v", d)
	}
	p.MinLevel = "high" // no level that there is
	for _, e := range []Evidence{genuineDigits(), genuine()} {
		if d := Decide(p, e); d.Pass() {
			t.Errorf("%s passes for a level that is none: %+v", e.Method, d)
		}
	}
	all := []Level{LevelNone, LevelLow, LevelStandard}
	for i, a := range all {
		for j, b := range all {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%q at least %q: %v", a, b, a.AtLeast(b))
			}
		}
		if a.AtLeast("high") || Level("high").AtLeast(a) {
			t.Errorf("%q and a word that is no level", a)
		}
	}
}

// Only an evidence of digits is judged by digits, and of it the digits are
// judged: neither method stands in for the other.
func TestMethodsAreApart(t *testing.T) {
	e := genuine()
	e.Method = MethodDigits
	if d := Decide(DefaultPolicy(), e); d.Pass() {
		t.Errorf("colours pass for digits: %+v", d)
	}
	for _, m := range []string{MethodFlash, "", "other"} {
		e = genuineDigits()
		e.Method = m
		if d := Decide(DefaultPolicy(), e); d.Pass() {
			t.Errorf("digits pass for %q: %+v", m, d)
		}
		e.Flash = nil
		if d := Decide(DefaultPolicy(), e); d.Pass() {
			t.Errorf("digits pass for %q: %+v", m, d)
		}
	}
}

// With a recogniser that is good enough for it, the policy may ask that the digits
// beat their substitutes.
func TestMaxBeaten(t *testing.T) {
	p := DefaultPolicy()
	p.MaxBeaten = 1
	for better, want := range map[int]Outcome{6: OutcomePass, 5: OutcomePass, 4: OutcomeInconclusive, 0: OutcomeInconclusive} {
		e := genuineDigits()
		e.Digits.Better = better
		if d := Decide(p, e); d.Outcome != want {
			t.Errorf("%d of 6: %+v", better, d)
		}
	}
}

// Numbers that are none, and infinities, fail closed, whatever else is said.
func TestDecideDigitsFailsClosed(t *testing.T) {
	n := 0
	var walk func(v reflect.Value, at string, e *Evidence)
	walk = func(v reflect.Value, at string, e *Evidence) {
		for i := range v.NumField() {
			f, name := v.Field(i), at+"."+v.Type().Field(i).Name
			switch f.Kind() {
			case reflect.Struct:
				walk(f, name, e)
			case reflect.Float64:
				was := f.Float()
				for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
					f.SetFloat(x)
					if d := Decide(DefaultPolicy(), *e); d.Outcome != OutcomeInconclusive {
						t.Errorf("%s = %v: %+v", name, x, d)
					}
				}
				f.SetFloat(was)
				n++
			}
		}
	}
	e := genuineDigits()
	walk(reflect.ValueOf(e.Digits).Elem(), "Digits", &e)
	walk(reflect.ValueOf(e.Flash).Elem(), "Flash", &e)
	if n < 20 {
		t.Errorf("%d numbers", n)
	}
	if d := Decide(Policy{}, genuineDigits()); d.Pass() {
		t.Errorf("a policy without bounds: %+v", d)
	}
}

// What the registry says shows in nothing before the reading has passed.
func TestDigitsHideTheRegistry(t *testing.T) {
	for name, change := range map[string]func(*Evidence){
		"no sound": func(e *Evidence) { e.Digits.Audio.Fault = AudioAbsent }, "misread": func(e *Evidence) { e.Digits.Score = -9 },
		"lips": func(e *Evidence) { e.Digits.Lips.Sync = 0 }, "light": func(e *Evidence) { e.Flash.P, e.Flash.Amplitude = .4, .06 },
	} {
		for attempt := 1; attempt <= 3; attempt++ {
			e := genuineDigits()
			e.Attempt = attempt
			change(&e)
			want := Decide(DefaultPolicy(), e)
			for _, r := range []ReferenceState{ReferenceAbsent, ReferenceNameMismatch, ReferenceOtherModel} {
				e.Reference, e.Match = r, nil
				if got := Decide(DefaultPolicy(), e); !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s: %+v, want %+v", name, r, got, want)
				}
			}
		}
	}
}

func TestDigitsEvidenceRoundTrip(t *testing.T) {
	want := genuineDigits()
	j, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Evidence
	if err := json.Unmarshal(j, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v %+v", err, got)
	}
}
