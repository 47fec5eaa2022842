package bench

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/capture"
	"faceproof/internal/eval"
	"faceproof/internal/face"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
	"faceproof/internal/simcam"
)

// Take is one filmed session and who is in it.
type Take struct {
	Person    int // from 0
	Recording capture.Recording
}

// Cast are the persons of a measurement and the one challenge that all answer: the
// work does not depend on which colours it has.
type Cast struct {
	Challenge faceproof.FlashChallenge
	Photos    [][]byte // of each person, to be enrolled
	Takes     []Take
}

// spareMS of the pre-roll is filmed beyond what the server asks for.
const spareMS = 250

// Film makes n sessions of the portraits in turn (simulated): a phone in an
// ordinary room, pictures as the server asks for them. seed decides all of it.
// Portraits that the guidance would keep from beginning are left out. Errors:
// CodeInvalid, field "portraits", when none is left.
func Film(ctx context.Context, e *face.Engine, portraits []eval.Portrait, n int, seed uint64, progress func(done, total int)) (*Cast, error) {
	ch, err := flash.New(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 0xb}), faceproof.PlanUsual)
	if err != nil {
		return nil, err
	}
	c := &Cast{Challenge: ch}
	// A client sends frames of the pre-roll until the colours come, which is when the
	// server has seen enough of them: a film that ended sooner would stand still.
	filmed := ch
	filmed.PrerollMS += spareMS
	guide := analysis.New(analysis.Config{Engine: e})
	var kept []eval.Portrait
	for i := 0; len(c.Takes) < n; i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if i >= len(portraits) && len(kept) == 0 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "portraits", "none of %d looks into the camera well enough", len(portraits))
		}
		first := i < len(portraits)
		who := len(kept)
		if first {
			kept = append(kept, portraits[i])
		} else {
			who = (i - len(portraits)) % len(kept)
		}
		rec, err := record(kept[who], filmed, seed+uint64(i))
		if err != nil {
			return nil, err
		}
		if first {
			g, err := guide.Begin().Preview(ctx, neutral(rec)[0].JPEG)
			if err != nil {
				return nil, err
			}
			if !g.OK {
				kept = kept[:who]
				continue
			}
			photo, err := encode(portraits[i].Image)
			if err != nil {
				return nil, err
			}
			c.Photos = append(c.Photos, photo)
		}
		c.Takes = append(c.Takes, Take{who, rec})
		if progress != nil {
			progress(len(c.Takes), n)
		}
	}
	return c, nil
}

// record films one session.
func record(who eval.Portrait, ch faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	ask, portrait := capture.DefaultLimits().CaptureAsk, capture.DefaultLimits().PortraitAsk
	p := simcam.Draw(seed, simcam.Live, func(p *simcam.Params) {
		p.Screen, p.Lux, p.Nits, p.Distance, p.LatencyMS, p.TV, p.Glasses = simcam.ScreenPhone, 250, 400, 28, 110, 0, false
		p.FaceShare, p.FaceX, p.FaceY = .4, .5, .5
		p.FPS, p.Quality, p.Shrink = float64(ask.FPS), ask.Quality, float64(ask.Width)/float64(portrait.Width)
	})
	scene, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, p)
	if err != nil {
		return capture.Recording{}, err
	}
	return scene.Record(ch, seed)
}

func encode(m *imaging.Image) ([]byte, error) {
	rgba := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(rgba.Pix[4*i:], m.Pix[3*i:3*i+3])
		rgba.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, rgba, &jpeg.Options{Quality: 92}); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return b.Bytes(), nil
}
