package digits

import (
	"encoding/hex"
	"io"

	"faceproof"
	"faceproof/internal/draw"
	"faceproof/internal/flash"
)

// The timing of a challenge in milliseconds.
const (
	prerollMS = 1000 // silence, to know the noise of the room
	fadeMS    = 300
	minGapMS  = 900 // between two digits, uniform
	maxGapMS  = 1600
	tailMS    = 1800 // for the last digit: as late as it may begin, and spoken
	onceMS    = 1500 // all at once: to begin …
	onceEach  = 900  // … and for each digit
	minLongMS = 7000 // of six digits in all: long enough for the lips, in proportion for others
	maxLongMS = 9000
)

// How many digits may be asked for, and how many are.
const (
	minCount    = 4
	maxCount    = 8
	usualCount  = 6
	atOnceCount = 4
	lightCount  = 6 // fewer colours are no code
)

// neutral lights the pre-roll and, where there is no light code, everything.
var neutral = faceproof.RGB{200, 200, 200}

// Options of a challenge.
type Options struct {
	Count int  // of digits, 4 to 8; 0: 6, and 4 where not Paced
	Paced bool // one by one; false: all at once, a weaker test
	Light bool // with gentle colours; only of lightCount and more, one by one
}

// New draws a challenge: digits uniform over the strings without the same digit
// three times running, gaps uniform over those that make six digits last 7 to 9
// seconds. random must be a cryptographic source; its errors, and a count that
// is out of bounds, are CodeInternal.
func New(random io.Reader, o Options) (faceproof.DigitsChallenge, error) {
	if o.Count == 0 {
		o.Count = atOnceCount
		if o.Paced {
			o.Count = usualCount
		}
	}
	if o.Count < minCount || o.Count > maxCount {
		return faceproof.DigitsChallenge{}, faceproof.Errorf(faceproof.CodeInternal, "count", "%d digits are too few or too many", o.Count)
	}
	b := draw.From(random)
	var nonce [16]byte
	for i := range nonce {
		nonce[i] = b.Next()
	}
	ch := faceproof.DigitsChallenge{
		Nonce: hex.EncodeToString(nonce[:]), Digits: drawDigits(o.Count, b), Paced: o.Paced,
		ShowMS: []int{0}, EndMS: onceMS + onceEach*o.Count,
		Neutral: neutral, FadeMS: fadeMS, PrerollMS: prerollMS,
	}
	if o.Paced {
		ch.ShowMS = drawTimes(o.Count, b)
		ch.EndMS = ch.ShowMS[o.Count-1] + tailMS
	}
	if b.Err != nil {
		return faceproof.DigitsChallenge{}, &faceproof.Error{
			Code: faceproof.CodeInternal, Message: "the random source failed", Err: b.Err}
	}
	if o.Light && o.Paced && o.Count >= lightCount {
		var err error
		if ch.Light, err = flash.Gentle(random, o.Count); err != nil {
			return faceproof.DigitsChallenge{}, err
		}
	}
	if err := flash.CheckGentle(ch); err != nil {
		return faceproof.DigitsChallenge{}, err
	}
	return ch, nil
}

// drawDigits is uniform over the strings without three equal digits running.
func drawDigits(n int, b *draw.Bytes) string {
	d := make([]byte, n)
	for ok := false; !ok; {
		ok = true
		for i := range d {
			d[i] = '0' + byte(below(b, 10))
			ok = ok && !(i >= 2 && d[i] == d[i-1] && d[i] == d[i-2])
		}
	}
	return string(d)
}

// drawTimes is uniform over the gaps that keep the whole within its bounds.
func drawTimes(n int, b *draw.Bytes) []int {
	show := make([]int, n)
	for {
		for i := 1; i < n; i++ {
			show[i] = show[i-1] + minGapMS + below(b, maxGapMS-minGapMS+1)
		}
		if long := (show[n-1] + tailMS) * usualCount; long >= minLongMS*n && long <= maxLongMS*n {
			return show
		}
	}
}

// below gives a uniform number under n, at most 65,536, by rejection.
func below(b *draw.Bytes, n int) int {
	top := 1 << 16 / n * n
	for {
		if v := int(b.Next())<<8 | int(b.Next()); v < top {
			return v % n
		}
	}
}
