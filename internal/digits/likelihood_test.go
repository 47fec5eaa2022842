package digits

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestLikelihoodsAreScores(t *testing.T) {
	names := []string{"_", "zhy"}
	for d := '0'; d <= '9'; d++ {
		names = append(names, "zh"+string(d))
	}
	classes, err := NewClasses(names, AnyLanguage)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	logp := make([][]float32, 40)
	for i := range logp {
		for range names {
			logp[i] = append(logp[i], float32(math.Log(r.Float64()/6)))
		}
	}
	expect := []string{"7", "0011", "314159", "", "12x", "000000000000"}
	for i, a := range Likelihoods(logp, classes, expect) {
		if want, _, _, _ := Score(logp, classes, expect[i]); a != want {
			t.Errorf("%q: %g, Score says %g", expect[i], a, want)
		}
	}
}
