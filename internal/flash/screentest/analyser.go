// Package screentest looks at what a capture's screen shows the way a flash
// analyser does: picture after picture, without a word about how the colours
// were drawn. It shares no code with internal/flash and none with the safety
// check there: the screen is rebuilt from the messages to the client, the rules
// are written down again from their published definitions:
//
//   - W3C, Web Content Accessibility Guidelines 2.2, success criterion 2.3.1 and
//     the definition of "general flash and red flash thresholds";
//   - ITU-R BT.1702-2, for flashes between two bright states.
//
// It is no substitute for a certified analyser of photosensitive safety.
package screentest

// Linear is light in linear sRGB, 0 to 1 a channel.
type Linear [3]float64

// The thresholds. Neither standard's exemption for small areas is used.
const (
	flashStep = .1      // change of relative luminance that makes half a flash
	darkState = .8      // … if the darker state is below it, else
	contrast  = 1. / 17 // … Michelson contrast (ITU-R BT.1702 on a screen of 200 cd/m²)
	redRatio  = .8      // R/(R+G+B) from which red is saturated
	redStep   = 20. / 320
	window    = 1. // s
)

// Limit is how many flashes, and how many red ones, any second may have.
const Limit = 3

// luminance is the relative luminance of WCAG.
func (c Linear) luminance() float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }

// saturated says whether light is saturated red. Black has no hue.
func (c Linear) saturated() bool {
	sum := c[0] + c[1] + c[2]
	return sum > 1e-6 && c[0] >= redRatio*sum
}

// redness is max(0, R − G − B) of saturated light, 0 of any other: WCAG's
// measure of how strong a saturated red is, without its factor 320.
func (c Linear) redness() float64 {
	if !c.saturated() {
		return 0
	}
	return max(0, c[0]-c[1]-c[2])
}

// Verdict is the worst of a sequence of pictures.
type Verdict struct {
	General   int     // most general flashes within any second, at any place
	Red       int     // most red flashes, likewise
	Saturated int     // places × pictures with saturated red
	Closest   float64 // shortest time between two opposing changes of luminance, s; 0: there were no two
}

// Safe says whether the limits are kept: no more than Limit flashes of either
// kind in any second.
func (v Verdict) Safe() bool { return v.General <= Limit && v.Red <= Limit }

// changes follows one value at one place and notes the changes that alternate
// in direction. A change is noted at the moment when it has become large enough.
type changes struct {
	enough func(lo, hi float64) bool
	begun  bool
	dir    int // of the last change: 1 up, -1 down, 0 none yet
	lo, hi float64
	times  []float64
}

func (c *changes) see(t, v float64) {
	if !c.begun {
		c.begun, c.lo, c.hi = true, v, v
		return
	}
	c.lo, c.hi = min(c.lo, v), max(c.hi, v)
	switch {
	case c.dir >= 0 && c.hi > v && c.enough(v, c.hi):
		c.dir, c.lo = -1, v
		c.times = append(c.times, t)
	case c.dir <= 0 && c.lo < v && c.enough(c.lo, v):
		c.dir, c.hi = 1, v
		c.times = append(c.times, t)
	}
}

// worst gives the most pairs of changes within a second and the shortest time
// between two changes, 0 if there are not two.
func (c *changes) worst() (pairs int, closest float64) {
	first := 0
	for i, t := range c.times {
		for t-c.times[first] > window+1e-9 {
			first++
		}
		pairs = max(pairs, (i-first+1)/2)
		if i > 0 && (closest == 0 || t-c.times[i-1] < closest) {
			closest = t - c.times[i-1]
		}
	}
	return pairs, closest
}

func generalChange(lo, hi float64) bool {
	if lo < darkState {
		return hi-lo >= flashStep
	}
	return (hi-lo)/(hi+lo) >= contrast
}

func redChange(lo, hi float64) bool { return hi-lo >= redStep }

// switchChange is about the other definition of a red flash (WCAG 2.2: one state
// is saturated and the two are more than .2 apart in CIE 1976 u′v′). It is made
// stricter: any change between saturated red and what is not counts.
func switchChange(lo, hi float64) bool { return hi > lo }

// place is what is followed at one place, or over one area, of the screen.
type place struct{ general, red, hue changes }

// Analyser counts the flashes of pictures that are shown to it in their order.
type Analyser struct {
	places    []place
	saturated int
}

// See takes the picture shown from t (seconds) on: the light of each strip of the
// screen, of equal areas, always the same number. Looked at are each strip, each
// run of strips that fills a quarter of the screen, each half, and the whole.
func (a *Analyser) See(t float64, strips []Linear) {
	n := len(strips)
	if a.places == nil {
		a.places = make([]place, n+4+2+1)
		for i := range a.places {
			a.places[i].general.enough, a.places[i].red.enough, a.places[i].hue.enough = generalChange, redChange, switchChange
		}
	}
	for i, c := range strips {
		a.see(&a.places[i], t, c)
		if c.saturated() {
			a.saturated++
		}
	}
	k := n
	for _, parts := range [...]int{4, 2, 1} {
		for i := range parts {
			a.see(&a.places[k], t, mean(strips[i*n/parts:(i+1)*n/parts]))
			k++
		}
	}
}

func (a *Analyser) see(p *place, t float64, c Linear) {
	p.general.see(t, c.luminance())
	p.red.see(t, c.redness())
	hue := 0.
	if c.saturated() {
		hue = 1
	}
	p.hue.see(t, hue)
}

func mean(strips []Linear) (m Linear) {
	for _, c := range strips {
		for k := range m {
			m[k] += c[k] / float64(len(strips))
		}
	}
	return m
}

// Verdict gives the worst so far.
func (a *Analyser) Verdict() Verdict {
	v := Verdict{Saturated: a.saturated}
	for i := range a.places {
		p := &a.places[i]
		general, closest := p.general.worst()
		red, _ := p.red.worst()
		hue, _ := p.hue.worst()
		v.General, v.Red = max(v.General, general), max(v.Red, red, hue)
		if closest > 0 && (v.Closest == 0 || closest < v.Closest) {
			v.Closest = closest
		}
	}
	return v
}

// Reset makes the analyser new, and keeps its memory.
func (a *Analyser) Reset() {
	for i := range a.places {
		p := &a.places[i]
		for _, c := range []*changes{&p.general, &p.red, &p.hue} {
			c.begun, c.dir, c.times = false, 0, c.times[:0]
		}
	}
	a.saturated = 0
}
