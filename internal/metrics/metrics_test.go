package metrics

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	m := New()
	m.Watch(func() (int, int) { return 3, 2 }, func() time.Duration { return -90 * time.Second })
	m.Verification("pass", "pass")
	m.Verification("ended", "timeout")
	m.Stage("finish", 20*time.Millisecond)
	m.Inference("detector", 7*time.Millisecond)
	m.Limited("subject")
	text := scrape(t, m)
	for _, want := range []string{`faceproof_verifications_total{reason="pass",result="pass"} 1`, `faceproof_verifications_total{reason="timeout",result="ended"} 1`,
		`faceproof_stage_seconds_bucket{stage="finish",le="0.025"} 1`, `faceproof_inference_seconds_count{role="detector"} 1`, `faceproof_limits_total{limit="subject"} 1`,
		"faceproof_captures_in_flight 3", "faceproof_captures_waiting 2", "faceproof_clock_drift_seconds -90", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

// Whatever reaches a label, there are no more series than the sets have
// members, and nothing of it is told.
func TestLabelsAreClosed(t *testing.T) {
	m := New()
	for i := range 10_000 {
		canary := fmt.Sprintf("99000019900307%04d\n{x=\"张三\"}", i)
		m.Verification(canary, canary)
		m.Stage(canary, 1)
		m.Inference(canary, 1)
		m.Limited(canary)
	}
	text := scrape(t, m)
	if strings.Contains(text, "9900001990") || strings.Contains(text, "张") {
		t.Error("a label is what a caller said")
	}
	series := regexp.MustCompile(`(?m)^faceproof_[a-z_]+(_total|_count)\{`).FindAllString(text, -1)
	if len(series) != 4 {
		t.Errorf("%d series: %v", len(series), series)
	}
}

// A server without metrics counts nothing and does not fall.
func TestNone(t *testing.T) {
	var m *Metrics
	m.Verification("a", "b")
	m.Stage("a", 1)
	m.Inference("a", 1)
	m.Limited("a")
	m.Watch(nil, nil)
}
