package analysis

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
)

// The pictures of these tests.
const (
	sceneWidth  = 360
	sceneHeight = 480
)

// scene is a portrait that can be relit: the picture under the light of the
// room, linear, and how strongly each pixel answers the screen. A sketch of
// what internal/simcam will do properly; simulated, and not a measure of how
// well people are verified.
type scene struct {
	room     []float32 // linear RGB
	response []float32 // 1: like the middle of the face
	face     face.Face
	jpeg     []byte // in the light of the room
}

// newScene cuts the face closest to the given place out of a demo photo.
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
	b := faces[i].Box
	w := b.W / .42
	h := w * sceneHeight / sceneWidth
	left := min(max(b.X+b.W/2-w/2, 0), float64(m.W)-w)
	top := min(max(b.Y+b.H/2-h/2, 0), float64(m.H)-h)
	m = m.WarpImage(imaging.Scaling(left, top, w, h, sceneWidth, sceneHeight), sceneWidth, sceneHeight)
	s := &scene{room: make([]float32, len(m.Pix)), response: make([]float32, sceneWidth*sceneHeight)}
	for i, v := range m.Pix {
		s.room[i] = .01 + .55*imaging.Linear(v)
	}
	faces, err = e.Detect(ctx, m)
	if err != nil || len(faces) != 1 {
		tb.Fatalf("%d faces in the crop, %v", len(faces), err)
	}
	s.face = faces[0]
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		tb.Fatal(err)
	}
	s.shape(l)
	s.jpeg = s.photograph([3]float64{}, 0, nil)
	return s
}

// shape gives the face an ellipsoid's answer to a light from the front, the
// body a dull one and the background next to none.
func (s *scene) shape(l face.Landmarks) {
	b := l.Box()
	cx, cy, rx, ry := b.X+b.W/2, b.Y+.42*b.H, .62*b.W, .72*b.H
	for i := range s.response {
		x, y := float64(i%sceneWidth), float64(i/sceneWidth)
		d := math.Hypot((x-cx)/rx, (y-cy)/ry)
		switch {
		case d < 1:
			s.response[i] = float32(.25 + .85*math.Sqrt(1-d*d))
		case y > b.Y+b.H && math.Abs(x-cx) < .9*b.W:
			s.response[i] = .5
		default:
			s.response[i] = .04
		}
	}
}

// photograph is the picture under the room and a screen of linear colour
// light, q times as bright as the room; r shakes the camera and adds noise.
func (s *scene) photograph(light [3]float64, q float64, r *rand.Rand) []byte {
	gain := 1 / (1 + .6*q*(light[0]+light[1]+light[2])/3) // exposure
	m := imaging.New(sceneWidth, sceneHeight)
	for i, a := range s.response {
		for c := range 3 {
			v := float64(s.room[3*i+c]) * (1 + q*float64(a)*light[c]) * gain
			m.Pix[3*i+c] = toSRGB[min(max(int(v*4095+.5), 0), 4095)]
		}
	}
	if r != nil {
		shake := imaging.Affine{1, 0, r.NormFloat64(), 0, 1, r.NormFloat64()}
		m = m.WarpImage(shake, sceneWidth, sceneHeight)
		for i, v := range m.Pix {
			m.Pix[i] = uint8(min(max(float64(v)+1.5*r.NormFloat64()+.5, 0), 255))
		}
	}
	return encode(m)
}

var toSRGB = func() (t [4096]uint8) {
	for i := range t {
		t[i] = imaging.FromLinear(float32(i) / 4095)
	}
	return t
}()

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

// session is one capture of a scene.
type session struct {
	challenge faceproof.FlashChallenge
	shown     faceproof.FlashChallenge // what lights the face
	q         float64                  // screen over room
	latency   float64                  // ms
	flat      bool                     // everything answers alike: a tint of the whole picture
	fps       float64
	from      *scene // who is seen
	later     *scene // … from the third segment on; nil: the same
}

// challenge draws one from a seed.
func challenge(tb testing.TB, seed uint64) faceproof.FlashChallenge {
	tb.Helper()
	ch, err := flash.New(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}))
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

// film gives the frames and the transcript.
func (s session) film(seed uint64) ([]capture.Frame, capture.Transcript) {
	r := rand.New(rand.NewPCG(seed, 5))
	const begin = 5000.
	t := capture.Transcript{Attempt: 1, Challenge: s.challenge}
	show := func(event string, index int, at float64) {
		t.Display = append(t.Display, capture.DisplayEvent{Event: event, Index: index, T: at})
	}
	show("lead", 0, begin-float64(s.challenge.LeadMS))
	show("preroll", 0, begin)
	at := begin + float64(s.challenge.PrerollMS) + 100
	for i := range s.challenge.Segments {
		show("segment", i, at)
		at += float64(s.challenge.SegmentMS) + 12*r.Float64()
	}
	show("postroll", 0, at)
	var frames []capture.Frame
	for x := begin - float64(s.challenge.LeadMS); x < at+float64(s.challenge.PostMS); x += 1000 / s.fps {
		who := s.from
		if s.later != nil && x > t.Display[4].T {
			who = s.later
		}
		if s.flat {
			who = &scene{room: who.room, response: flatResponse}
		}
		var light [3]float64
		for _, e := range [3]float64{0, 8, 16} {
			for c, v := range screen(s.shown, t.Display, x-s.latency-e) {
				light[c] += v / 3
			}
		}
		f := capture.Frame{Attempt: 1, Seq: uint32(len(frames)), T: x + 3*r.Float64(), JPEG: who.photograph(light, s.q, r)}
		frames, t.Bytes = append(frames, f), t.Bytes+len(f.JPEG)
	}
	t.Captured, t.Sent, t.Received = len(frames), len(frames), len(frames)
	t.ServerMS = at - begin
	return frames, t
}

var flatResponse = func() []float32 {
	r := make([]float32, sceneWidth*sceneHeight)
	for i := range r {
		r[i] = 1
	}
	return r
}()

// screen is the mean linear colour of the screen at time x.
func screen(ch faceproof.FlashChallenge, d []capture.DisplayEvent, x float64) (light [3]float64) {
	page, black := faceproof.RGB{244, 246, 249}, faceproof.RGB{}
	before, now, share := page, page, 1.
	fade := func(x float64) float64 { return min(x/float64(ch.FadeMS), 1) }
	for _, e := range d {
		if e.T > x {
			break
		}
		before = now
		switch now, share = ch.Neutral, 1; e.Event {
		case capture.DisplayLead:
			now, share = black, fade(x-e.T)
		case capture.DisplayPreroll:
			share = fade(x - e.T)
		case capture.DisplaySegment:
			now, share = ch.Segments[e.Index].Color, min((x-e.T)/float64(ch.WipeMS), 1)
		}
	}
	for c := range light {
		light[c] = share*float64(imaging.Linear(now[c])) + (1-share)*float64(imaging.Linear(before[c]))
	}
	return light
}
