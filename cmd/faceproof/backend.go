package main

import (
	"context"
	"log/slog"
	"time"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/blob"
	"faceproof/internal/digits"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

// backend is everything behind the handlers, opened in the order in which one
// part needs another.
type backend struct {
	store    *store.Store
	keys     *keys.Ring
	blobs    *blob.Dir
	engine   *face.Engine
	registry *registry.Local
	verify   *verify.Service
	policy   faceproof.Policy
	now      func() time.Time // of every part: clock.Steady's

	closers []func()
}

// close ends what was opened, last first.
func (b *backend) close() {
	for i := len(b.closers) - 1; i >= 0; i-- {
		b.closers[i]()
	}
}

func openBackend(ctx context.Context, g *globals, pack, liveness string, readDigits bool, minLevel faceproof.Level, fmr float64, budget verify.Budget, h house, log *slog.Logger) (_ *backend, err error) {
	b := &backend{now: h.clock.Now}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	var done func()
	if h.meter != nil {
		b.engine, done, err = openEngine(g, pack, h.meter.Inference)
	} else {
		b.engine, done, err = openEngine(g, pack)
	}
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, done)
	if b.policy, err = policyFor(b.engine.Pack(), liveness, fmr); err != nil {
		return nil, err
	}
	if b.store, b.keys, done, err = openStoreAs(ctx, g, store.Config{Actor: "server", Log: log, Now: h.clock.Now, Retention: h.retain}); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, done)
	if err := h.checkClock(ctx, b.store); err != nil {
		return nil, err
	}
	if b.blobs, err = openBlobs(g, b.keys); err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { _ = b.blobs.Close() })
	if b.registry, err = registry.New(registry.Config{Store: b.store, Keys: b.keys, Enroller: engineEnroller{b.engine}, Now: b.now}); err != nil {
		return nil, err
	}
	warnOfKeys(ctx, b.store, log)
	var speech digits.Recogniser
	if readDigits {
		if speech, done, err = speechOf(b.engine); err != nil {
			return nil, err
		}
		b.closers = append(b.closers, done)
	}
	if minLevel != "" {
		b.policy = b.policy.WithMinLevel(minLevel)
	}
	for _, w := range fmrWarnings(b.engine.Pack(), b.policy.MaxFMR) {
		log.Warn(w.En)
	}
	analyzer := analysis.New(analysis.Config{Engine: b.engine, Speech: speech, Candidates: b.policy.Candidates})
	b.verify, err = verify.New(verify.Config{
		Store: b.store, Subjects: b.store, Apps: b.store, Audit: b.store, Registry: b.registry, Keys: b.keys, Blob: b.blobs, Attempts: b.store, Traces: b.store, Withdrawals: b.store, Budget: budget, Admission: h.admission, PerApp: h.perApp, Meter: h.meter, Now: h.clock.Now,
		Analyzer: verify.AnalyzerFunc(func() verify.Analysis { return analyzer.Begin() }),
		Policy:   b.policy,
		Digits:   speech != nil,
		CheckFrame: func(jpeg []byte) error {
			_, err := imaging.CheckJPEG(jpeg, imaging.FrameLimits)
			return err
		},
		Log: log,
	})
	return b, err
}
