package faces

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face"
)

// reader takes a picture's text for its face: "x y z", or "nobody".
type reader struct {
	looks int
	stop  int // looks after which the run is cut off; 0: never
	end   context.CancelFunc
}

func (r *reader) digest() string { return strings.Repeat("0", 64) }

func (r *reader) mean(v [][]float32) faceproof.Template { return face.Mean("reader", v) }

func (r *reader) similarity(a, b faceproof.Template) (float64, error) {
	dot, na, nb := 0., 0., 0.
	for i := range a.Vector {
		x, y := float64(a.Vector[i]), float64(b.Vector[i])
		dot, na, nb = dot+x*y, na+x*x, nb+y*y
	}
	return dot / math.Sqrt(na*nb), nil
}

func (r *reader) embed(_ context.Context, data []byte, _ string) ([]float32, string, error) {
	if r.looks++; r.stop > 0 && r.looks == r.stop {
		r.end()
	}
	v := make([]float32, 3)
	if n, _ := fmt.Sscan(string(data), &v[0], &v[1], &v[2]); n != 3 {
		return nil, "single_face_present", nil
	}
	return v, "", nil
}

// album writes pictures of twelve persons, three of each, two of whom are alike,
// and one without a face.
func album(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(root, "pictures", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	groups := "name,kind\n"
	for i := range 12 {
		angle := float64(i) * .5
		if i == 11 {
			angle = 10*.5 + .05
		}
		for k := range 3 {
			put(fmt.Sprintf("p%02d/p%02d_%04d.jpg", i, i, k+1), fmt.Sprintf("%.6f %.6f %.6f", math.Cos(angle), math.Sin(angle), .05*float64(k)))
		}
		groups += fmt.Sprintf("p%02d,%c\n", i, "ab"[i%2])
	}
	put("p00/p00_0004.jpg", "nobody")
	put("groups.csv", groups)
	put("pairs.txt", "2 1\np00 1 2\np00 1 p01 1\np02 1 2\np02 1 p03 9\n")
	put("rows.csv", "a,b,same\np00/p00_0001.jpg,p00/p00_0002.jpg,yes\np00/p00_0001.jpg,p01/p01_0001.jpg,no\np00/p00_0004.jpg,p01/p01_0001.jpg,no\n")
	return root
}

func runAlbum(ctx context.Context, t *testing.T, e *reader, root, work string) ([]byte, error) {
	t.Helper()
	text := example("[[set]]\nname = \"pairs\"", "[[set]]\nname = \"means\"\ntitle = { en = \"Means\", zh = \"均值\" }\nkind = \"folders\"\nprobe_frames = 2\nreference_frames = 1\ndraws = 3\n[[set]]\nname = \"pairs\"")
	p, err := ParseProtocol(text)
	if err != nil {
		t.Fatal(err)
	}
	return runWith(ctx, e, Config{Protocols: []*Protocol{p}, Root: root, Work: work}, Header{Pack: "test", ModelID: "reader", Metric: "cosine", Seed: 1},
		func(int, int) float64 { return .99 })
}

func TestRunPublishCheck(t *testing.T) {
	root, dir := album(t), t.TempDir()
	e := &reader{}
	data, err := runAlbum(context.Background(), t, e, root, filepath.Join(dir, "work"))
	if err != nil {
		t.Fatal(err)
	}
	if e.looks != 37 {
		t.Errorf("%d looks at 37 pictures", e.looks)
	}
	out := filepath.Join(dir, "out")
	r, err := Publish(out, data)
	if err != nil {
		t.Fatal(err)
	}
	all := r.Sets[0]
	if all.Persons != 12 || all.Pictures != 37 || all.NotAcquired != 1 || all.All.Genuine != 36 || all.All.Impostor != 66*9 || all.NoEnrol.Count != 1 {
		t.Errorf("%+v", all)
	}
	// Two persons are alike, and each matches itself.
	if m := all.All.Shipped; m.FMR.Count != 9 || m.FNMR.Count != 0 || all.By[0].Shipped.FMR.Count != 0 || all.By[0].Impostor != 15*9 {
		t.Errorf("%+v", all.All.Shipped)
	}
	means := r.Sets[1]
	if means.All.Genuine != 12*3 || means.All.Impostor != 12*11*3 || means.All.Shipped.FMR.Count != 6 {
		t.Errorf("%+v", means.All)
	}
	if pairs := r.Sets[2]; pairs.Missing != 1 || pairs.LeftOut != 1 || pairs.All.Genuine != 2 || pairs.Accuracy == nil {
		t.Errorf("%+v", pairs)
	}
	if rows := r.Sets[3]; rows.LeftOut != 1 || rows.All.Genuine != 1 || rows.All.Impostor != 1 {
		t.Errorf("%+v", rows)
	}
	if _, err := Check(out); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"report.md", "report.zh.md", "report.json"} {
		b, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"p00", "NaN", "Inf", "%!"} {
			if strings.Contains(string(b), bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
		if err := os.WriteFile(filepath.Join(out, name), append(slices.Clone(b), ' '), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(out); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("%s changed: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if h, sets, err := read(data); err != nil || h.Seed != 1 || len(sets) != 4 {
		t.Error(err)
	} else if again, err := write(h, sets); err != nil || !bytes.Equal(again, data) {
		t.Errorf("written again it differs: %v", err)
	}
}

// A run that was cut off goes on: no picture is looked at twice, and a line that
// was half written is dropped.
func TestRunGoesOn(t *testing.T) {
	root, work := album(t), t.TempDir()
	ctx, end := context.WithCancel(context.Background())
	first := &reader{stop: 10, end: end}
	if _, err := runAlbum(ctx, t, first, root, work); err == nil || ctx.Err() == nil {
		t.Fatalf("not cut off: %v", err)
	}
	file := filepath.Join(work, "templates-"+strings.Repeat("0", 16)+".jsonl")
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	if err := os.Truncate(file, info.Size()-5); err != nil {
		t.Fatal(err)
	}
	second := &reader{}
	data, err := runAlbum(context.Background(), t, second, root, work)
	if err != nil || second.looks != 37-9 {
		t.Fatalf("%d looks, %v", second.looks, err)
	}
	whole, err := runAlbum(context.Background(), t, &reader{}, root, t.TempDir())
	if err != nil || !bytes.Equal(whole, data) {
		t.Errorf("another result than in one go: %v", err)
	}
}

func TestAttempts(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"anna/a_1", "anna/a_2", "anna/b_1", "bea/a_1", "bea/a_2"} {
		path := filepath.Join(root, name+".png")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("1 0 "+name[len(name)-1:]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := ParseProtocol([]byte(`id = "x"
title = { en = "X", zh = "甲" }
[[set]]
name = "all"
title = { en = "X", zh = "甲" }
kind = "folders"
person = '^(?P<person>[^/]+)/(?P<attempt>[^_]+)_'
`))
	if err != nil {
		t.Fatal(err)
	}
	data, err := runWith(context.Background(), &reader{}, Config{Protocols: []*Protocol{p}, Root: root, Work: t.TempDir()}, Header{}, func(int, int) float64 { return .5 })
	if err != nil {
		t.Fatal(err)
	}
	_, sets, err := read(data)
	if err != nil || len(sets[0].genuine) != 1 || len(sets[0].impostor) != 2 || sets[0].subjects[0].probes != 2 {
		t.Fatalf("%+v, %v", sets, err)
	}
}

// The reports in the repository are what their trials say.
func TestReportsInTheRepository(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("..", "..", "..", "eval", "reports", "faces-*"))
	if err != nil || len(dirs) < 2 {
		t.Fatal(dirs, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			if _, err := Check(dir); err != nil {
				t.Error(err)
			}
			for _, name := range []string{"report.md", "report.zh.md", "report.json"} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil || bytes.Contains(b, []byte("%!")) || bytes.Contains(b, []byte("NaN")) {
					t.Errorf("%s: %v, or a figure is malformed", filepath.Join(dir, name), err)
				}
			}
		})
	}
}

func FuzzTrials(f *testing.F) {
	tr := people(1, 6, 2)
	data, err := write(Header{Format: 1, Resamples: 10}, []*trials{tr})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, err := read(data)
		if err != nil && faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Fatal(err)
		}
	})
}
