package analysis

import (
	"context"
	"errors"
	"math"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
)

// FuzzPicture sends whatever bytes come as a preview and as a frame between two
// good ones, on the real networks: guidance and evidence of finite numbers, or a
// refusal that names the frame.
func FuzzPicture(f *testing.F) {
	e := facetest.Open(f, "")
	s := newScene(f, e, "sample3.jpg", 1599, 430)
	m, err := imaging.Decode(s.jpeg, imaging.FrameLimits)
	if err != nil {
		f.Fatal(err)
	}
	good := encode(m.Resize(96, 128))
	f.Add(good)
	f.Add(encode(imaging.New(16, 16)))
	f.Add(encode(imaging.New(1, 40)))
	f.Add([]byte("\xff\xd8\xff\xd9"))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	r := New(Config{Engine: e, Candidates: 100}).Begin()
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, data []byte) {
		if info, err := imaging.CheckJPEG(data, imaging.FrameLimits); err == nil && info.W*info.H > 1<<18 {
			return // slow, and no other way through the code
		}
		refused := func(err error) bool {
			var bad *faceproof.Error
			if err != nil && (!errors.As(err, &bad) || bad.Code != faceproof.CodeInvalid || bad.Field != "frame") {
				t.Fatal(err)
			}
			return err != nil
		}
		r.Reset()
		r.Approach(true)
		g, err := r.Preview(ctx, data)
		if !refused(err) {
			for _, v := range g.Box {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%+v", g)
				}
			}
		}
		for i, jpeg := range [][]byte{good, data, good} {
			if refused(r.Frame(ctx, capture.Frame{Seq: uint32(i), T: 80 * float64(i), JPEG: jpeg})) && i != 1 {
				t.Fatal("a good frame is refused")
			}
		}
		if _, _, err := r.Finish(ctx, capture.Transcript{Challenge: challenge(t, 1)}, faceproof.Reference{State: faceproof.ReferenceAbsent}); err != nil {
			t.Fatal(err)
		}
	})
}
