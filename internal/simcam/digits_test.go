package simcam

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
)

// aloudChallenge draws digits with light.
func aloudChallenge(tb testing.TB, seed uint64) faceproof.DigitsChallenge {
	tb.Helper()
	ch, err := digits.New(words{rand.New(rand.NewPCG(seed, 6))}, digits.Options{Paced: true, Light: true})
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

// Digits are filmed as a recording that can be read again, at the times of the
// prompts; the face answers the gentle colours, and nothing answers where there are
// none.
func TestRecordDigits(t *testing.T) {
	ch := aloudChallenge(t, 1)
	s := scene(t, Draw(5, Live, func(p *Params) { calm(p); p.Lux = 100 }))
	rec, err := s.RecordDigits(ch, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := rec.Write(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := capture.ReadRecording(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Error(err)
	}
	tr := rec.Transcript()
	if tr.Method != faceproof.MethodDigits || tr.Digits.Digits != ch.Digits || len(tr.Display) != 8 || tr.Sent != len(rec.Frames) {
		t.Errorf("%+v", tr)
	}
	for i, e := range tr.Display[1:] {
		due := ch.EndMS
		if i < 6 {
			due = ch.ShowMS[i]
		}
		if late := e.T - tr.Display[0].T - float64(ch.PrerollMS+due); late < 0 || late > 250 {
			t.Errorf("%s %d is %.0f ms late", e.Event, e.Index, late)
		}
	}
	lit := swing(t, rec, .5, .53)
	ch.Light = nil
	if rec, err = s.RecordDigits(ch, 1); err != nil {
		t.Fatal(err)
	}
	if plain := swing(t, rec, .5, .53); lit < .05 || plain > lit/3 {
		t.Errorf("the face changes by %.3f with colours, by %.3f without", lit, plain)
	}
	ch.Paced = false
	if _, err := s.RecordDigits(ch, 1); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("all at once: %v", err)
	}
}

// Who knows the digits knows nothing of the colours: χ² of their table.
func TestDigitsAndColoursAreIndependent(t *testing.T) {
	const n = 20_000
	var table [10][6]float64
	index := map[faceproof.RGB]int{}
	for i := range n {
		ch := aloudChallenge(t, uint64(i))
		k := i % 6
		c, ok := index[ch.Light[k]]
		if !ok {
			c = len(index)
			index[ch.Light[k]] = c
		}
		table[ch.Digits[k]-'0'][c]++
	}
	var rows [10]float64
	var columns [6]float64
	for d := range table {
		for c, v := range table[d] {
			rows[d] += v
			columns[c] += v
		}
	}
	x := 0.
	for d := range table {
		for c, v := range table[d] {
			want := rows[d] * columns[c] / n
			x += math.Pow(v-want, 2) / want
		}
	}
	if x > 80 { // 45 degrees of freedom: 80.1 is .1 %
		t.Errorf("χ² = %.1f", x)
	}
}

// A mouth that opens is dark inside and moves the chin; the scene itself stays as it
// was. The sound comes with the recording, and digits all at once are one prompt.
func TestRecordReading(t *testing.T) {
	po := drawn()
	for i := range upperLip {
		x := 240 + 6*float64(i-5)*1.2
		po.Mesh[upperLip[i]], po.Mesh[lowerLip[i]] = [3]float64{x, 365, -80}, [3]float64{x, 369, -80}
	}
	po.Mesh[chinPoint] = [3]float64{240, 432, -70}
	s, err := NewScene(po, Draw(5, Live, calm))
	if err != nil {
		t.Fatal(err)
	}
	tex := slices.Clone(s.tex)
	ch := aloudChallenge(t, 2)
	ch.Paced, ch.ShowMS, ch.EndMS, ch.Light = false, []int{0}, 1500, nil
	sound := make([]int16, 2*capture.AudioRate+100)
	for i := range sound {
		sound[i] = int16(i)
	}
	var told []capture.DisplayEvent
	rec, err := s.RecordReading(ch, 3, Reading{Perform: func(events, filmed []capture.DisplayEvent, end float64) Performance {
		told = events
		if len(events) != 3 || len(filmed) != 3 || end <= events[2].T {
			t.Errorf("%v, %v, %g", events, filmed, end)
		}
		return Performance{Sound: sound, Mouth: func(at float64) float64 {
			if at > events[1].T && at < events[2].T {
				return 1
			}
			return 0
		}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := s.view
	x, y := v.mesh[13][0]/float64(v.w), (v.mesh[14][1]+.1*(v.mesh[chinPoint][1]-v.mesh[14][1]))/float64(v.h)
	var shut, open, n, m float64
	for _, f := range rec.Frames {
		c := spot(t, f, x, y)[1]
		switch late := s.p.LatencyMS + 50; {
		case f.T > told[1].T+late && f.T < told[2].T:
			open, n = open+c, n+1
		case f.T < told[1].T:
			shut, m = shut+c, m+1
		}
	}
	if n < 5 || m < 5 || open/n > .8*shut/m {
		t.Errorf("between the lips %.3f when open (%g frames), %.3f when shut (%g)", open/n, n, shut/m, m)
	}
	if !slices.Equal(tex, s.tex) {
		t.Error("the scene was changed")
	}
	var b bytes.Buffer
	if err := rec.Write(&b); err != nil {
		t.Fatal(err)
	}
	back, err := capture.ReadRecording(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var heard []int16
	for _, a := range back.Sounds {
		heard = a.AppendSamples(heard)
	}
	if tr := back.Transcript(); len(heard) != 2*capture.AudioRate || heard[777] != 777 || tr.Audio.Samples != len(heard) || tr.Audio.T0 < told[0].T || tr.Audio.Gaps() != 0 {
		t.Errorf("%d samples, %+v", len(heard), tr.Audio)
	}
}
