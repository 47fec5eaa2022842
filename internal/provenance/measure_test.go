package provenance

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMeasureFrames prints the evidence of folders of pictures, NNNN.jpg at 15
// a second, one folder a video: FACEPROOF_FRAMES names the folder of folders.
// docs/evaluation.md tells what came of it.
func TestMeasureFrames(t *testing.T) {
	root := os.Getenv("FACEPROOF_FRAMES")
	if root == "" {
		t.Skip("FACEPROOF_FRAMES names no folder")
	}
	folders, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		files, err := filepath.Glob(filepath.Join(f, "*.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		var frames []shotFrame
		for i, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, shotFrame{1000. / 15 * float64(i), data})
		}
		e := evidence(t, frames)
		t.Logf("%s: %d frames, repeats %d, still %.3f, noise %.2f in %d blocks (slope %.1f), grid %.2f, combed %.2f, encodings %d, sampled %d, marks %d",
			filepath.Base(f), e.Frames, e.Repeats, e.Still, e.Noise, e.NoiseBlocks, e.NoiseSlope, e.Grid, e.Combed, e.Encodings, len(e.Traces.Frames), len(e.Traces.Motions))
	}
}
