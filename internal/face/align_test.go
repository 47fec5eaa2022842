package face

import (
	"math"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/imaging"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol }

func TestSimilarityTransform(t *testing.T) {
	s, c := math.Sincos(0.3)
	var from [5]Point
	for i, p := range arcFace {
		from[i] = Point{2.5*(c*p.X-s*p.Y) + 40, 2.5*(s*p.X+c*p.Y) - 7}
	}
	a, ok := similarity(arcFace[:], from[:])
	if !ok {
		t.Fatal("not found")
	}
	for i, p := range arcFace {
		if x, y := a.Apply(p.X, p.Y); !near(x, from[i].X, 1e-9) || !near(y, from[i].Y, 1e-9) {
			t.Errorf("point %d goes to %.3f %.3f, want %.3f %.3f", i, x, y, from[i].X, from[i].Y)
		}
	}
	var same [5]Point
	if _, ok := similarity(arcFace[:], same[:]); ok {
		t.Error("five equal points make a map")
	}
	same[0].X = math.NaN()
	if _, ok := similarity(arcFace[:], same[:]); ok {
		t.Error("NaN makes a map")
	}
}

func TestFlip(t *testing.T) {
	a := imaging.Affine{2, 0.5, 10, -0.5, 2, 20}
	f := flip(a, 100)
	x, y := a.Apply(30, 40)
	if fx, fy := f.Apply(70, 40); !near(x, fx, 1e-9) || !near(y, fy, 1e-9) {
		t.Errorf("%v %v, want %v %v", fx, fy, x, y)
	}
}

func TestRegion(t *testing.T) {
	r := region{center: Point{100, 50}, side: 40, angle: math.Pi / 2}
	a := r.affine(192)
	if x, y := a.Apply(96, 96); !near(x, 100, 1e-9) || !near(y, 50, 1e-9) {
		t.Errorf("the middle is at %v %v", x, y)
	}
	// Turned clockwise by a right angle, the crop's right is the image's bottom.
	if x, y := a.Apply(192, 96); !near(x, 100, 1e-9) || !near(y, 70, 1e-9) {
		t.Errorf("the right edge is at %v %v", x, y)
	}
	if !r.near(r, 1) || r.near(region{Point{102, 50}, 40, math.Pi / 2}, 1) || r.near(region{Point{100, 50}, 42, math.Pi / 2}, 1) || r.near(region{Point{100, 50}, 40, 0}, 1) {
		t.Error("near is wrong")
	}
}

func TestYuNetDecode(t *testing.T) {
	y := yunet{320, 320}
	var out []onnx.Tensor
	for _, s := range []int{8, 16, 32} {
		n := (320 / s) * (320 / s)
		for _, k := range []int{1, 1, 4, 10} {
			out = append(out, onnx.Tensor{Data: make([]float32, k*n)})
		}
	}
	const cell = 5*20 + 7 // stride 16: column 7, row 5
	out[4].Data[cell], out[5].Data[cell] = 0.81, 1
	copy(out[6].Data[4*cell:], []float32{0.5, 0.25, float32(math.Log(4)), float32(math.Log(6))})
	for i := range 10 {
		out[7].Data[10*cell+i] = float32(i)
	}
	found, err := y.decode(nil, out)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	f := found[0]
	if !near(f.Score, 0.9, 1e-6) || !near(f.Box.X, 120-32, 1e-4) || !near(f.Box.Y, 84-48, 1e-4) || !near(f.Box.W, 64, 1e-4) || !near(f.Box.H, 96, 1e-4) {
		t.Errorf("%+v", f)
	}
	if !near(f.Points[1].X, (2+7)*16, 1e-6) || !near(f.Points[1].Y, (3+5)*16, 1e-6) {
		t.Errorf("second point %+v", f.Points[1])
	}
	out[6].Data = out[6].Data[:8]
	if _, err := y.decode(nil, out); err == nil {
		t.Error("a short tensor was decoded")
	}
}

func TestBlazeFaceDecode(t *testing.T) {
	b := newBlazeFace(256)
	if len(b.anchors) != 896 || b.anchors[0] != (Point{8, 8}) || b.anchors[511] != (Point{248, 248}) || b.anchors[512] != (Point{16, 16}) || b.anchors[895] != (Point{240, 240}) {
		t.Fatalf("%d anchors", len(b.anchors))
	}
	out := make([]onnx.Tensor, 4)
	for i, n := range []int{384 * 16, 512, 384, 512 * 16} { // in any order
		out[i].Data = make([]float32, n)
		for j := range out[i].Data {
			out[i].Data[j] = -10
		}
	}
	out[2].Data[6], out[1].Data[1] = 3, -0.1 // one above, one below the score
	copy(out[0].Data[16*6:], []float32{1, 2, 60, 70, -10, -5, 10, -5, 0, 5, 0, 20, -30, 0, 30, 0})
	found, err := b.decode(nil, out)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	// Anchor 512+6 is the first of the second cell: (48, 16).
	if f := found[0]; f.Box != (Box{49 - 30, 18 - 35, 60, 70}) || f.Points[0] != (Point{38, 11}) || f.Points[2] != (Point{48, 21}) || !near(f.Score, 0.9526, 1e-4) {
		t.Errorf("%+v", f)
	}
	if _, err := b.decode(nil, out[:3]); err == nil {
		t.Error("a missing tensor was decoded")
	}
}

func TestFit(t *testing.T) {
	for _, d := range []detector{yunet{320, 320}, newBlazeFace(256)} {
		a := d.fit(480, 640)
		f := Face{Box: Box{100, 100, 50, 50}}
		f.move(a)
		if f.Box.W != f.Box.H || f.Box.W < 100 || f.Box.W > 126 {
			t.Errorf("%T: %+v", d, f.Box)
		}
	}
}

func TestSuppress(t *testing.T) {
	found := suppress([]Face{
		{Box: Box{0, 0, 10, 10}, Score: 0.7}, {Box: Box{1, 1, 10, 10}, Score: 0.9}, {Box: Box{30, 0, 10, 10}, Score: 0.8},
	}, 0.3)
	if len(found) != 2 || found[0].Score != 0.9 || found[1].Score != 0.8 {
		t.Errorf("%+v", found)
	}
}

func TestMean(t *testing.T) {
	m := Mean("x", [][]float32{{1, 0}, {0, 1}})
	if m.ModelID != "x" || m.Frames != 2 || !near(norm(m.Vector), 1, 1e-6) || !near(float64(m.Vector[0]), math.Sqrt(0.5), 1e-6) {
		t.Errorf("unit: %v", m.Vector)
	}
	if m := Mean("x", [][]float32{{2, 0}, {0, 2}}); m.Vector[0] != 1 || m.Vector[1] != 1 {
		t.Errorf("raw: %v", m.Vector)
	}
	if Mean("x", nil).Vector != nil || Mean("x", [][]float32{{1}, {1, 2}}).Vector != nil {
		t.Error("a mean of nothing, or of different lengths")
	}
}

func TestCompare(t *testing.T) {
	e := &Engine{pack: &modelpack.Pack{Models: map[modelpack.Role]modelpack.Model{modelpack.RoleEmbedder: {ID: "m"}}}}
	a, b := Mean("m", [][]float32{{3, 0}}), Mean("m", [][]float32{{0, 4}})
	if s, err := e.Similarity(a, b); err != nil || s != 0 {
		t.Errorf("cosine %v %v", s, err)
	}
	e.pack.Match.Metric = "l2"
	if s, err := e.Similarity(a, b); err != nil || s != -4 {
		t.Errorf("1 − L2 %v %v", s, err)
	}
	if _, err := e.Similarity(a, Mean("other", [][]float32{{1, 0}})); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("another model: %v", err)
	}
	if _, err := e.Similarity(a, Mean("m", [][]float32{{1}})); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("another length: %v", err)
	}
}

