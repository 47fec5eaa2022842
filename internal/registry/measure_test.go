package registry

import (
	"os"
	"testing"
	"time"

	"faceproof/internal/gallery"
)

// TestMeasureOpening times what a search costs before it compares anything: rows read
// and templates opened. docs/models.md has the number.
func TestMeasureOpening(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	const n = 5000
	f := fresh(t)
	for i := range n {
		_, err := f.Add(ctx, subject(t, "张三", i+1), photos("abc"), "cli")
		must(t, err)
	}
	for range 3 {
		g, err := gallery.New(gallery.Config{ModelID: "model-1", Metric: gallery.Cosine})
		must(t, err)
		from := time.Now()
		_, err = f.fill(ctx, g, "model-1", nil)
		must(t, err)
		t.Logf("%d templates opened, %.1f µs each", g.Len(), float64(time.Since(from).Microseconds())/n)
	}
}
