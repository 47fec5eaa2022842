package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
	"faceproof/internal/signal"
)

// TestMeasureSpecDiff sends the only real pictures at hand through the parts of
// the detector that apply: two pairs of a photo in the light of the room and one
// with a frontal flash, of a live person and of a spoof (SpecDiff, Ebihara et
// al., MIT). Registration and cells are the product's. A challenge without wipes
// is then played on the measured cells (room + colour · (flash − room), linear),
// so that flash.Analyse finds the shape of the answer, S8 and S9, that the real
// light left; nothing about p or time is real here. One pair each: it shows that
// the code meets a real face, and no rate.
//
// The pictures' own exposure may differ: g is how much, from the background,
// which a flash reaches least; without it, 1.
func TestMeasureSpecDiff(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	for _, pack := range facetest.Packs {
		e := facetest.Open(t, pack)
		for _, who := range []string{"live", "spoof"} {
			room := facetest.Decode(t, imagingtest.Shared(t, "data/07-pad/specdiff/Example1_"+who+"_background.JPG"))
			lit := facetest.Decode(t, imagingtest.Shared(t, "data/07-pad/specdiff/Example1_"+who+"_flash.JPG"))
			p := newPair(t, e, room, lit)
			for _, g := range []float64{1, p.exposure} {
				ev, err := p.play(g)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Printf("%-8s %-5s g %.2f  skin %d cells, face brighter × %.2f, background × %.2f, q̄ %.3f, L %.2f, b %.2f ± %.2f, spec %.2f ± %.2f, sd(α) %.2f, κ %.2f ± %.2f, background b %.2f\n",
					pack, who, g, len(p.skin), p.gain, p.exposure, ev.Amplitude, ev.L, ev.Shape.B, ev.Shape.BSE, ev.Shape.Spec, ev.Shape.SpecSE, ev.Shape.Spread, ev.Shape.Kappa, ev.Shape.KappaSE, ev.BackgroundRatio)
			}
		}
	}
}

// pair is one face under two lights, cell by cell.
type pair struct {
	room, lit              face.Cells
	surface                flash.Surface
	skin, head, background []int
	gain, exposure         float64 // lit over room: face, background
}

func newPair(t *testing.T, e *face.Engine, room, lit *imaging.Image) *pair {
	t.Helper()
	mesh := func(m *imaging.Image) *face.Landmarks {
		faces, err := e.Detect(t.Context(), m)
		if err != nil || len(faces) == 0 {
			t.Fatal("no face: ", err)
		}
		l, err := e.Landmarks(t.Context(), m, faces[0])
		if err != nil {
			t.Fatal(err)
		}
		return &l
	}
	p := new(pair)
	tracker := face.NewTracker()
	if !tracker.Track(room, mesh(room), &p.room) || !tracker.Track(lit, mesh(lit), &p.lit) {
		t.Fatal("registration failed")
	}
	both := []*face.Cells{&p.room, &p.lit}
	layout := tracker.Layout()
	p.skin, p.head, p.background = face.Usable(&layout.Skin, both), face.Usable(&layout.Head, both), face.Usable(&layout.Background, both)
	p.surface = flash.Surface{Skin: p.skin, Head: p.head}
	for i := range face.CellCount {
		x, y := face.Offset(i)
		p.surface.At = append(p.surface.At, [2]float64{x, y})
	}
	place := tracker.Placement()
	for _, f := range tracker.Relief(p.skin) {
		f.Point[0] += (place.X - float64(lit.W)/2) / place.Width
		f.Point[1] += (place.Y - float64(lit.H)/2) / place.Width
		p.surface.Facets = append(p.surface.Facets, flash.Facet{Cell: f.Cell, Point: f.Point, Normal: f.Normal})
	}
	ratio := func(cells []int) float64 {
		var v []float64
		for _, i := range cells {
			v = append(v, float64(p.lit.Mean[i][1]/p.room.Mean[i][1]))
		}
		if len(v) == 0 {
			return 1
		}
		return signal.Median(v)
	}
	p.gain, p.exposure = ratio(p.skin), ratio(p.background)
	return p
}

// play shows a challenge in the light of the pair at 15 frames a second, with
// .3 % of noise in a cell.
func (p *pair) play(g float64) (ev faceproof.FlashEvidence, err error) {
	ch, err := flash.New(stream(1, "specdiff", ""), faceproof.PlanUsual)
	if err != nil {
		return ev, err
	}
	ch.WipeMS = 0
	linear := imaging.LinearTable()
	var tl flash.Timeline
	for k := range ch.Segments {
		tl.Segment = append(tl.Segment, float64(ch.SegmentMS)*float64(k)/1000)
	}
	tl.Post = float64(ch.SegmentMS*len(ch.Segments)) / 1000
	r := rand.New(stream(1, "specdiff", "noise"))
	var s flash.Series
	s.SkinCells, s.BackgroundCells, s.Surface = len(p.skin), len(p.background), &p.surface
	p.surface.Cells, p.surface.Motion = nil, nil
	for at := 0.; at < tl.Post+.3; at += 1. / 15 {
		color := ch.Neutral
		if k := int((at - .06) * 1000 / float64(ch.SegmentMS)); at > .06 && k < len(ch.Segments) {
			color = ch.Segments[k].Color
		}
		c := p.room
		for i := range c.Mean {
			for j := range 3 {
				added := p.lit.Mean[i][j]/float32(g) - p.room.Mean[i][j]
				v := p.room.Mean[i][j] + linear[color[j]]*added
				c.Mean[i][j] = max(v*float32(1+.003*r.NormFloat64()), 0)
			}
		}
		s.Times = append(s.Times, at)
		s.Face, s.Background = append(s.Face, c.Average(p.skin)), append(s.Background, c.Average(p.background))
		mean := c.Mean
		p.surface.Cells = append(p.surface.Cells, mean[:])
		p.surface.Motion = append(p.surface.Motion, [4]float64{r.NormFloat64(), r.NormFloat64(), r.NormFloat64(), r.NormFloat64()})
	}
	out, err := flash.Analyse(ch, tl, s, 0, rand.New(stream(1, "specdiff", "test")))
	if !out.Measurable || math.IsNaN(out.L) {
		return ev, fmt.Errorf("not measurable: %s", out.Hint)
	}
	return out, err
}
