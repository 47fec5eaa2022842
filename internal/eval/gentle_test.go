package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/score"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
	"faceproof/internal/simcam"
)

// The sessions of TestMeasureGentle: seeds of tuning, Fill less the plate of the
// digit, pictures and rate as the server asks for.
const (
	gentleSeed     = 700_000
	gentleSessions = 60 // a row; FACEPROOF_MEASURE may say another number
	gentleFill     = .7
)

// deaf is a recogniser that is never asked: these sessions have no sound.
type deaf struct{}

func (deaf) LogProbs(context.Context, [][digits.Mels]float32) ([][]float32, error) { return nil, nil }
func (deaf) Info() digits.Info {
	return digits.Info{Model: "none", MinA: func(int) (a, far float64, ok bool) { return 0, 0, false }}
}

// TestMeasureGentle gives the table of docs/evaluation.md: people who are shown
// digits with gentle colours, by the light of the room, judged by the product's own
// analysis. Simulated; nobody speaks.
func TestMeasureGentle(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FACEPROOF_MEASURE"))
	if n == 0 {
		t.Skip("FACEPROOF_MEASURE=1 measures; a larger number is that of the sessions")
	}
	if n == 1 {
		n = gentleSessions
	}
	dir := filepath.Dir(imagingtest.Shared(t, "data/02-london-neutral-smiling/info.csv"))
	e := facetest.Open(t, "standard")
	portraits, info, err := LoadPortraits(context.Background(), e, dir, "tune")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d photos of %d persons", info.Photos, info.Persons)
	// One session at each light at once, so that a run that is cut short has a table.
	rooms := make([]gentleRoom, len(gentleLux))
	for i := range n {
		var wg sync.WaitGroup
		for k, lux := range gentleLux {
			wg.Go(func() {
				f, err := gentle(e, portraits[i%len(portraits)], lux, uint64(i))
				if err != nil {
					t.Errorf("%g lux, session %d: %v", lux, i, err)
					return
				}
				rooms[k].add(*f)
			})
		}
		wg.Wait()
		if (i+1)%5 == 0 || i+1 == n {
			for k, lux := range gentleLux {
				t.Logf("| %.0f | %s", lux, rooms[k].row())
			}
		}
	}
}

var gentleLux = []float64{100, 200, 300, 450, 600}

// gentleRoom gathers the sessions of one light.
type gentleRoom struct {
	n, missed, thirds int // sessions; p over 1e-3; over a third of it
	p, q, z, b, l     []float64
}

func (r *gentleRoom) add(f faceproof.FlashEvidence) {
	r.n++
	if !f.Measurable || f.P > 1e-3 {
		r.missed++
	}
	if !f.Measurable || f.P > 1e-3/3 {
		r.thirds++
	}
	if f.Measurable {
		r.p, r.q, r.z, r.b, r.l = append(r.p, f.P), append(r.q, f.Amplitude), append(r.z, f.Z), append(r.b, f.BackgroundRatio), append(r.l, f.L)
	}
}

func (r *gentleRoom) row() string {
	miss := func(k int) string {
		c := score.Proportion(k, r.n)
		return fmt.Sprintf("%d of %d (%.1f – %.1f %%)", k, r.n, 100*c.Low, 100*c.High)
	}
	q := func(v []float64) score.Quantile { return score.Quantiles(v, .5)[0] }
	tenth := func(v []float64) float64 { return score.Quantiles(v, .1)[0].Value }
	return fmt.Sprintf("%s | %s | %.2g | %.3f (%.3f) | %.1f (%.1f) | %.2f | %.1f |", miss(r.missed), miss(r.thirds), q(r.p).Value, q(r.q).Value, tenth(r.q), q(r.z).Value, tenth(r.z), q(r.b).Value, q(r.l).Value)
}

// gentle is what the product measures of one session.
func gentle(e *face.Engine, who Portrait, lux float64, i uint64) (*faceproof.FlashEvidence, error) {
	ctx, seed := context.Background(), gentleSeed+i
	s, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, simcam.Draw(seed, simcam.Live, func(p *simcam.Params) {
		p.Screen, p.Nits, p.Fill, p.Lux, p.FPS, p.Quality = simcam.ScreenPhone, 350, gentleFill, lux, 12, 80
	}))
	if err != nil {
		return nil, err
	}
	ch, err := digits.New(rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), 5}), digits.Options{Paced: true, Light: true})
	if err != nil {
		return nil, err
	}
	rec, err := s.RecordDigits(ch, seed)
	if err != nil {
		return nil, err
	}
	ev, err := measure(e, deaf{}, 0, nil).finish(ctx, rec)
	return ev.Flash, err
}
