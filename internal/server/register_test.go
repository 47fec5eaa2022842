package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/registry"
)

// registrarFunc is a Registrar that looks at what reaches it.
type registrarFunc func(s faceproof.Subject, photos [][]byte)

func (f registrarFunc) Enrol(_ context.Context, s faceproof.Subject, photos [][]byte, _ string, _ bool) (registry.Enrolled, error) {
	f(s, photos)
	return registry.Enrolled{}, nil
}

// FuzzRegister uploads bodies to the demo's enrolment: what reaches the registry is
// a person and 5 to 10 pictures within the limit, everything else is refused by a
// code of the caller's.
func FuzzRegister(f *testing.F) {
	body := func(n int, name, number, frame string) []byte {
		frames := make([]string, n)
		for i := range frames {
			frames[i] = frame
		}
		b, err := json.Marshal(map[string]any{"name": name, "idCardNumber": number, "frames": frames})
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	jpeg := "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString([]byte{0xff, 0xd8, 0xff, 0xd9})
	for _, n := range []int{0, 4, 5, 10, 11} {
		f.Add(body(n, testName, testNumber, jpeg))
	}
	f.Add(body(5, testName, testNumber, "data:image/png;base64,AAAA"))
	f.Add(body(5, "", "x", "%%%"))
	f.Add([]byte(`{"name":"a","name":"b","frames":null}`))
	f.Add([]byte(`[1]`))
	reached := false
	d, err := newDemo(&Server{cfg: Config{Now: time.Now, Log: slog.New(slog.DiscardHandler)}}, &Demo{
		Registrar: registrarFunc(func(s faceproof.Subject, photos [][]byte) {
			reached = true
			if s.Name.Reveal() == "" || s.IDNumber.Reveal() == "" || len(photos) < demoMinFrames || len(photos) > demoMaxFrames {
				f.Fatalf("%d pictures", len(photos))
			}
			for _, p := range photos {
				if len(p) > demoFrame {
					f.Fatalf("a picture of %d bytes", len(p))
				}
			}
		}),
		Sign:     func(_, _, _, _ string) string { return "" },
		CertHash: func(_, _, _ string) string { return "" },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := httptest.NewRequest("POST", "/demo/api/register", bytes.NewReader(data))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		reached = false
		err := d.register(w, r)
		if code := faceproof.ErrorCode(err); err != nil && code != faceproof.CodeInvalid {
			t.Fatalf("%s: %v", code, err)
		}
		if (err == nil) != reached {
			t.Fatalf("reached the registry: %v, %v", reached, err)
		}
	})
}
