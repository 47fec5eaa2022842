// Package metrics counts what an operator watches, in Prometheus' format. Every
// label is of a closed set: whatever a client sends, no series is made of it,
// and no name, number or id is in any.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"faceproof"
)

// other stands for a label that is none of its set.
const other = "other"

// The closed sets.
var (
	results = set("pass", "reject", "inconclusive", "ended")
	reasons = set(texts(faceproof.Reasons())...)
	stages  = set("wait", "frame", "preview", "finish", "commit")
	roles   = set("detector", "landmarks", "embedder", "speech", "pad")
	limits  = set("subject", "delay", "device", "ip", "name", "miss", "busy", "slots", "address_slots", "address_calls", "app_calls", "app_sessions")
)

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

func texts[T ~string](list []T) (out []string) {
	for _, s := range list {
		out = append(out, string(s))
	}
	return out
}

// of gives a label of a set.
func of(set map[string]bool, label string) string {
	if set[label] {
		return label
	}
	return other
}

// Metrics counts. Its methods are safe for concurrent use, and do nothing on
// nil: a server without a metrics address counts nothing.
type Metrics struct {
	registry      *prometheus.Registry
	verifications *prometheus.CounterVec
	stage         *prometheus.HistogramVec
	inference     *prometheus.HistogramVec
	limits        *prometheus.CounterVec
}

// New makes Metrics with Go's and the process's own.
func New() *Metrics {
	// From a millisecond to ten seconds.
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		verifications: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "faceproof_verifications_total",
			Help: "Verifications that are over, by result (pass, reject, inconclusive, ended) and first reason."}, []string{"result", "reason"}),
		stage: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "faceproof_stage_seconds", Buckets: buckets,
			Help: "Time of a stage of a capture: wait for a place, frame, preview, finish, commit."}, []string{"stage"}),
		inference: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "faceproof_inference_seconds", Buckets: buckets,
			Help: "Time of one run of a network, by its role."}, []string{"role"}),
		limits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "faceproof_limits_total",
			Help: "Calls that a limit turned away, by limit."}, []string{"limit"}),
	}
	m.registry.MustRegister(m.verifications, m.stage, m.inference, m.limits,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Watch adds what is asked for at each scrape: the captures that run and wait,
// and how far the machine's clock is ahead.
func (m *Metrics) Watch(load func() (running, waiting int), drift func() time.Duration) {
	if m == nil {
		return
	}
	gauge := func(name, help string, f func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
	}
	gauge("faceproof_captures_in_flight", "Captures that run now.", func() float64 { n, _ := load(); return float64(n) })
	gauge("faceproof_captures_waiting", "Captures that wait for a place.", func() float64 { _, n := load(); return float64(n) })
	gauge("faceproof_clock_drift_seconds", "How far the machine's clock is ahead of the time that is used.", func() float64 { return drift().Seconds() })
}

// Verification counts one that is over.
func (m *Metrics) Verification(result, reason string) {
	if m != nil {
		m.verifications.WithLabelValues(of(results, result), of(reasons, reason)).Inc()
	}
}

// Stage adds the time of a stage.
func (m *Metrics) Stage(stage string, d time.Duration) {
	if m != nil {
		m.stage.WithLabelValues(of(stages, stage)).Observe(d.Seconds())
	}
}

// Inference adds the time of one run of a network.
func (m *Metrics) Inference(role string, d time.Duration) {
	if m != nil {
		m.inference.WithLabelValues(of(roles, role)).Observe(d.Seconds())
	}
}

// Limited counts a call that a limit turned away.
func (m *Metrics) Limited(limit string) {
	if m != nil {
		m.limits.WithLabelValues(of(limits, limit)).Inc()
	}
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	return mux
}

// Server serves it, with the time limits that an idle peer meets.
func (m *Metrics) Server() *http.Server {
	return &http.Server{Handler: m.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
}