func TestStrangersAreNamed(t *testing.T) {
	e := &Engine{pack: &modelpack.Pack{Continuity: 0.4}}
	unit := func(v ...[]float32) [][]float32 {
		for i := range v {
			normalise(v[i])
		}
		return v
	}
	for name, c := range map[string]struct {
		v    [][]float32
		want string
	}{
		"one":                  {unit([]float32{1, 0, 0}), ""},
		"two of one":           {unit([]float32{1, 0, 0}, []float32{.8, .5, 0}), ""},
		"two persons":          {unit([]float32{1, 0, 0}, []float32{0, 1, 0}), "one and the same"},
		"the first of three":   {unit([]float32{0, 1, 0}, []float32{1, .1, 0}, []float32{1, 0, .1}), "photo 1 of 3"},
		"the third of five":    {unit([]float32{1, 0, 0}, []float32{.9, .1, 0}, []float32{0, 0, 1}, []float32{.95, 0, .1}, []float32{1, .1, 0}), "photo 3 of 5"},
		"two of five":          {unit([]float32{0, 1, 0}, []float32{.9, .1, 0}, []float32{0, 0, 1}, []float32{.95, 0, .1}, []float32{1, .1, 0}), "photos 1, 3 of 5"},
		"two and two":          {unit([]float32{1, 0, 0}, []float32{.9, .1, 0}, []float32{0, 0, 1}, []float32{0, .1, 1}), "one and the same"},
		"four persons of four": {unit([]float32{1, 0, 0, 0}, []float32{0, 1, 0, 0}, []float32{0, 0, 1, 0}, []float32{0, 0, 0, 1}), "one and the same"},
		// Like none of the others well enough as a pair, like their mean all right.
		"a bad picture": {unit([]float32{1, 1.5, 0, 0, 0}, []float32{1, 0, 1, 0, 0}, []float32{1, 0, 0, 1, 0}, []float32{1, 0, 0, 0, 1}), ""},
	} {
		err := e.onePerson(c.v)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}
