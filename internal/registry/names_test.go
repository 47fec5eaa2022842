package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"faceproof"
	"faceproof/internal/acceptance"
)

const namesSeed = 5000

// from draws n characters of a range.
func from(r *rand.Rand, n int, lo, hi rune) string {
	var b strings.Builder
	for range n {
		b.WriteRune(lo + rune(r.IntN(int(hi-lo)+1)))
	}
	return b.String()
}

var separators = []string{"·", "•", "‧", "∙", "⋅", "・", "･", "．", "."}

// nameKinds are the names that identity cards and passports have.
var nameKinds = []func(r *rand.Rand) string{
	func(r *rand.Rand) string { return from(r, 2+r.IntN(3), 0x4E00, 0x9FFF) },
	func(r *rand.Rand) string { return from(r, 1, 0x4E00, 0x9FA5) + from(r, 1, 0x3400, 0x4DBF) },             // extension A
	func(r *rand.Rand) string { return from(r, 1, 0x4E00, 0x9FA5) + from(r, 1+r.IntN(2), 0x20000, 0x2A6DF) }, // B
	func(r *rand.Rand) string { return from(r, 1, 0x4E00, 0x9FA5) + from(r, 1+r.IntN(2), 0x2A700, 0x2EBE0) }, // C to F
	func(r *rand.Rand) string { return from(r, 1, 0x4E00, 0x9FA5) + from(r, 1+r.IntN(2), 0x30000, 0x323AF) }, // G, H
	func(r *rand.Rand) string { return from(r, 2, 0xF900, 0xFA0D) },                                          // compatibility forms
	func(r *rand.Rand) string { return from(r, 1, 0x4E00, 0x9FA5) + from(r, 1, 0xE000, 0xF8FF) },             // private use, of old systems
	func(r *rand.Rand) string {
		return from(r, 4+r.IntN(8), 0x4E00, 0x9FA5) + "·" + from(r, 3+r.IntN(8), 0x4E00, 0x9FA5)
	}, // 阿卜杜热合曼·买买提
	func(r *rand.Rand) string {
		return strings.Repeat(from(r, 8, 0x4E00, 0x9FA5)+"·", 4) + from(r, 18, 0x4E00, 0x9FA5)
	}, // as long as names are
	func(r *rand.Rand) string {
		return from(r, 6+r.IntN(8), 0x0627, 0x064A) + " " + from(r, 5+r.IntN(8), 0x0627, 0x064A)
	}, // in Arabic letters
	func(r *rand.Rand) string {
		return from(r, 3, 0x0F40, 0x0F47) + "\u0F72" + "་" + from(r, 2, 0x0F49, 0x0F6C) + "\u0F7C"
	}, // in Tibetan
	func(r *rand.Rand) string { return from(r, 4+r.IntN(6), 0x1820, 0x1842) }, // in Mongolian
	func(r *rand.Rand) string {
		return "Jos" + from(r, 1, 0xE8, 0xEB) + " Mar" + from(r, 1, 0xEC, 0xEF) + "a"
	}, // é, í: two forms
	func(r *rand.Rand) string {
		return "Nguy" + from(r, 1, 0x1EBE, 0x1EC7) + "n Th" + from(r, 1, 0x1ECA, 0x1ECB) + " Ánh"
	}, // two marks
	func(r *rand.Rand) string { return from(r, 2, 0xAC00, 0xD7A3) + from(r, 1, 0xAC00, 0xD7A3) },       // Hangul: syllables or letters
	func(r *rand.Rand) string { return from(r, 3, 0x30AB, 0x30C9) + "・" + from(r, 3, 0x30AB, 0x30C9) }, // voiced kana
	func(r *rand.Rand) string {
		return from(r, 2, 0x4E00, 0x9FA5) + from(r, 1, 0x4E00, 0x9FA5) + from(r, 1, 0xE0100, 0xE010F)
	}, // a variant's selector
}

// waysOfWriting gives the same name as another system writes it.
func waysOfWriting(r *rand.Rand, name string) []string {
	dot := separators[r.IntN(len(separators))]
	return []string{
		name, norm.NFC.String(name), norm.NFD.String(name), " " + name + "\u3000",
		strings.ReplaceAll(strings.ReplaceAll(name, "·", dot), "・", dot),
		strings.ReplaceAll(name, "·", " "+dot+" "),
		strings.ReplaceAll(name, " ", "\u00a0"),
	}
}

// another is a name that only looks alike, or differs in one character.
func another(r *rand.Rand, name string) string {
	runes := []rune(norm.NFC.String(name))
	if strings.ContainsRune(name, 'o') && r.IntN(2) == 0 {
		return strings.Replace(name, "o", "о", 1) // Cyrillic
	}
	runes[0] = runes[0] ^ 1
	if runes[0] == '·' {
		runes[0] = '王'
	}
	return string(runes)
}

// security.md §5, "Names": a name is found again however it is written, another is
// not; FACEPROOF_MEASURE=1 enrols all of them, else every hundredth.
func TestFiveThousandNames(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	const n = 5000
	every := 100
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		every = 1
	}
	f, r := fresh(t), rand.New(rand.NewPCG(namesSeed, 1))
	ways, enrolled, wrong := 0, 0, 0
	for i := range n {
		kind := i % len(nameKinds)
		plain := nameKinds[kind](r)
		other := another(r, plain)
		parsed, err := faceproof.ParseName(plain, "name")
		if err != nil || utf8.RuneCountInString(plain) > faceproof.MaxNameRunes {
			t.Fatalf("kind %d: %+q: %v", kind, plain, err)
		}
		in := i%every == 0
		if in {
			s := subject(t, plain, i)
			_, err := f.Add(ctx, s, photos("p"), "test")
			must(t, err)
			enrolled++
		}
		for k, w := range waysOfWriting(r, plain) {
			asked, err := faceproof.ParseName(w, "name")
			same := err == nil && sameName(parsed.Reveal(), asked.Reveal())
			if in && same {
				same = f.state(t, faceproof.Subject{Name: asked, IDNumber: subject(t, plain, i).IDNumber}).State == faceproof.ReferenceFound
			}
			if !same {
				t.Errorf("kind %d, way %d: %+q is not taken for %+q (%v)", kind, k, w, plain, err)
				wrong++
			}
			ways++
		}
		if o, err := faceproof.ParseName(other, "name"); err == nil {
			if sameName(parsed.Reveal(), o.Reveal()) {
				t.Errorf("kind %d: %+q is taken for %+q", kind, other, plain)
				wrong++
			} else if in && f.state(t, faceproof.Subject{Name: o, IDNumber: subject(t, plain, i).IDNumber}).State != faceproof.ReferenceNameMismatch {
				t.Errorf("kind %d: another name is no mismatch", kind)
				wrong++
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Names", Seed: namesSeed, N: n, Failures: wrong,
		Result: fmt.Sprintf("%d names of %d kinds in %d ways of writing, %d of them enrolled: each found, no other name taken for it", n, len(nameKinds), ways, enrolled)})
}
