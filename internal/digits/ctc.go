package digits

import (
	"math"

	"faceproof"
)

// Language says which spoken digits count.
type Language string

// The languages.
const (
	AnyLanguage Language = "" // each digit in either language
	Chinese     Language = "zh"
	English     Language = "en"
)

// Classes says which classes of a recogniser mean which digit.
type Classes struct {
	blank int
	digit [10][]int
	n     int
	one   [2]*Classes // of OneLanguage: each language by itself
}

// NewClasses reads the names of a recogniser's classes: "_" for the blank, "zh0"
// to "zh9", "zhy" (yao, the other 1), "en0" to "en9" and "eno" (oh, the other 0). Errors:
// CodeInvalid, field "classes", for an unknown name, for two of one name, and
// for a digit that no class means.
func NewClasses(names []string, l Language) (Classes, error) {
	if l == OneLanguage {
		return oneLanguage(names)
	}
	c, err := newClasses(names, l)
	if err != nil {
		return Classes{}, err
	}
	return *c, nil
}

func newClasses(names []string, l Language) (*Classes, error) {
	c := &Classes{blank: -1, n: len(names)}
	bad := func(why string) (*Classes, error) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "classes", "%s", why)
	}
	seen := map[string]bool{}
	for i, name := range names {
		if seen[name] {
			return bad("one name twice")
		}
		seen[name] = true
		if name == "_" {
			c.blank = i
			continue
		}
		lang, digit, ok := meaning(name)
		if !ok {
			return bad("an unknown name")
		}
		if l == AnyLanguage || l == lang {
			c.digit[digit] = append(c.digit[digit], i)
		}
	}
	if c.blank < 0 {
		return bad("no blank")
	}
	for _, d := range c.digit {
		if len(d) == 0 {
			return bad("a digit without a class")
		}
	}
	return c, nil
}

// meaning of a class that is not the blank.
func meaning(name string) (l Language, digit int, ok bool) {
	switch name {
	case "zhy":
		return Chinese, 1, true
	case "eno":
		return English, 0, true
	}
	if len(name) != 3 || name[2] < '0' || name[2] > '9' {
		return "", 0, false
	}
	l = Language(name[:2])
	return l, int(name[2] - '0'), l == Chinese || l == English
}

// Rows are probabilities here, floored so that one impossible frame (a network's
// −∞, or worse) cannot make the whole impossible, and blankAt is the blank's
// place in a merged row, after the ten digits.
const (
	leastLog = -60
	blankAt  = 10
)

// LeastScore is the score of what cannot be scored at all: fewer rows than
// digits. It stays a number, since evidence holds only numbers.
const LeastScore = -99

// merged is one row: the probability of each digit and of the blank.
type merged [11]float64

func (c Classes) merge(logp [][]float32) []merged {
	rows := make([]merged, len(logp))
	at := func(row []float32, i int) float64 {
		v := float64(math.Inf(-1))
		if i < len(row) {
			v = float64(row[i])
		}
		if !(v > leastLog) { // NaN too
			v = leastLog
		}
		return math.Exp(min(v, 0))
	}
	for t, row := range logp {
		for d, classes := range c.digit {
			for _, i := range classes {
				rows[t][d] += at(row, i)
			}
		}
		rows[t][blankAt] = at(row, c.blank)
	}
	return rows
}

