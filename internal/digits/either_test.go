package digits

import (
	"math"
	"testing"

	"faceproof"
)

// Rows that say 3 8 in one language and, more weakly, 3 in the other: the score is
// of one language only, and the same whichever of the two it is.
func TestOneLanguage(t *testing.T) {
	names := []string{"_"}
	for _, l := range []string{"zh", "en"} {
		for d := range 10 {
			names = append(names, l+string(rune('0'+d)))
		}
	}
	rows := func(own, other int) [][]float32 {
		out := make([][]float32, 0, 4)
		for _, d := range []int{3, -1, 8, -1} {
			row := make([]float32, len(names))
			for i := range row {
				row[i] = -9
			}
			if d < 0 {
				row[0] = -.01
			} else {
				row[1+own*10+d] = -.4
				row[1+other*10+3] = -1.2
			}
			out = append(out, row)
		}
		return out
	}
	var scores [2]float64
	for own := range 2 {
		logp := rows(own, 1-own)
		both, err := NewClasses(names, OneLanguage)
		if err != nil {
			t.Fatal(err)
		}
		a, better, heard, onsets := Score(logp, both, "38")
		if better != 2 || heard != 2 || len(onsets) != 2 {
			t.Fatalf("language %d: %g, %d better, %d heard, %v", own, a, better, heard, onsets)
		}
		classes, _ := NewClasses(names, []Language{Chinese, English}[own])
		if want, _, _, _ := Score(logp, classes, "38"); a != want {
			t.Errorf("language %d: %g, alone %g", own, a, want)
		}
		if l := Likelihoods(logp, both, []string{"38", "11"}); l[0] != a || l[1] >= a {
			t.Errorf("language %d: likelihoods %g, score %g", own, l, a)
		}
		scores[own] = a
	}
	if math.Abs(scores[0]-scores[1]) > 1e-12 {
		t.Errorf("%g in one language, %g in the other", scores[0], scores[1])
	}
	if _, err := NewClasses(names[:11], OneLanguage); err != nil {
		t.Errorf("a recogniser of one language: %v", err)
	}
	if _, err := NewClasses(names[:10], OneLanguage); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("without a language: %v", err)
	}
}
