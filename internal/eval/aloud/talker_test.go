package aloud

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// toneClips are a voice of tones, of 100 ms for 0 to 190 ms for 9, with silence
// around; digits under from are left out.
func toneClips(id string, from int) (out []Clip) {
	for d := from; d < 10; d++ {
		c := Clip{Lang: "zh", Voice: id, Label: fmt.Sprint(d), Sound: make([]int16, rate/2)}
		for i := range rate * (100 + 10*d) / 1000 {
			c.Sound[rate/10+i] = int16(9000 * math.Sin(2*math.Pi*300*float64(i)/rate))
		}
		out = append(out, c)
	}
	return out
}

// Talkers have eight digits at least, and are known as trained on or not; what they say
// moves the mouth while it sounds.
func TestTalkers(t *testing.T) {
	all := Talkers(append(append(toneClips("a", 0), toneClips("b", 3)...), toneClips("c", 2)...), []string{"c"})
	if len(all) != 2 || all[0].ID != "a" || all[1].ID != "c" || all[0].Trained || !all[1].Trained {
		t.Fatalf("%d talkers", len(all))
	}
	if !all[0].Can("0123456789") || !all[1].Can("2345") || all[1].Can("31") {
		t.Error("they can say other digits than they have")
	}
	r := rand.New(rand.NewPCG(1, 2))
	five := all[0].Say(r, '5')
	if ms := five.MS(); ms < 150 || ms > 200 {
		t.Errorf("a tone of 150 ms lasts %.0f ms", ms)
	}
	words := []Word{{all[0].Say(r, '9'), 500}, {five, 1200}}
	for at, want := range map[float64]bool{100: false, 600: true, 950: false, 1280: true, 1600: false} {
		if o := Mouth(words, at); o < 0 || o > 1 || (o > .5) != want || !want && o > .02 {
			t.Errorf("at %g ms the mouth is open by %.2f", at, o)
		}
	}
	power := func(s []int16, from, to float64) float64 { return toWave(s[int(from*16):int(to*16)]).power() }
	quiet, noisy := Mix(r, words, 2000, 0), Mix(r, words, 2000, 10)
	if len(quiet) != 2*rate || power(quiet, 550, 650) < 1e3*power(quiet, 0, 400) {
		t.Errorf("%d samples, a word of power %g over %g", len(quiet), power(quiet, 550, 650), power(quiet, 0, 400))
	}
	if snr := 10 * math.Log10(power(noisy, 530, 660)/power(noisy, 0, 400)); snr < 8 || snr > 14 {
		t.Errorf("%.1f dB, want about 10", snr)
	}
	if silent := Mix(r, nil, 500, 10); len(silent) != rate/2 || slices.Max(silent) > 300 {
		t.Errorf("nothing is said, and a sample is %d", slices.Max(silent))
	}
}
