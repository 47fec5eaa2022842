package simcam

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Points of the mesh: the inner lips from corner to corner, above and below; the
// outer corners of the eyes; the chin.
var (
	upperLip = [11]int{78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308}
	lowerLip = [11]int{78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308}
)

const rightEye, leftEye, chinPoint = 33, 263, 152

// How a mouth opens: as in the talking head of the browser tests (e2e/camera),
// whose lips move by .22 of the distance between the eyes.
const (
	mouthWide   = .22
	mouthReach  = 1.2 // how deep the movement goes, in distances from lips to chin
	lipTremor   = .15 // pixels; no lips are ever still
	softLip     = 1.5 // pixels between flesh and gap
	leastTravel = .02 // pixels
)

// cavity is what is seen between the lips, as a share of the skin's reflectance.
var cavity = [3]float32{.1, .06, .06}

// mouth moves the lower lip of a texture down, and what is below it less and less.
type mouth struct {
	tex                 []float32 // 4 a pixel, of the scene; changed in place
	w                   int
	x0                  int       // of the first column
	lip, travel, reach  []float64 // pixels, of each column
	top, bottom, widest float64
	still               []float32 // the rows from top to bottom as they were
	dark                [3]float32
	r                   *rand.Rand
}

// newMouth prepares the lips of the scene's texture.
func (s *Scene) newMouth(seed uint64) *mouth {
	m := &mouth{tex: s.tex, w: s.w, r: rand.New(rand.NewPCG(seed, 0x110b5))}
	line := make([][2]float64, len(upperLip))
	for i, k := range upperLip {
		for c := range line[i] {
			line[i][c] = (s.mesh[k][c] + s.mesh[lowerLip[i]][c]) / 2
		}
	}
	slices.SortFunc(line, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	left, right := line[0], line[len(line)-1]
	middle, half := (left[0]+right[0])/2, (right[0]-left[0])/2
	eyes := math.Hypot(s.mesh[rightEye][0]-s.mesh[leftEye][0], s.mesh[rightEye][1]-s.mesh[leftEye][1])
	m.x0 = max(int(math.Ceil(left[0])), 0)
	m.top, m.bottom = float64(s.h-2), 0
	for x := m.x0; x <= min(int(right[0]), s.w-1); x++ {
		k := 1
		for k < len(line)-1 && line[k][0] < float64(x) {
			k++
		}
		a, b := line[k-1], line[k]
		y := a[1] + (b[1]-a[1])*(float64(x)-a[0])/max(b[0]-a[0], 1e-6)
		u := (float64(x) - middle) / half
		reach := min(mouthReach*(s.mesh[chinPoint][1]-y), float64(s.h)-3-y)
		m.lip = append(m.lip, y)
		m.travel = append(m.travel, min(mouthWide*eyes*max(0, 1-u*u), .8*reach))
		m.reach = append(m.reach, reach)
		m.top, m.bottom = min(m.top, y), max(m.bottom, y+reach)
		m.widest = max(m.widest, m.travel[len(m.travel)-1])
	}
	m.top, m.bottom = max(math.Floor(m.top), 0), min(math.Ceil(m.bottom)+2, float64(s.h))
	if m.top >= m.bottom || m.widest <= 0 { // a face out of the picture has no mouth to move
		m.lip = nil
		return m
	}
	m.still = slices.Clone(m.tex[4*m.w*int(m.top) : 4*m.w*int(m.bottom)])
	for c, v := range skins[s.p.Skin-1] {
		m.dark[c] = max(cavity[c]*float32(v), .012)
	}
	return m
}

// open puts the texture as it is with the mouth open by a share of its widest.
func (m *mouth) open(share float64) {
	if len(m.lip) == 0 {
		return
	}
	top, bottom := int(m.top), int(m.bottom)
	copy(m.tex[4*m.w*top:], m.still)
	if share <= 0 {
		return
	}
	share = max(0, min(share, 1)+lipTremor*m.r.NormFloat64()/m.widest)
	for i, lip := range m.lip {
		d := share * m.travel[i]
		if d < leastTravel {
			continue
		}
		for y := int(math.Ceil(lip)); y < min(bottom-1, int(lip+m.reach[i])); y++ {
			u := float64(y) - lip
			from, gap := lip, d-u
			if gap <= 0 { // the place of the photo that is here now
				from -= gap / (1 - d/m.reach[i])
			}
			row := min(max(int(from), top), bottom-2)
			k := float32(from - float64(row))
			hole := float32(max(0, min(1, u/softLip, gap/softLip+.5)))
			out, at := 4*(y*m.w+m.x0+i), 4*((row-top)*m.w+m.x0+i)
			for c := range 3 {
				flesh := m.still[at+c]*(1-k) + m.still[at+4*m.w+c]*k
				m.tex[out+c] = flesh*(1-hole) + m.dark[c]*hole
			}
		}
	}
}
