package simcam

import (
	"bytes"
	"image/jpeg"
	"math"
	"testing"
)

// In perspective the nose grows more than the cheeks; on a sheet all grows alike.
func TestApproachPerspective(t *testing.T) {
	for _, c := range []struct {
		kind        Kind
		least, most float64 // growth of what is near the nose over that of the cheeks
	}{{Live, 1.02, 1.2}, {Print, .997, 1.003}, {PlainScreen, .997, 1.003}, {PrintBent, 1.003, 1.2}} {
		p := Draw(4, c.kind, func(p *Params) {
			p.Width, p.Height = 240, 320
			p.Screen, p.Distance, p.FaceShare, p.DepthScale, p.TiltX, p.TiltY, p.Radius = ScreenPhone, 28, .44, 1, 0, 0, 9
		})
		s, err := NewScene(drawn(), p)
		if err != nil {
			t.Fatal(err)
		}
		v := s.newViewer()
		span := func(distance, x, y float64) float64 { // pixels between two places of the texture, face widths from the middle
			v.stand(stance{distance: distance, x: s.cx, y: s.cy})
			return v.where(s.cx+x*s.width, s.cy+y*s.height) - v.where(s.cx-x*s.width, s.cy+y*s.height)
		}
		growth := func(x, y float64) float64 { return span(28, x, y) / span(28*1.6, x, y) }
		if g := growth(.08, .08) / growth(.42, 0); !(g >= c.least && g <= c.most) {
			t.Errorf("%s: the middle grew %.4f times as much", c.kind, g)
		}
		if g := growth(.42, 0); c.kind == Print && math.Abs(g-1.6) > .01 {
			t.Errorf("%s: grew %.3f", c.kind, g)
		}
	}
}

// where finds the column in which a place of the texture is seen, in the row
// that shows it best.
func (v *viewer) where(tx, ty float64) float64 {
	at, left := 0., math.Inf(1)
	for y := v.s.h / 4; y < 3*v.s.h/4; y += 4 {
		b := v.ray(0, y)
		for x := range v.s.w - 1 {
			a := b
			b = v.ray(x+1, y)
			if !a.ok || !b.ok || math.Abs(a.at[0]-b.at[0]) > 4 || (a.at[0]-tx)*(b.at[0]-tx) > 0 {
				continue
			}
			if d := math.Abs(a.at[1] - ty); d < left {
				at, left = float64(x)+(tx-a.at[0])/(b.at[0]-a.at[0]), d
			}
		}
	}
	return at
}

func TestApproachFrames(t *testing.T) {
	film := func(kind Kind, seed uint64) [][]byte {
		s, err := NewScene(drawn(), Draw(2, kind, func(p *Params) { p.Width, p.Height = 240, 320 }))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []float64{.9, 4, math.NaN()} {
			if _, err := s.Approach(bad, 1, 1); err == nil {
				t.Errorf("growth %v was taken", bad)
			}
		}
		frames, err := s.Approach(1.5, 2, seed)
		if err != nil || len(frames) != 5 {
			t.Fatalf("%d frames, %v", len(frames), err)
		}
		var out [][]byte
		for i, f := range frames {
			m, err := jpeg.DecodeConfig(bytes.NewReader(f.JPEG))
			if err != nil || m.Width != s.p.Width || m.Height != s.p.Height || !f.Preview || i > 0 && f.T <= frames[i-1].T {
				t.Fatalf("frame %d: %+v, %v, preview %v at %v", i, m, err, f.Preview, f.T)
			}
			out = append(out, f.JPEG)
		}
		return out
	}
	for _, kind := range []Kind{Live, PrintCutB, PlainScreen} {
		a, b, c := film(kind, 1), film(kind, 1), film(kind, 2)
		if !bytes.Equal(bytes.Join(a, nil), bytes.Join(b, nil)) || bytes.Equal(a[0], c[0]) {
			t.Errorf("%s: not a function of its seed", kind)
		}
	}
}

// BenchmarkApproach is ten previews.
func BenchmarkApproach(b *testing.B) {
	s, err := NewScene(drawn(), Draw(2, Live, nil))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Approach(1.5, 4, 1); err != nil {
			b.Fatal(err)
		}
	}
}
