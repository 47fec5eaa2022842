package face_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
)

// portrait cuts the face numbered n out of a demonstration photo, so that it
// fills the given share of a frame of w × h pixels.
func portrait(t testing.TB, e *face.Engine, name string, n int, w, h int, share float64) *imaging.Image {
	t.Helper()
	m := facetest.Decode(t, facetest.Demo(t, name))
	faces, err := e.Detect(context.Background(), m)
	if err != nil || len(faces) < n {
		t.Fatal(len(faces), err)
	}
	face.SortLeft(faces)
	b := faces[n-1].Box
	k := b.W / (share * float64(w))
	cx, cy := b.X+b.W/2, b.Y+b.H/2
	return m.WarpImage(imaging.Affine{k, 0, cx - k*float64(w)/2, 0, k, cy - k*float64(h)/2}, w, h)
}

// change gives a copy with every channel value mapped.
func change(m *imaging.Image, f func(v float64) float64) *imaging.Image {
	out := imaging.New(m.W, m.H)
	for i, v := range m.Pix {
		out.Pix[i] = uint8(math.Min(math.Max(f(float64(v)), 0), 255))
	}
	return out
}

// smear blurs along the rows.
func smear(m *imaging.Image, n int) *imaging.Image {
	out := imaging.New(m.W, m.H)
	for y := range m.H {
		for x := range m.W {
			for c := range 3 {
				sum := 0
				for d := range n {
					sum += int(m.Pix[3*(y*m.W+min(x+d, m.W-1))+c])
				}
				out.Pix[3*(y*m.W+x)+c] = uint8(sum / n)
			}
		}
	}
	return out
}

func judge(t *testing.T, e *face.Engine, m *imaging.Image) faceproof.Quality {
	t.Helper()
	faces, err := e.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	var l face.Landmarks
	if len(faces) > 0 {
		if l, err = e.Landmarks(context.Background(), m, faces[0]); err != nil {
			t.Fatal(err)
		}
	}
	return e.Quality(m, faces, l)
}

