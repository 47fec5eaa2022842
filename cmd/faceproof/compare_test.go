package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof/internal/face/facetest"
)

// faces runs the command line against the installed models.
func faces(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(append([]string{"--data", facetest.DataDir()}, args...), &o, &e)
	return code, o.String(), e.String()
}

func TestCompareDemoPhotos(t *testing.T) {
	one, three, six := facetest.Demo(t, "sample1.jpg"), facetest.Demo(t, "sample3.jpg"), facetest.Demo(t, "sample6.jpg")
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			facetest.Open(t, pack) // skips when it is not installed
			code, out, errOut := faces(t, "compare", "--pack", pack, one+"#3", three+"#2")
			if code != 0 || !strings.HasPrefix(out, "the same person\n") {
				t.Errorf("same: %d %q %q", code, out, errOut)
			}
			code, out, errOut = faces(t, "compare", "--pack", pack, "--json", one+"#3", six+"#4")
			var c comparison
			if err := json.Unmarshal([]byte(out), &c); err != nil || code != 1 || errOut != "" {
				t.Fatalf("different: %d %v %q", code, err, errOut)
			}
			if c.Same || c.Pack != pack || c.Similarity >= c.Threshold || c.FMR <= 0 || c.Score >= c.MinScore || c.MinScore <= 0 || c.ScoreFMR <= c.FMR || c.ModelID == "" || len(c.Photos) != 2 || c.Photos[1].Face != 4 || c.Photos[1].Faces != 4 || c.Photos[0].File != "sample1.jpg" {
				t.Errorf("%+v", c)
			}
			code, out, errOut = faces(t, "compare", "--pack", pack, one, six+"#4")
			if code != 2 || out != "" || !strings.Contains(errOut, "3 faces") || !strings.Contains(errOut, "sample1.jpg#3") {
				t.Errorf("several: %d %q %q", code, out, errOut)
			}
			if code, _, errOut = faces(t, "compare", "--pack", pack, one+"#9", six+"#4"); code != 2 || !strings.Contains(errOut, "no #9") {
				t.Errorf("no such face: %d %q", code, errOut)
			}
		})
	}
}

func TestInspectDemoPhoto(t *testing.T) {
	facetest.Open(t, "offline")
	photo := facetest.Demo(t, "sample3.jpg")
	code, out, errOut := faces(t, "inspect", "--pack", "offline", "--json", "--mesh", photo)
	var in inspection
	if err := json.Unmarshal([]byte(out), &in); err != nil || code != 0 {
		t.Fatalf("%d %v %q", code, err, errOut)
	}
	if in.Width != 1920 || in.Height != 1350 || len(in.Faces) != 3 || len(in.Faces[2].Mesh) != 468 || in.Faces[2].Box.X < in.Faces[1].Box.X {
		t.Errorf("%d × %d, %d faces", in.Width, in.Height, len(in.Faces))
	}
	if code, out, _ = faces(t, "inspect", "--pack", "offline", photo+"#2"); code != 0 || !strings.Contains(out, "#2  box") || strings.Contains(out, "#1  box") {
		t.Errorf("one face: %d %q", code, out)
	}
	// A name may hold the sign.
	odd := filepath.Join(t.TempDir(), "me#1")
	data, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(odd, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errOut = faces(t, "inspect", "--pack", "offline", odd); code != 0 || !strings.Contains(out, "3 faces") {
		t.Errorf("a name with #: %d %q %q", code, out, errOut)
	}
	text := filepath.Join(t.TempDir(), "text.jpg")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut = faces(t, "inspect", "--pack", "offline", text); code != 2 || !strings.Contains(errOut, "neither JPEG nor PNG") {
		t.Errorf("text: %d %q", code, errOut)
	}
}
