package face_test

import (
	"context"
	"testing"

	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
)

// TestPADGolden holds the pictures that the networks' authors publish with them:
// one live face, a print, a screen. With red and blue swapped the two attacks pass:
// the order of colours is what this test is about.
func TestPADGolden(t *testing.T) {
	e := facetest.OpenPAD(t)
	ctx := context.Background()
	for _, c := range []struct {
		file              string
		low, high         float64 // of the score
		swapLow, swapHigh float64 // of the score with red and blue swapped
	}{
		{"image_T1.jpg", .99, 1, 0, 1},
		{"image_F1.jpg", 0, .35, .5, 1},
		{"image_F2.jpg", 0, .05, .5, 1},
	} {
		m := facetest.Decode(t, imagingtest.Shared(t, "data", "07-pad", "silent-face", c.file))
		faces, err := e.Detect(ctx, m)
		if err != nil || len(faces) == 0 {
			t.Fatalf("%s: %d faces, %v", c.file, len(faces), err)
		}
		p, err := e.PAD(ctx, m, faces[0].Box)
		if err != nil {
			t.Fatal(err)
		}
		swapped := &imaging.Image{W: m.W, H: m.H, Pix: make([]uint8, len(m.Pix))}
		for i := 0; i < len(m.Pix); i += 3 {
			swapped.Pix[i], swapped.Pix[i+1], swapped.Pix[i+2] = m.Pix[i+2], m.Pix[i+1], m.Pix[i]
		}
		s, err := e.PAD(ctx, swapped, faces[0].Box)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: live %.4f, swapped %.4f, reach %.2f", c.file, p.Live, s.Live, p.Reach)
		if p.Live < c.low || p.Live > c.high || s.Live < c.swapLow || s.Live > c.swapHigh {
			t.Errorf("%s: live %.3f, want %g to %g; swapped %.3f, want %g to %g", c.file, p.Live, c.low, c.high, s.Live, c.swapLow, c.swapHigh)
		}
	}
}

// Without networks, and with boxes of no size or outside, there is no verdict and
// no panic.
func TestPADOddBoxes(t *testing.T) {
	ctx := context.Background()
	e := facetest.OpenPAD(t)
	m := imaging.New(64, 48)
	for _, b := range []face.Box{{}, {X: 10, Y: 10, W: .5, H: 9}, {X: -500, Y: -500, W: 20, H: 20}, {X: 500, Y: 500, W: 20, H: 20}, {X: 0, Y: 0, W: 5000, H: 5000}, {X: 0, Y: 0, W: 64, H: 48}} {
		p, err := e.PAD(ctx, m, b)
		if err != nil || p.Live < 0 || p.Live > 1 || p.Reach > 4 {
			t.Errorf("%+v: %+v, %v", b, p, err)
		}
	}
	if _, err := e.PAD(ctx, &imaging.Image{}, face.Box{W: 3, H: 3}); err != nil {
		t.Error(err)
	}
}

func BenchmarkPAD(b *testing.B) {
	e := facetest.OpenPAD(b)
	m := imaging.New(480, 640)
	for i := range m.Pix {
		m.Pix[i] = uint8(i * 7)
	}
	for b.Loop() {
		if _, err := e.PAD(context.Background(), m, face.Box{X: 160, Y: 220, W: 150, H: 190}); err != nil {
			b.Fatal(err)
		}
	}
}
