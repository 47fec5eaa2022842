package digits

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"faceproof"
)

// names are the classes of the recogniser.
func names() []string {
	all := []string{"_"}
	for _, l := range []string{"zh", "en"} {
		for d := '0'; d <= '9'; d++ {
			all = append(all, l+string(d))
		}
	}
	return append(all, "zhy", "eno")
}

func classesOf(tb testing.TB, l Language) Classes {
	tb.Helper()
	c, err := NewClasses(names(), l)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// drawRows draws the output of a recogniser.
func drawRows(t *rapid.T, most int) [][]float32 {
	rows := make([][]float32, rapid.IntRange(0, most).Draw(t, "rows"))
	for i := range rows {
		p := rapid.SliceOfN(rapid.Float64Range(1e-6, 1), 23, 23).Draw(t, "row")
		var sum float64
		for _, v := range p {
			sum += v
		}
		for _, v := range p {
			rows[i] = append(rows[i], float32(math.Log(v/sum)))
		}
	}
	return rows
}

// brute gives the probability of every reading of up to 3 digits, from all paths.
func brute(rows []merged) map[string]float64 {
	out := map[string]float64{}
	var walk func(t, last int, read string, p float64)
	walk = func(t, last int, read string, p float64) {
		if t == len(rows) {
			out[read] += p
			return
		}
		for k, v := range rows[t] {
			next := read
			if k != blankAt && k != last {
				next += string(rune('0' + k))
			}
			walk(t+1, k, next, p*v)
		}
	}
	walk(0, blankAt, "", 1)
	return out
}

// The score is the sum over all paths, and a digit is better when each of its
// nine substitutes has less.
func TestScoreIsExact(t *testing.T) {
	c := classesOf(t, AnyLanguage)
	rapid.Check(t, func(t *rapid.T) {
		logp := drawRows(t, 4)
		expect := rapid.StringMatching(`[0-9]{1,3}`).Draw(t, "digits")
		a, better, _, onsets := Score(logp, c, expect)
		all := brute(c.merge(logp))
		p := 0.
		if len(logp) > 0 {
			p = all[expect]
		}
		if p == 0 {
			if a != LeastScore || better != 0 || onsets != nil {
				t.Fatalf("an impossible reading has %g, %d, %v", a, better, onsets)
			}
			return
		}
		if want := math.Log(p) / float64(len(expect)); math.Abs(a-want) > 1e-9 {
			t.Fatalf("%s: %g, want %g", expect, a, want)
		}
		wins := 0
		for i := range expect {
			best := 0.
			for d := '0'; d <= '9'; d++ {
				if other := expect[:i] + string(d) + expect[i+1:]; other != expect {
					best = max(best, all[other])
				}
			}
			if p > best {
				wins++
			}
		}
		if better != wins {
			t.Fatalf("%s: %d better, want %d", expect, better, wins)
		}
		for i, at := range onsets {
			if at < 0 || at >= len(logp) || i > 0 && at <= onsets[i-1] {
				t.Fatalf("onsets %v", onsets)
			}
		}
	})
}

// spell is the output of a recogniser that hears a digit in two of every six
// rows, as sure as p, and else nothing.
func spell(classes []string, p float64) [][]float32 {
	at := map[string]int{}
	for i, n := range names() {
		at[n] = i
	}
	var rows [][]float32
	for i := range 6*len(classes) + 4 {
		row := make([]float32, 23)
		for k := range row {
			row[k] = float32(math.Log((1 - p) / 44))
		}
		row[0] = float32(math.Log((1 - p) / 2))
		k := 0
		if j := i / 6; j < len(classes) && (i%6 == 2 || i%6 == 3) {
			k = at[classes[j]]
		}
		row[k] = float32(math.Log(p))
		rows = append(rows, row)
	}
	return rows
}

func TestScoreOfDigits(t *testing.T) {
	c := classesOf(t, AnyLanguage)
	said := spell([]string{"zh3", "zhy", "en4", "eno", "zh7", "zh7"}, .9)
	a, better, heard, onsets := Score(said, c, "314077")
	if a < -1 || better != 6 || heard != 6 {
		t.Errorf("the right digits: %g, %d, %d", a, better, heard)
	}
	for i, at := range onsets {
		if at != 6*i+2 {
			t.Errorf("onsets %v", onsets)
		}
	}
	for expect, most := range map[string]float64{"314078": -.5, "999999": -2, "31407": -.5} {
		wrong, b, g, _ := Score(said, c, expect)
		if wrong > a+most || b == len(expect) && expect != "31407" || g != 6 {
			t.Errorf("%s: %g, %d, %d; the right ones have %g", expect, wrong, b, g, a)
		}
	}
	// One language only: the other's digits are not heard.
	if _, _, heard, _ := Score(said, classesOf(t, Chinese), "314077"); heard != 4 {
		t.Errorf("%d digits in Chinese", heard)
	}
	if _, _, heard, _ := Score(said, classesOf(t, English), "314077"); heard != 2 {
		t.Errorf("%d digits in English", heard)
	}
}

// What a network may give, numbers or not, never breaks the evidence.
func TestScoreOfNonsense(t *testing.T) {
	c := classesOf(t, AnyLanguage)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	odd := [][]float32{{nan}, {}, nil, {-inf, -inf, -inf}, {inf, inf, nan, -inf}, make([]float32, 40)}
	long := make([][]float32, 3000)
	for i := range long {
		long[i] = make([]float32, 23)
		for k := range long[i] {
			long[i][k] = -1e30
		}
	}
	for name, rows := range map[string][][]float32{"none": nil, "odd": odd, "impossible": long} {
		for _, expect := range []string{"", "1", "123456", "11111111", "x23456", "12345678901234567890"} {
			a, better, heard, onsets := Score(rows, c, expect)
			if math.IsNaN(a) || math.IsInf(a, 0) || better < 0 || better > len(expect) || heard < 0 || len(onsets) > len(expect) {
				t.Errorf("%s, %q: %g, %d, %d, %v", name, expect, a, better, heard, onsets)
			}
			if a > 0 && name != "odd" {
				t.Errorf("%s, %q: %g", name, expect, a)
			}
		}
	}
}

func TestClasses(t *testing.T) {
	if _, err := NewClasses([]string{"_", "zh0", "zh1", "zh2", "zh3", "zh4", "zh5", "zh6", "zh7", "zh8", "zh9"}, Chinese); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string][]string{
		"none": nil, "no blank": names()[1:], "twice": append(names(), "zh3"), "unknown": append(names(), "fr1"), "short": {"_", "zh0"}, "odd": append(names(), "zh:"),
	} {
		if _, err := NewClasses(bad, AnyLanguage); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
