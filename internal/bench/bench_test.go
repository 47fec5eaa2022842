package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/eval"
	"faceproof/internal/face/facetest"
)

func TestTimes(t *testing.T) {
	var d []time.Duration
	for i := range 100 {
		d = append(d, time.Duration(100-i)*time.Millisecond)
	}
	if got, want := timesOf(d), (Times{N: 100, Mean: 50.5, P50: 50, P95: 95, Max: 100}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := timesOf(d[:1]); got.P50 != 100 || got.P95 != 100 {
		t.Errorf("%+v of one", got)
	}
	if got := timesOf(nil); got != (Times{}) {
		t.Errorf("%+v of none", got)
	}
}

func TestStages(t *testing.T) {
	c := newClock()
	for range 4 {
		c.lap("later", time.Millisecond)
		c.lap("first", 3*time.Millisecond)
	}
	got := c.stages([]string{"first", "never"}, 2)
	if len(got) != 2 || got[0].Name != "first" || got[1].Name != "later" || got[0].Count != 2 || got[0].MS != 6 {
		t.Errorf("%+v", got)
	}
}

// What a client shows before it may begin are frames in neutral light.
func TestNeutral(t *testing.T) {
	var rec capture.Recording
	for i := range 10 {
		rec.Frames = append(rec.Frames, capture.Frame{T: float64(100 * i)})
	}
	rec.Meta.Transcript.Challenge.FadeMS = 100
	rec.Meta.Transcript.Display = []capture.DisplayEvent{{Event: capture.DisplayLead, T: 0}, {Event: capture.DisplayPreroll, T: 200}, {Event: capture.DisplaySegment, T: 600}}
	var at []float64
	for _, f := range neutral(rec) {
		at = append(at, f.T)
	}
	if !slices.Equal(at, []float64{300, 400, 500}) {
		t.Error(at)
	}
}

func TestThisMachine(t *testing.T) {
	if m := ThisMachine(); m.Cores < 1 || m.Go == "" || m.Busy != (m.Load > busyShare*float64(m.Cores)) {
		t.Errorf("%+v", m)
	}
	before := CPU()
	for x := 1; CPU() == before; x++ { // it counts what we use
	}
	if RSS() < 1<<20 {
		t.Errorf("%d bytes resident", RSS())
	}
}

// One session on the real networks: every stage is there, and it passes.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	e := facetest.Open(t, "")
	ctx := context.Background()
	dir := t.TempDir()
	for _, name := range []string{"sample3.jpg", "sample6.jpg"} {
		photo, err := os.ReadFile(facetest.Demo(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), photo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	portraits, _, err := eval.LoadPortraits(ctx, e, dir, "all")
	if err != nil {
		t.Fatal(err)
	}
	cast, err := Film(ctx, e, portraits, 1, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := cast.Measure(ctx, e, faceproof.DefaultPolicy(), 1, 1)
	if err != nil || got.Sessions != 1 || got.Frames < 50 || got.PerCore <= 0 || got.AllocBytes <= 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, name := range []string{"decode", "detect", "landmarks", "embed", "registration", "light", "finish", stageDecision} {
		if !slices.ContainsFunc(got.Stages, func(s Stage) bool { return s.Name == name && s.Each.N > 0 }) {
			t.Errorf("no stage %s", name)
		}
	}
}

// A folder of photos: what is no photo is counted, and stops nothing.
func TestMeasurePhotos(t *testing.T) {
	e := facetest.Open(t, "")
	dir := t.TempDir()
	photo, err := os.ReadFile(facetest.Demo(t, "sample6.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"a.jpg": photo, "b.png": []byte("no picture"), "c.txt": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := ListPhotos(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	got, err := MeasurePhotos(context.Background(), e, files, 2)
	if err != nil || got.Photos != 2 || got.Refused != 1 || got.WithFace != 1 || got.Faces < 2 || got.Embedded != 1 || got.Pixels == 0 || got.PerSecond <= 0 {
		t.Errorf("%+v, %v", got, err)
	}
	alone, err := MeasurePhotos(context.Background(), e, files[:1], 1)
	if err != nil || len(got.StageCPU) != 0 || alone.StageCPU["decode"] <= 0 || alone.StageCPU["embed"] <= 0 {
		t.Errorf("processor time by stage: two at once %v, one %v, %v", got.StageCPU, alone.StageCPU, err)
	}
	if _, err := ListPhotos(t.TempDir()); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("an empty folder: %v", err)
	}
}
