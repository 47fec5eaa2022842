package voicebank

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/eval/aloud"
)

// exported is a bank of three speakers, one with pictures, one who left, written out.
func exported(t *testing.T) (*world, string, Exported, []Session) {
	w := newWorld(t)
	all := []Session{w.begin(true), w.begin(false), w.begin(false)}
	for _, s := range all {
		w.readAll(s)
	}
	if _, err := w.Withdraw(t.Context(), all[2].Code); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "out")
	e, err := w.Export(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return w, dir, e, all
}

func TestExport(t *testing.T) {
	w, dir, e, all := exported(t)
	if e.Speakers != 2 || e.Train+e.Test != 2 || e.Strings != 8 || e.Digits != 24 || e.Uncut != 0 || e.Films != 4 || e.Damaged != 0 {
		t.Errorf("%+v", e)
	}
	// What evaluation reads.
	clips, _, err := aloud.Load(dir, nil)
	if err != nil || len(clips) != 8+24 {
		t.Fatalf("%d clips, %v", len(clips), err)
	}
	labels := map[string]int{}
	for _, s := range all[:2] {
		for _, st := range s.Plan {
			labels[s.Speaker+st.Label]++
			for i := 0; st.Paced && i < Places; i++ {
				labels[s.Speaker+st.Label[i:i+1]]++
			}
		}
	}
	for _, c := range clips {
		labels[c.Voice+c.Label]--
		if len(c.Label) == 1 && (len(c.Sound) < digits.Rate/4 || len(c.Sound) > digits.Rate) {
			t.Errorf("%s is %d samples", c.Path, len(c.Sound))
		}
	}
	for l, n := range labels {
		if n != 0 {
			t.Errorf("%s: %d too few", l, n)
		}
	}
	// What training reads.
	var m struct {
		Sources map[string]source
		Items   []Item
	}
	decode(t, filepath.Join(dir, "manifest.json"), &m)
	var splits struct {
		Train, Evaluate []string
		Folds           map[string][]string
	}
	decode(t, filepath.Join(dir, "splits.json"), &splits)
	if len(m.Items) != 32 || len(splits.Train)+len(splits.Evaluate) != 2 || len(splits.Folds) != 3 {
		t.Errorf("%d items, %+v", len(m.Items), splits)
	}
	for _, it := range m.Items {
		if m.Sources[it.Source].Text.Title == "" || it.Split != SplitOf(it.Speaker) || slices.Contains(splits.Evaluate, it.Speaker) != (it.Split == Test) || it.Seconds <= 0 {
			t.Errorf("%+v", it)
		}
	}
	// What the project's own tools read.
	films, _ := filepath.Glob(filepath.Join(dir, "film", "*.zip"))
	if len(films) != 4 {
		t.Fatalf("%d films", len(films))
	}
	data, err := os.ReadFile(films[0])
	w.must(err)
	rec, err := capture.ReadRecording(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(rec.Frames) != 5 || rec.Transcript().Digits.Digits != all[0].Plan[0].Shown() || rec.Transcript().Method != faceproof.MethodDigits {
		t.Errorf("%d frames, %+v, %v", len(rec.Frames), rec.Transcript(), err)
	}
	// For its owner alone.
	w.must(filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
	t.Run("training", func(t *testing.T) { trainingReads(t, dir, all[0].Speaker) })
	if _, err := w.Export(t.Context(), dir, ""); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("into a folder with something in it: %v", err)
	}
	if _, err := w.Export(t.Context(), t.TempDir(), "half"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("half: %v", err)
	}
	none := Train
	if len(splits.Train) > 0 {
		none = Test
	}
	if len(splits.Train) == 2 || len(splits.Evaluate) == 2 {
		if _, err := w.Export(t.Context(), t.TempDir(), none); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("nobody of %s: %v", none, err)
		}
	}
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// models/train/digits reads what is exported, beside other recordings too.
func trainingReads(t *testing.T, dir, speaker string) {
	const python = "/usr/bin/python3" // as train.sh
	train, err := filepath.Abs("../../models/train/digits")
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"manifest.json": `{"items": []}`, "splits.json": `{"train": ["x"], "evaluate": [], "folds": {"f1": ["x"]}}`} {
		if err := os.WriteFile(filepath.Join(other, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sep := string(os.PathListSeparator)
	cmd := exec.Command(python, "-c", `
import json, sys
from corpus import SPLITS, recordings
r = recordings(sys.argv[1], set(SPLITS["train"] + SPLITS["evaluate"]))
print(json.dumps({"clips": {v: [[len(l) for l, _ in t], min(len(x) for _, x in t)] for v, t in r.items()}, "x": "x" in SPLITS["train"] and "x" in SPLITS["folds"]["f1"]}))`, other+sep+dir)
	cmd.Dir = train
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "SPLITS="+filepath.Join(other, "splits.json")+sep+filepath.Join(dir, "splits.json"))
	out, err := cmd.Output()
	if err != nil {
		var e *exec.ExitError
		switch {
		case errors.As(err, &e) && bytes.Contains(e.Stderr, []byte("No module named")), errors.Is(err, fs.ErrNotExist):
			t.Skip("no python3 with numpy")
		case errors.As(err, &e):
			t.Fatalf("%v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var got struct {
		Clips map[string][]any
		X     bool
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(got.Clips) != 2 || got.Clips[speaker] == nil || !got.X || !strings.Contains(string(out), "6") {
		t.Errorf("%s", out)
	}
}

// Digits are cut only where they are plainly apart, each in its own time.
func TestCutDigits(t *testing.T) {
	s := String{N: 3, Label: "380y21", Paced: true, PrerollMS: 1000, ShowMS: []int{0, 1200, 2400, 3600, 4800, 6000}, EndMS: 7800}
	prompts := []float64{1000, 2200, 3400, 4600, 5800, 7000}
	cut := func(late float64, change ...func([]int16)) [][2]int {
		sound, err := digits.ParseWAV(spoken(s, late).WAV, MaxTake)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range change {
			c(sound.Samples)
		}
		return cutDigits(sound.Samples, prompts)
	}
	parts := cut(400)
	if len(parts) != 6 {
		t.Fatalf("%v", parts)
	}
	for i, p := range parts {
		from, to := int(prompts[i]+400)*16, int(prompts[i]+700)*16
		if p[0] > from+400 || p[0] < from-2400 || p[1] < to-400 || p[1] > to+3200 || i > 0 && p[0] < parts[i-1][1] {
			t.Errorf("digit %d: %v, spoken from %d to %d", i, p, from, to)
		}
	}
	loud := func(from, ms int) func([]int16) {
		return func(x []int16) {
			for i := range ms * 16 {
				x[from*16+i] = int16(6000 * (i%7 - 3))
			}
		}
	}
	quiet := func(from, ms int) func([]int16) { return func(x []int16) { clear(x[from*16 : (from+ms)*16]) } }
	if got := cut(400, loud(2050, 20)); len(got) != 6 {
		t.Error("a click is no digit")
	}
	if got := cut(400, quiet(1520, 60)); len(got) != 6 {
		t.Error("a stop within a digit is no end")
	}
	for name, got := range map[string][][2]int{
		"too early": cut(20), "another word": cut(400, loud(200, 300)), "one missing": cut(400, quiet(2500, 500)), "two run together": cut(400, loud(1500, 1300)),
		"nothing": cutDigits(nil, prompts), "no prompts": cutDigits(make([]int16, 16000), nil), "silence": cutDigits(make([]int16, 16000), prompts),
	} {
		if got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
