package simcam

import (
	"bytes"
	"math"
	"math/rand/v2"
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
