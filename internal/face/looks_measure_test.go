package face_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
)

// TestMeasureLooks measures what it costs to stop looking at the mesh sooner: how many
// looks a face takes, and how alike its embedding is to that after eight looks.
func TestMeasureLooks(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	e := facetest.Open(t, "standard")
	for _, set := range []string{"02-london-neutral-smiling", "03-deepface-pairs", "06-free-portraits", "01-lfw-pairs"} {
		files := photos(t, imagingtest.Shared(t, "data", set), 25)
		for _, near := range []float64{.02, face.NearSide, .06, .1} {
			var alike []float64
			looks := 0
			for _, file := range files {
				n, similarity, ok := looked(t, e, file, near)
				if ok {
					looks, alike = looks+n, append(alike, similarity)
				}
			}
			slices.Sort(alike)
			n := len(alike)
			t.Logf("%s, crops within %.2f: n %d, %.2f looks, similarity at least %.4f, tenth %.4f, median %.4f", set, near, n, float64(looks)/float64(n), alike[0], alike[n/10], alike[n/2])
			if near == face.NearSide && alike[0] < .98 {
				t.Errorf("%s: %.4f alike", set, alike[0])
			}
		}
	}
}

// photos are the first n of a folder.
func photos(t *testing.T, root string, n int) (files []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(strings.ToLower(path), ".jpg") && len(files) < n {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// looked embeds the largest face of a photo after looks until crops are near, and
// after eight.
func looked(t *testing.T, e *face.Engine, file string, near float64) (looks int, similarity float64, ok bool) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		return 0, 0, false
	}
	ctx := context.Background()
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return 0, 0, false
	}
	var v [2][]float32
	for i, within := range []float64{near, 0} {
		l, n, err := e.Looked(ctx, m, faces[0], within, []int{5, 8}[i])
		if err != nil {
			t.Fatal(err)
		}
		if v[i], err = e.Embed(ctx, m, faces[0], l); err != nil {
			return 0, 0, false
		}
		if i == 0 {
			looks = n
		}
	}
	return looks, dot(v[0], v[1]), true
}
