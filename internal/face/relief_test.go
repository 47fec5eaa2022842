package face

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The relief of a known surface, seen at a pose with a turn: depth and normals
// are those of the surface, in the face's own directions, and the placement is
// the pose.
func TestRelief(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	f := drawFace(1)
	for i := range f.mesh { // spread over the face, where a mesh has points
		a, d := 2*math.Pi*float64(i)*.618034, math.Sqrt((float64(i)+.5)/float64(len(f.mesh)))
		if q := (Point{faceX + 48*d*math.Cos(a), faceY + 60*d*math.Sin(a)}); i > 470-200 && notAnchor(i) {
			f.mesh[i] = q
		}
	}
	depth := func(p Point) float64 { // a dome, nearer (smaller) in the middle, that leans to the right
		x, y := p.X-faceX, p.Y-faceY
		return .004*(x*x+y*y) + .2*x
	}
	p := pose{complex(1.6*math.Cos(.2), 1.6*math.Sin(.2)), complex(40, 20)}
	l := f.landmarks(p, 0, r)
	for i, q := range f.mesh {
		l.Points[i][2] = depth(q) * p.scale()
	}
	k, c := NewTracker(), new(Cells)
	if !k.Track(f.photograph(480, 640, p, [3]float64{1, 1, 1}, 0, r), l, c) {
		t.Fatal("lost")
	}
	where := k.Placement()
	if at := p.apply(complex(faceX, faceY)); math.Abs(where.Turn-.2) > .02 || math.Abs(where.Width-1.6*faceWidth) > 2 || math.Hypot(where.X-real(at), where.Y-imag(at)) > 2 {
		t.Errorf("placement %+v", where)
	}
	var cells []int
	for i := range CellCount {
		if x, y := Offset(i); math.Hypot(x, y) < .3 {
			cells = append(cells, i)
		}
	}
	facets := k.Relief(cells)
	if len(facets) < 3*len(cells) {
		t.Fatalf("%d facets of %d cells", len(facets), len(cells))
	}
	for _, f := range facets {
		q := Point{faceX + faceWidth*f.Point[0], faceY + faceWidth*f.Point[1]}
		dx, dy := .008*(q.X-faceX)+.2, .008*(q.Y-faceY)
		n := 1 / math.Sqrt(1+dx*dx+dy*dy)
		if math.Abs(faceWidth*f.Point[2]-depth(q)) > 1.5 || math.Abs(f.Normal[0]-dx*n) > .06 || math.Abs(f.Normal[1]-dy*n) > .06 || f.Normal[2] > -.8 {
			t.Fatalf("at %.1f: depth %.2f, want %.2f; normal %.2f, want %.2f %.2f", q, faceWidth*f.Point[2], depth(q), f.Normal, dx*n, dy*n)
		}
	}
}

// notAnchor says whether moving a point leaves outline and features alone.
func notAnchor(i int) bool {
	for _, set := range append([][]int{ovalPoints, {noseTip, noseBase}}, featurePoints...) {
		for _, j := range set {
			if i == j {
				return false
			}
		}
	}
	return true
}

// Hair is head and not skin; the head lies outside the background.
func TestHeadLayout(t *testing.T) {
	l := newLayout(&drawFace(1).mesh)
	hair := 0
	for i := range CellCount {
		if l.Head[i] && l.Background[i] {
			t.Fatalf("cell %d is head and background", i)
		}
		if l.Head[i] && cellCenter(i).Y < faceY-56 {
			hair++
		}
	}
	if hair < 10 {
		t.Errorf("%d cells of hair", hair)
	}
}
