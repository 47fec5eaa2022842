package face_test

import (
	"context"
	"errors"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
)

// FuzzEnrol enrols whatever bytes come, on the real networks: a template of a
// person, or a refusal that names the photo.
func FuzzEnrol(f *testing.F) {
	e := facetest.Open(f, "")
	small := portrait(f, e, "sample6.jpg", 1, 160, 200, .5)
	f.Add(encode(f, small), false)
	f.Add(encode(f, imaging.New(32, 32)), true)
	f.Add([]byte("\x89PNG\r\n\x1a\n"), true)
	f.Add([]byte(nil), false)
	f.Fuzz(func(t *testing.T, data []byte, twice bool) {
		if len(data) > 32<<10 {
			return // the size is another test's
		}
		if m, err := imaging.Decode(data, imaging.Limits{Pixels: 1 << 20}); err == nil && m.W*m.H > 1<<18 {
			return // slow, and no other way through the code
		}
		photos := [][]byte{data}
		if twice {
			photos = append(photos, data)
		}
		got, err := e.Enrol(context.Background(), photos)
		var bad *faceproof.Error
		switch {
		case err == nil && (got.Template.ModelID != e.ModelID() || len(got.Template.Vector) == 0 || len(got.Quality) != len(photos)):
			t.Fatalf("%+v", got)
		case err == nil:
			if s, err := e.Similarity(got.Template, got.Template); err != nil || s < .99 {
				t.Fatalf("like itself by %v, %v", s, err)
			}
		case !errors.As(err, &bad) || bad.Code != faceproof.CodeInvalid || bad.Field != "photo":
			t.Fatal(err)
		}
		for _, q := range got.Quality {
			if err := face.CheckPortrait(q); faceproof.ErrorCode(err) != "" && faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
		}
	})
}