func encode(t testing.TB, m *imaging.Image) []byte {
	t.Helper()
	src := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for y := range m.H {
		for x := range m.W {
			r, g, b := m.At(x, y)
			src.SetRGBA(x, y, color.RGBA{r, g, b, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, src, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHints disturbs one good portrait in one way at a time.
func TestHints(t *testing.T) {
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			good := portrait(t, e, "sample6.jpg", 1, 480, 640, 0.4)
			beside := imaging.New(960, 640)
			other := portrait(t, e, "sample6.jpg", 4, 480, 640, 0.4)
			for y := range 640 {
				copy(beside.Pix[3*960*y:], good.Pix[3*480*y:3*480*(y+1)])
				copy(beside.Pix[3*(960*y+480):], other.Pix[3*480*y:3*480*(y+1)])
			}
			for name, c := range map[string]struct {
				m    *imaging.Image
				want faceproof.Hint
			}{
				"good":        {good, faceproof.HintNone},
				"nobody":      {imaging.New(480, 640), faceproof.HintFaceScreen},
				"two":         {beside, faceproof.HintOnePerson},
				"far":         {good.WarpImage(imaging.Affine{2.6, 0, 240 - 2.6*240, 0, 2.6, 320 - 2.6*320}, 480, 640), faceproof.HintCloser},
				"near":        {portrait(t, e, "sample6.jpg", 1, 480, 640, 0.85), faceproof.HintFarther},
				"aside":       {good.WarpImage(imaging.Affine{1, 0, 130, 0, 1, 0}, 480, 640), faceproof.HintCenter},
				"dark":        {change(good, func(v float64) float64 { return v / 6 }), faceproof.HintTooDark},
				"overexposed": {change(good, func(v float64) float64 { return 3 * v }), faceproof.HintTooBright},
				"moving":      {smear(good, 24), faceproof.HintHoldStill},
			} {
				if q := judge(t, e, c.m); q.Hint != c.want {
					t.Errorf("%s: hint %q, want %q: %+v", name, q.Hint, c.want, q)
				}
			}
		})
	}
}

func TestPoseSigns(t *testing.T) {
	e := facetest.Open(t, "offline")
	upright := judge(t, e, portrait(t, e, "sample6.jpg", 4, 480, 640, 0.4))
	m := portrait(t, e, "sample6.jpg", 4, 480, 640, 0.4)
	s, c := math.Sincos(-15 * math.Pi / 180) // sample counter-clockwise: the face leans clockwise
	leaning := judge(t, e, m.WarpImage(imaging.Affine{c, -s, 240 - 240*c + 320*s, s, c, 320 - 240*s - 320*c}, 480, 640))
	if d := leaning.Roll - upright.Roll; math.Abs(d-15) > 3 {
		t.Errorf("leaning clockwise by 15° changes the roll by %.1f°", d)
	}
	mirrored := judge(t, e, m.WarpImage(imaging.Affine{-1, 0, 480, 0, 1, 0}, 480, 640))
	if math.Abs(mirrored.Yaw+upright.Yaw) > 4 || math.Abs(upright.Yaw) < 5 {
		t.Errorf("yaw %.1f°, mirrored %.1f°", upright.Yaw, mirrored.Yaw)
	}
	if q := judge(t, e, portrait(t, e, "sample4.jpg", 1, 480, 640, 0.4)); q.Yaw < 15 { // looks to the image's right
		t.Errorf("yaw %.1f°", q.Yaw)
	}
	if q := judge(t, e, portrait(t, e, "sample2.jpg", 3, 480, 640, 0.4)); q.Pitch > -15 { // looks down
		t.Errorf("pitch %.1f°", q.Pitch)
	}
}

func TestTrack(t *testing.T) {
	e := facetest.Open(t, "offline")
	ctx := context.Background()
	m := portrait(t, e, "sample3.jpg", 2, 480, 640, 0.4)
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) != 1 {
		t.Fatal(len(faces), err)
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		t.Fatal(err)
	}
	moved := m.WarpImage(imaging.Affine{1, 0, -9, 0, 1, 6}, 480, 640)
	next, err := e.Track(ctx, moved, &l)
	if err != nil || next.Score < face.MinMeshScore {
		t.Fatal(next.Score, err)
	}
	eye := math.Hypot(l.Points[33][0]-l.Points[263][0], l.Points[33][1]-l.Points[263][1])
	for i := range l.Points {
		dx, dy := next.Points[i][0]-l.Points[i][0]-9, next.Points[i][1]-l.Points[i][1]+6
		if math.Hypot(dx, dy) > 0.06*eye {
			t.Fatalf("point %d is %.1f %.1f off, eyes are %.0f apart", i, dx, dy, eye)
		}
	}
	if gone, err := e.Track(ctx, imaging.New(480, 640), &l); err != nil || gone.Score >= face.MinMeshScore {
		t.Errorf("an empty frame still has a face: %.2f, %v", gone.Score, err)
	}
	if _, err := e.Embed(ctx, m, faces[0], face.Landmarks{}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("embedding without a mesh: %v", err)
	}
}

func TestEnrol(t *testing.T) {
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			ctx := context.Background()
			image := portrait(t, e, "sample6.jpg", 1, 480, 640, 0.4)
			good := encode(t, image)
			other := encode(t, portrait(t, e, "sample6.jpg", 4, 480, 640, 0.4))
			group, err := os.ReadFile(facetest.Demo(t, "sample6.jpg"))
			if err != nil {
				t.Fatal(err)
			}
			variants := [][]byte{good}
			for i := range 5 {
				variants = append(variants, encode(t, change(image, func(v float64) float64 { return v * (0.9 + 0.05*float64(i)) })))
			}
			got, err := e.Enrol(ctx, variants)
			if err != nil || got.Template.Frames != 6 || len(got.Quality) != 6 || got.Template.ModelID != e.ModelID() {
				t.Fatalf("%d frames, %v", got.Template.Frames, err)
			}
			for name, c := range map[string]struct {
				photos [][]byte
				want   string
			}{
				"none":         {nil, "1 to"},
				"text":         {[][]byte{[]byte("not a picture")}, "neither JPEG nor PNG"},
				"third broken": {[][]byte{good, good, good[:500]}, "photo 3 of 3"},
				"group":        {[][]byte{group}, "4 faces"},
				"nobody":       {[][]byte{encode(t, imaging.New(480, 640))}, "no face"},
				"small":        {[][]byte{encode(t, image.Resize(150, 200))}, "too small"},
				"dark":         {[][]byte{encode(t, change(image, func(v float64) float64 { return v / 6 }))}, "too dark"},
				"blurred":      {[][]byte{encode(t, smear(image, 24))}, "blurred"},
				"two persons":  {[][]byte{good, other}, "one and the same"},
				"a stranger":   {[][]byte{good, other, variants[1]}, "photo 2 of 3 shows somebody else"},
				"one of six":   {append(variants[:5:5], other), "photo 6 of 6 shows somebody else"},
			} {
				_, err := e.Enrol(ctx, c.photos)
				f, ok := err.(*faceproof.Error)
				if !ok || f.Code != faceproof.CodeInvalid || f.Field != "photo" || !strings.Contains(f.Message, c.want) {
					t.Errorf("%s: %v, want invalid: photo: …%s…", name, err, c.want)
				}
			}
		})
	}
}

// TestConcurrent: every caller gets the answer that a lone caller gets.
func TestConcurrent(t *testing.T) {
	e := facetest.Open(t, "offline")
	ctx := context.Background()
	var pictures [4]*imaging.Image
	for i := range pictures {
		pictures[i] = portrait(t, e, "sample6.jpg", i+1, 480, 640, 0.4)
	}
	work := func(n int) string {
		m := pictures[n]
		faces, err := e.Detect(ctx, m)
		if err != nil || len(faces) == 0 {
			return fmt.Sprint(err)
		}
		l, _ := e.Landmarks(ctx, m, faces[0])
		v, err := e.Embed(ctx, m, faces[0], l)
		return fmt.Sprint(faces[0], l.Points[1], v[:4], err)
	}
	var want [4]string
	for i := range want {
		want[i] = work(i)
	}
	var wg sync.WaitGroup
	for k := range 12 {
		wg.Go(func() {
			if got := work(k % 4); got != want[k%4] {
				t.Errorf("caller %d: %s, want %s", k, got, want[k%4])
			}
		})
	}
	wg.Wait()
}

// TestNoFace: pictures of things and animals hold nobody.
func TestNoFace(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(t, "data", "12-no-face"), "photoprism", "*.jpg"))
	if len(files) < 10 {
		t.Fatalf("%d pictures", len(files))
	}
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			for _, f := range files {
				if faces, err := e.Detect(context.Background(), facetest.Decode(t, f)); err != nil || len(faces) > 0 {
					t.Errorf("%s: %d faces, %v", filepath.Base(f), len(faces), err)
				}
			}
		})
	}
}
