package score

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.6g, want %.6g", what, got, want)
	}
}

// Published values: R's binom.test, and the closed forms at the ends.
func TestProportion(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{5, 20, .08657147, .49104587}, {1, 10, .00252858, .44501612}, {50, 100, .39832113, .60167887},
		{0, 200, 0, 1 - math.Pow(.025, 1./200)}, {200, 200, math.Pow(.025, 1./200), 1}, {0, 1, 0, .975},
	} {
		r := Proportion(c.k, c.n)
		near(t, "low", r.Low, c.low, 1e-7)
		near(t, "high", r.High, c.high, 1e-7)
	}
	if r := Proportion(0, 0); r.N != 0 || r.Low != 0 || r.High != 1 {
		t.Errorf("of nothing: %+v", r)
	}
}

// binomial is P(B = k), summed up from scratch.
func binomial(k, n int, p float64) float64 {
	l := logGamma(float64(n+1)) - logGamma(float64(k+1)) - logGamma(float64(n-k+1))
	return math.Exp(l + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func TestProportionCovers(t *testing.T) {
	for _, n := range []int{1, 7, 40, 200} {
		rates := make([]Rate, n+1)
		for k := range rates {
			rates[k] = Proportion(k, n)
		}
		for _, p := range []float64{.001, .005, .02, .1, .37, .5, .8, .999} {
			covered := 0.
			for k, r := range rates {
				if r.Low <= p && p <= r.High {
					covered += binomial(k, n, p)
				}
			}
			if covered < 1-alpha-1e-9 {
				t.Errorf("n %d, rate %g: covered with %.4f", n, p, covered)
			}
		}
	}
}

func TestProportionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		r, mirror := Proportion(k, n), Proportion(n-k, n)
		if !(0 <= r.Low && r.Low <= r.Rate && r.Rate <= r.High && r.High <= 1) {
			t.Fatalf("%+v", r)
		}
		if math.Abs(r.Low-(1-mirror.High)) > 1e-9 {
			t.Fatalf("not symmetrical: %+v %+v", r, mirror)
		}
		if k < n {
			if more := Proportion(k+1, n); more.Low < r.Low || more.High < r.High {
				t.Fatalf("one more gives less: %+v %+v", r, more)
			}
		}
		if twice := Proportion(2*k, 2*n); twice.High-twice.Low > r.High-r.Low {
			t.Fatalf("more data, wider: %+v %+v", r, twice)
		}
		// Each bound is where its tail is α/2.
		if k > 0 {
			if tail := 1 - binomialCDF(k-1, n, r.Low); math.Abs(tail-alpha/2) > 1e-6 {
				t.Fatalf("tail at the low bound %g", tail)
			}
		}
	})
}

func TestBinomialCDF(t *testing.T) {
	for _, c := range []struct {
		k, n int
		p    float64
	}{{0, 5, .3}, {3, 12, .5}, {10, 200, .04}, {190, 200, .95}} {
		want := 0.
		for k := 0; k <= c.k; k++ {
			want += binomial(k, c.n, c.p)
		}
		near(t, "P(B ≤ k)", binomialCDF(c.k, c.n, c.p), want, 1e-10)
	}
}

func TestQuantiles(t *testing.T) {
	q := Quantiles([]float64{5, 1, 4, 2, 3}, 0, .25, .5, 1)
	for i, want := range []float64{1, 2, 3, 5} {
		near(t, "quantile", q[i].Value, want, 1e-12)
	}
	if !q[2].Open {
		t.Error("five values cannot bound a median at 95 %")
	}
	v := make([]float64, 200)
	for i := range v {
		v[i] = float64(i + 1)
	}
	// P(B ≤ 85) = .020 and P(B ≤ 86) = .028 for B binomial of 200 and ½.
	if m := Quantiles(v, .5)[0]; m.Low != 86 || m.High != 115 || m.Open {
		t.Errorf("median of 200: %+v", m)
	}
	if q := Quantiles(nil, .5); q[0].N != 0 || q[0].Value != 0 {
		t.Errorf("of nothing: %+v", q)
	}
}

func TestQuantileCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, p := range []float64{.5, .95} {
		missed := 0
		for range 2000 {
			v := make([]float64, 120)
			for i := range v {
				v[i] = r.Float64()
			}
			if q := Quantiles(v, p)[0]; p < q.Low || p > q.High {
				missed++
			}
		}
		if missed > 2000*alpha { // conservative: at most 100 expected
			t.Errorf("the interval of the %g-quantile missed %d of 2000", p, missed)
		}
	}
}

func TestUniform(t *testing.T) {
	near(t, "upper 5 % point", kolmogorov(1.3581), .05, 1e-4)
	near(t, "upper 1 % point", kolmogorov(1.6276), .01, 1e-4)
	r := rand.New(rand.NewPCG(3, 4))
	rejected, found := 0, 0
	for range 1000 {
		v, skew := make([]float64, 300), make([]float64, 300)
		for i := range v {
			v[i] = r.Float64()
			skew[i] = v[i] * v[i]
		}
		if Uniform(v).P < .05 {
			rejected++
		}
		if Uniform(skew).P < .01 {
			found++
		}
	}
	if rejected < 25 || rejected > 75 {
		t.Errorf("%d of 1000 uniform samples rejected at 5 %%", rejected)
	}
	if found != 1000 {
		t.Errorf("%d of 1000 squared samples found", found)
	}
	if k := Uniform(nil); k.P != 1 || k.N != 0 {
		t.Errorf("of nothing: %+v", k)
	}
}

func TestRates(t *testing.T) {
	attack, live := Outcomes{Accepted: 2, Rejected: 150, Inconclusive: 48}, Outcomes{Accepted: 180, Rejected: 5, Inconclusive: 15}
	near(t, "IAPAR", attack.IAPAR().Rate, .01, 1e-12)
	near(t, "APCER", attack.APCER().Rate, 2./152, 1e-12)
	near(t, "APNRR", attack.APNRR().Rate, .24, 1e-12)
	near(t, "FRR", live.FRR().Rate, .1, 1e-12)
	near(t, "BPCER", live.BPCER().Rate, 5./185, 1e-12)
	near(t, "BPNRR", live.BPNRR().Rate, .075, 1e-12)
	near(t, "RIAPAR", RIAPAR(live, attack), .11, 1e-12)
	near(t, "group ratio", GroupRatio([]Rate{Proportion(1, 10), Proportion(3, 10), {}, Proportion(2, 10)}), 1.5, 1e-12)
	near(t, "group ratio without errors", GroupRatio([]Rate{Proportion(0, 10)}), 1, 0)
}
