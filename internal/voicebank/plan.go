package voicebank

import (
	"io"
	"strings"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/draw"
)

// Places is how many digits a string has.
const Places = 6

// String is one of a speaker's plan.
type String struct {
	N     int    `json:"n"`     // from 1
	Label string `json:"label"` // what is to be said, one character a digit: y is 幺, o is "oh"
	Paced bool   `json:"paced"` // one by one, as the product asks; false: shown whole, read fluently
	// ms of the product's own pacing; ShowMS counts from the end of the pre-roll
	PrerollMS int   `json:"preroll_ms"`
	ShowMS    []int `json:"show_ms"`
	EndMS     int   `json:"end_ms"`
}

// Shown is the label in digits, as the page shows it.
func (s String) Shown() string { return strings.NewReplacer("y", "1", "o", "0").Replace(s.Label) }

// How a speaker says the digit that has two names (1 in Chinese, 0 in English).
const (
	sayShown  = ""       // as the page asks: now one, now the other
	sayDigit  = "digit"  // always 一, always zero
	sayLetter = "letter" // always 幺, always oh
)

// drawPlan draws count strings: each digit equally often at each place (where
// count is a multiple of ten), never three times running, half of the strings
// paced. Of the digit with two names half are asked for by each.
func drawPlan(random io.Reader, count int, lang, say string) ([]String, error) {
	b := draw.From(random)
	twice, letter := byte('1'), byte('y')
	if lang == "en" {
		twice, letter = '0', 'o'
	}
	rows := make([][]byte, count)
	for place := range Places {
		for ok := false; !ok && b.Err == nil; {
			column := drawColumn(count, b)
			ok = true
			for i, d := range column {
				if r := rows[i][:place]; place >= 2 && r[place-1] == d && r[place-2] == d {
					ok = false
				}
			}
			for i := range rows {
				rows[i] = append(rows[i][:place], column[i])
			}
		}
	}
	paced := shuffled(count, b)
	for place := range Places { // each name as often as the other, at each place
		next := b.Next()%2 == 0
		for _, i := range shuffled(count, b) {
			if rows[i][place] == twice && say != sayDigit {
				if say == sayLetter || next {
					rows[i][place] = letter
				}
				next = !next
			}
		}
	}
	plan := make([]String, count)
	for i := range plan {
		ch, err := digits.New(random, digits.Options{Count: Places, Paced: paced[i]%2 == 0})
		if err != nil {
			return nil, err
		}
		plan[i] = String{N: i + 1, Label: string(rows[i]), Paced: ch.Paced, PrerollMS: ch.PrerollMS, ShowMS: ch.ShowMS, EndMS: ch.EndMS}
	}
	if b.Err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the random source failed", Err: b.Err}
	}
	return plan, nil
}

// drawColumn gives count digits in random order, each as often as another but for a rest.
func drawColumn(count int, b *draw.Bytes) []byte {
	out := make([]byte, count)
	which := shuffled(10, b) // which digits make the rest
	for to, from := range shuffled(count, b) {
		out[to] = '0' + byte(which[from%10])
	}
	return out
}

// shuffled gives 0 to n−1 in uniform order; n is at most 256.
func shuffled(n int, b *draw.Bytes) []int {
	out := make([]int, n)
	for i := range out {
		j := below(b, i+1)
		out[i], out[j] = out[j], i
	}
	return out
}

// below gives a uniform number under n by rejection.
func below(b *draw.Bytes, n int) int {
	for top := 256 / n * n; ; {
		if v := int(b.Next()); v < top {
			return v % n
		}
	}
}
