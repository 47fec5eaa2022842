package analysis

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
	"faceproof/internal/simcam"
)

// The pictures of these tests.
const (
	sceneWidth  = 360
	sceneHeight = 480
)

// scene is somebody of a demo photo, for internal/simcam. Simulated, and not a
// measure of how well people are verified.
type scene struct {
	portrait simcam.Portrait
	face     face.Face // in the crop
	jpeg     []byte    // a crop as a client would send it
}

// newScene takes the face closest to the given place of a demo photo.
func newScene(tb testing.TB, e *face.Engine, photo string, x, y float64) *scene {
	tb.Helper()
	ctx := context.Background()
	m := facetest.Decode(tb, facetest.Demo(tb, photo))
	faces, err := e.Detect(ctx, m)
	if err != nil {
		tb.Fatal(err)
	}
	i := nearest(faces, face.Box{X: x - 200, Y: y - 200, W: 400, H: 400})
	if i < 0 {
		tb.Fatal("no face there in ", photo)
	}
	l, err := e.Landmarks(ctx, m, faces[i])
	if err != nil {
		tb.Fatal(err)
	}
	s := &scene{portrait: simcam.Portrait{Name: "demo", Image: m, Mesh: l.Points}}
	b := faces[i].Box
	w := b.W / .42
	h := w * sceneHeight / sceneWidth
	left := min(max(b.X+b.W/2-w/2, 0), float64(m.W)-w)
	top := min(max(b.Y+b.H/2-h/2, 0), float64(m.H)-h)
	crop := m.WarpImage(imaging.Scaling(left, top, w, h, sceneWidth, sceneHeight), sceneWidth, sceneHeight)
	for i, v := range crop.Pix {
		crop.Pix[i] = imaging.FromLinear(.01 + .55*imaging.Linear(v))
	}
	if faces, err = e.Detect(ctx, crop); err != nil || len(faces) != 1 {
		tb.Fatalf("%d faces in the crop, %v", len(faces), err)
	}
	s.face, s.jpeg = faces[0], encode(crop)
	return s
}

func encode(m *imaging.Image) []byte {
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		out.SetRGBA(i%m.W, i/m.W, color.RGBA{m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 88}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// session is one capture: what stands before the camera, and its parameters.
type session struct {
	challenge faceproof.FlashChallenge
	kind      simcam.Kind
	fix       func(*simcam.Params) // on top of an ordinary phone in an ordinary room
	from      *scene               // who is seen
}

// film records it.
func (s session) film(tb testing.TB, seed uint64) ([]capture.Frame, capture.Transcript) {
	tb.Helper()
	sc, err := simcam.NewScene(s.from.portrait, simcam.Draw(seed, s.kind, func(p *simcam.Params) {
		p.Screen, p.Lux, p.Nits, p.Distance, p.Quality, p.FPS, p.LatencyMS = simcam.ScreenPhone, 250, 400, 28, 88, 15, 110
		p.Skin, p.Glasses, p.TV = 3, false, 0
		if s.fix != nil {
			s.fix(p)
		}
	}))
	if err != nil {
		tb.Fatal(err)
	}
	rec, err := sc.Record(s.challenge, seed)
	if err != nil {
		tb.Fatal(err)
	}
	return rec.Frames, rec.Transcript()
}

// challenge draws one from a seed.
func challenge(tb testing.TB, seed uint64) faceproof.FlashChallenge {
	tb.Helper()
	ch, err := flash.New(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), faceproof.PlanUsual)
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}
