package face_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/eval/score"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
)

// judged is a picture with its components and its template.
type judged struct {
	c faceproof.Components
	t faceproof.Template
}

// TestMeasureQuality gives the table of docs/evaluation.md, "Quality": of LFW's
// genuine pairs the worst share by a score is left out, and the false non-match
// rate of the rest is counted, for the unified score and for each component. A
// pair is as bad as its worse picture. FACEPROOF_LFW_PAIRS says how many pairs.
func TestMeasureQuality(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	dir := imagingtest.Shared(t, "data", "01-lfw-pairs")
	lines := strings.Split(strings.TrimSpace(string(imagingtest.Read(t, "data", "01-lfw-pairs", "pairs-A.txt"))), "\n")[1:]
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			threshold := e.Pack().Threshold(1, 1).Threshold
			var pairs []scoredPair
			for _, line := range lines {
				f := strings.Fields(line)
				if len(f) != 3 || len(pairs) == sample() {
					continue
				}
				p := scoredPair{scores: map[string]int{}}
				var two [2]judged
				for i, n := range f[1:] {
					k, _ := strconv.Atoi(n)
					two[i] = judge1(t, e, filepath.Join(dir, "lfw", f[0], fmt.Sprintf("%s_%04d.jpg", f[0], k)))
				}
				if two[0].t.Vector == nil || two[1].t.Vector == nil {
					continue
				}
				s, err := e.Similarity(two[0].t, two[1].t)
				if err != nil {
					t.Fatal(err)
				}
				p.match = s >= threshold
				other := scoresOf(two[1].c)
				for name, v := range scoresOf(two[0].c) {
					p.scores[name] = min(v, other[name])
				}
				pairs = append(pairs, p)
			}
			for _, c := range (faceproof.Components{}).List() {
				discard(t, c.Name, pairs)
			}
			discard(t, unified+", second half", pairs[len(pairs)/2:])
			bands(t, pairs)
		})
	}
}

const unified = "unified_quality_score"

// bands logs how many pairs do not match, by fifths of the unified score.
func bands(t *testing.T, pairs []scoredPair) {
	t.Helper()
	var miss, n [5]int
	for _, p := range pairs {
		k := min(max(p.scores[unified], 0)/20, 4)
		if n[k]++; !p.match {
			miss[k]++
		}
	}
	t.Logf("%s, 0–19 to 80–100: %v fail of %v", unified, miss, n)
}

type scoredPair struct {
	scores map[string]int
	match  bool
}

// judge1 assesses and embeds the face nearest to the middle.
func judge1(t *testing.T, e *face.Engine, path string) (out judged) {
	t.Helper()
	ctx := context.Background()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, _ := imaging.CheckJPEG(data, imaging.PhotoLimits)
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		t.Fatal(err)
	}
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return out
	}
	off := func(f face.Face) float64 {
		return math.Hypot(f.Box.X+f.Box.W/2-float64(m.W)/2, f.Box.Y+f.Box.H/2-float64(m.H)/2)
	}
	slices.SortFunc(faces, func(a, b face.Face) int { return cmp.Compare(off(a), off(b)) })
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		t.Fatal(err)
	}
	out.c = e.Components(m, info.Quality, faces, l)
	if v, err := e.Embed(ctx, m, faces[0], l); err == nil {
		out.t = face.Mean(e.ModelID(), [][]float32{v})
	}
	return out
}

// discard logs the error-versus-discard curve of one score, and the chance that
// it is lower for a pair that does not match than for one that does.
func discard(t *testing.T, label string, pairs []scoredPair) {
	t.Helper()
	name, _, _ := strings.Cut(label, ",")
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b scoredPair) int { return cmp.Compare(a.scores[name], b.scores[name]) })
	var row strings.Builder
	for _, q := range []float64{0, .05, .1, .2, .3, .5} {
		rest := sorted[int(q*float64(len(sorted))):]
		miss := 0
		for _, p := range rest {
			if !p.match {
				miss++
			}
		}
		r := score.Proportion(miss, len(rest))
		fmt.Fprintf(&row, "  %2.0f %%: %d/%d %.1f (%.1f – %.1f)", 100*q, miss, len(rest), 100*r.Rate, 100*r.Low, 100*r.High)
	}
	var lower, n float64
	for _, a := range pairs {
		for _, b := range pairs {
			if a.match || !b.match {
				continue
			}
			n++
			switch d := cmp.Compare(a.scores[name], b.scores[name]); {
			case d < 0:
				lower++
			case d == 0:
				lower += .5
			}
		}
	}
	t.Logf("%-32s AUC %.3f %s", label, lower/max(n, 1), row.String())
}