// Score asks how well the rows fit the expected digits: a is the exact
// log-probability of hearing just these, by the digit; better counts the digits
// that are more probable than each of the nine others in their place; heard is
// how many digits a greedy reading finds; onsets are the rows in which each
// expected digit begins on the best path (nil when there are too few rows).
func Score(logp [][]float32, classes Classes, expect string) (a float64, better, heard int, onsets []int) {
	if classes.one[0] != nil {
		return scoreOne(logp, classes, expect)
	}
	rows := classes.merge(logp)
	heard = greedy(rows)
	digits := make([]int, len(expect))
	for i := range digits {
		if expect[i] < '0' || expect[i] > '9' {
			return LeastScore, 0, heard, nil
		}
		digits[i] = int(expect[i] - '0')
	}
	own := forward(rows, digits)
	if len(digits) == 0 || math.IsInf(own, -1) {
		return LeastScore, 0, heard, nil
	}
	for i, d := range digits {
		wins := true
		for other := 0; other < 10 && wins; other++ {
			if other == d {
				continue
			}
			digits[i] = other
			wins = own > forward(rows, digits)
		}
		if digits[i] = d; wins {
			better++
		}
	}
	return max(own/float64(len(digits)), LeastScore), better, heard, align(rows, digits)
}

// forward is the log-probability of the digits: the sum over all paths that read
// as them (Graves et al. 2006, equations 6 to 8), in probabilities that are
// scaled in each row.
func forward(rows []merged, digits []int) float64 {
	n := 2*len(digits) + 1
	var now, next [2*maxScored + 1]float64
	if len(rows) == 0 || n > len(now) {
		return math.Inf(-1)
	}
	now[0] = rows[0][blankAt]
	if n > 1 {
		now[1] = rows[0][digits[0]]
	}
	var log float64
	for t := 0; ; t++ {
		var sum float64
		for _, v := range now[:n] {
			sum += v
		}
		if sum == 0 {
			return math.Inf(-1)
		}
		log += math.Log(sum)
		for s := range now[:n] {
			now[s] /= sum
		}
		if t+1 == len(rows) {
			break
		}
		row := &rows[t+1]
		for s := range n {
			v := now[s]
			if s >= 1 {
				v += now[s-1]
			}
			if s%2 == 0 {
				next[s] = v * row[blankAt]
				continue
			}
			d := digits[s/2]
			if s >= 3 && d != digits[s/2-1] {
				v += now[s-2]
			}
			next[s] = v * row[d]
		}
		now, next = next, now
	}
	end := now[n-1]
	if n > 1 {
		end += now[n-2]
	}
	return log + math.Log(end)
}

// maxScored bounds the digits of a score.
const maxScored = 16

// align gives the first row of each digit on the most probable path.
func align(rows []merged, digits []int) []int {
	n := 2*len(digits) + 1
	if len(rows) == 0 || len(digits) > maxScored {
		return nil
	}
	log := func(t, s int) float64 {
		if s%2 == 0 {
			return math.Log(rows[t][blankAt])
		}
		return math.Log(rows[t][digits[s/2]])
	}
	from := make([][2*maxScored + 1]int8, len(rows)) // steps back to the state before
	var now, next [2*maxScored + 1]float64
	for s := range now {
		now[s] = math.Inf(-1)
	}
	now[0], now[1] = log(0, 0), log(0, 1)
	for t := 1; t < len(rows); t++ {
		for s := range n {
			best, back := now[s], 0
			if s >= 1 && now[s-1] > best {
				best, back = now[s-1], 1
			}
			if s%2 == 1 && s >= 3 && digits[s/2] != digits[s/2-1] && now[s-2] > best {
				best, back = now[s-2], 2
			}
			next[s] = best + log(t, s)
			from[t][s] = int8(back)
		}
		now, next = next, now
	}
	s := n - 1
	if now[n-2] > now[n-1] {
		s = n - 2
	}
	if math.IsInf(now[s], -1) {
		return nil
	}
	onsets := make([]int, len(digits))
	for t := len(rows) - 1; t >= 0; t-- {
		if s%2 == 1 {
			onsets[s/2] = t
		}
		s -= int(from[t][s])
	}
	return onsets
}

// greedy counts the digits that the best class of each row reads as.
func greedy(rows []merged) (n int) {
	last := blankAt
	for t := range rows {
		best := blankAt
		for d := range 10 {
			if rows[t][d] > rows[t][best] {
				best = d
			}
		}
		if best != blankAt && best != last {
			n++
		}
		last = best
	}
	return n
}
