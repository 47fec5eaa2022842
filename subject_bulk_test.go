package faceproof

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// A check character by ISO 7064 MOD 11-2 as the standard writes it, from the
// right, not by the table of the product: the weight of place i is 2^i mod 11.
func checkByISO(body string) string {
	sum, weight := 0, 2
	for i := len(body) - 1; i >= 0; i-- {
		sum += int(body[i]-'0') * weight
		weight = weight * 2 % 11
	}
	if d := (12 - sum%11) % 11; d < 10 {
		return fmt.Sprint(d)
	}
	return "X"
}

// drawID is an invented number: of region 99, born between 1900 and 2020.
func drawID(r *rand.Rand) string {
	born := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(121*365))
	body := fmt.Sprintf("99%04d%s%03d", r.IntN(10000), born.Format("20060102"), r.IntN(1000))
	return body + checkByISO(body)
}

// replaceDigits writes the digits of s from another zero on.
func replaceDigits(s string, zero rune) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return zero + c - '0'
		}
		return c
	}, s)
}

// spoilers make a number that must be refused of one that is right.
var spoilers = map[string]func(r *rand.Rand, id string) string{
	"short":      func(r *rand.Rand, id string) string { return id[:r.IntN(18)] },
	"long":       func(r *rand.Rand, id string) string { return id + id[:1+r.IntN(18)] },
	"first form": func(_ *rand.Rand, id string) string { return id[:6] + id[8:17] },
	"check": func(r *rand.Rand, id string) string {
		return id[:17] + string(idCheck[(strings.IndexByte(idCheck, id[17])+1+r.IntN(10))%11])
	},
	"month":         func(_ *rand.Rand, id string) string { return redo(id[:10] + "13" + id[12:17]) },
	"day":           func(_ *rand.Rand, id string) string { return redo(id[:10] + "0230" + id[14:17]) },
	"no day":        func(_ *rand.Rand, id string) string { return redo(id[:12] + "00" + id[14:17]) },
	"leap day":      func(_ *rand.Rand, id string) string { return redo(id[:6] + "19000229" + id[14:17]) },
	"future":        func(_ *rand.Rand, id string) string { return redo(id[:6] + "20261123" + id[14:17]) },
	"long ago":      func(_ *rand.Rand, id string) string { return redo(id[:6] + "18491231" + id[14:17]) },
	"letter":        func(r *rand.Rand, id string) string { i := r.IntN(17); return id[:i] + "X" + id[i+1:] },
	"letter o":      func(r *rand.Rand, id string) string { i := r.IntN(17); return id[:i] + "O" + id[i+1:] },
	"Arabic-Indic":  func(_ *rand.Rand, id string) string { return replaceDigits(id, '٠') },
	"Devanagari":    func(_ *rand.Rand, id string) string { return replaceDigits(id, '०') },
	"mathematical":  func(_ *rand.Rand, id string) string { return replaceDigits(id, '𝟎') },
	"superscript":   func(_ *rand.Rand, id string) string { return strings.Replace(id, id[2:3], "²", 1) },
	"right to left": func(r *rand.Rand, id string) string { i := r.IntN(19); return id[:i] + "\u202e" + id[i:] },
	"zero width":    func(r *rand.Rand, id string) string { i := 1 + r.IntN(17); return id[:i] + "\u200b" + id[i:] },
	"NUL":           func(r *rand.Rand, id string) string { i := r.IntN(18); return id[:i] + "\x00" + id[i+1:] },
	"NUL at end":    func(_ *rand.Rand, id string) string { return id + "\x00" },
	"space inside":  func(r *rand.Rand, id string) string { i := 1 + r.IntN(17); return id[:i] + " " + id[i:] },
	"hyphens":       func(_ *rand.Rand, id string) string { return id[:6] + "-" + id[6:14] + "-" + id[14:] },
	"sign":          func(_ *rand.Rand, id string) string { return "+" + id[1:] },
	"no UTF-8":      func(r *rand.Rand, id string) string { i := r.IntN(18); return id[:i] + "\xff" + id[i+1:] },
	"SQL":           func(_ *rand.Rand, id string) string { return id[:17] + "'" },
	"Cyrillic Ha":   func(_ *rand.Rand, id string) string { return id[:17] + "Х" },
}

// redo gives 17 characters their right check character, so that nothing but them
// is wrong.
func redo(body string) string { return body + checkByISO(body) }

// accepted are ways of writing a right number that people use.
var accepted = []func(id string) string{
	func(id string) string { return id },
	strings.ToLower,
	func(id string) string { return " \t" + id + "\r\n" },
	func(id string) string { return "\u3000" + id },
	func(id string) string { return replaceDigits(id, '０') },
	func(id string) string { return strings.ReplaceAll(replaceDigits(id, '０'), "X", "ｘ") },
	func(id string) string { return strings.ReplaceAll(id, "X", "Ｘ") },
}

// bulkSeed is of the numbers and names of these tests.
const bulkSeed = 11643

// security.md §5, "ID numbers": 10,000 right ones and 10,000 wrong ones, drawn
// from every class of mistake.
func TestTenThousandIDNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(bulkSeed, 1))
	const n = 10_000
	for i := range n {
		id := drawID(r)
		got, err := ParseIDNumber(accepted[i%len(accepted)](id), "id", testNow)
		if err != nil || got.Reveal() != id {
			t.Fatalf("right number %d, way %d: %v", i, i%len(accepted), err)
		}
	}
	kinds := 0
	for kind, spoil := range spoilers {
		kinds++
		for range n/len(spoilers) + 1 {
			bad := spoil(r, drawID(r))
			if got, err := ParseIDNumber(bad, "id", testNow); ErrorCode(err) != CodeInvalid || got.Reveal() != "" {
				t.Fatalf("%s: %q was taken: %v", kind, bad, err)
			} else if strings.Contains(err.Error(), bad) && bad != "" {
				t.Fatalf("%s: the error quotes the number", kind)
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "ID numbers", Seed: bulkSeed, N: 2 * n,
		Result: fmt.Sprintf("%d right ones in %d ways of writing taken, %d wrong ones of %d kinds refused, the check character by the standard's own formula", n, len(accepted), n, kinds)})
	if kinds < 20 {
		t.Errorf("%d kinds of mistakes", kinds)
	}
}
