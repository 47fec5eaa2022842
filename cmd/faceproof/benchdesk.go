package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/bench"
	"faceproof/internal/blob"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
	"faceproof/internal/registry"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

// benchApp is nobody's: it lives as long as its folder.
var benchApp = faceproof.App{ID: "wx00000000000be9c4", Name: "bench", Permissions: faceproof.DefaultPermissions(), Alive: faceproof.AliveFlash,
	Notice: faceproof.Notice{Handler: "bench", Contact: "bench", Purpose: "bench", Necessity: "bench", RetentionDays: 1, Alternative: "bench"}}

// openBenchDesk opens a service like serve's on a folder that is deleted
// afterwards, with the persons of the cast enrolled.
func openBenchDesk(ctx context.Context, e *face.Engine, policy faceproof.Policy, cast *bench.Cast) (_ *bench.Desk, done func(), err error) {
	dir, err := os.MkdirTemp("", "faceproof-bench-")
	if err != nil {
		return nil, nil, err
	}
	closers := []func(){func() { _ = os.RemoveAll(dir) }}
	done = func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}
	defer func() {
		if err != nil {
			done()
		}
	}()
	g := &globals{DataDir: dir}
	st, ring, closeStore, err := openStoreAs(ctx, g, store.Config{Actor: "bench"})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, closeStore)
	blobs, err := openBlobs(g, ring)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() { _ = blobs.Close() })
	people, err := registry.New(registry.Config{Store: st, Keys: ring, Enroller: engineEnroller{e}})
	if err != nil {
		return nil, nil, err
	}
	desk := &bench.Desk{App: benchApp}
	if err := st.CreateApp(ctx, desk.App, make([]byte, 32)); err != nil {
		return nil, nil, err
	}
	for i, photo := range cast.Photos {
		s, err := benchSubject(i)
		if err != nil {
			return nil, nil, err
		}
		if _, err := people.Add(ctx, s, [][]byte{photo}, "bench"); err != nil {
			return nil, nil, err
		}
		desk.Subjects = append(desk.Subjects, s)
	}
	analyzer := analysis.New(analysis.Config{Engine: e, Candidates: policy.Candidates, Watch: func(s analysis.Stage, d time.Duration) { desk.Lap(string(s), d) }})
	desk.Verify, err = verify.New(verify.Config{
		Store: timedStore{st, desk}, Subjects: st, Apps: st, Audit: st, Registry: timedRegistry{people, desk}, Keys: ring, Blob: timedBlobs{blobs, desk}, Traces: st,
		Analyzer:     verify.AnalyzerFunc(func() verify.Analysis { return analyzer.Begin() }),
		NewChallenge: func(faceproof.Plan) (faceproof.FlashChallenge, error) { return cast.Challenge, nil },
		Policy:       policy,
		CheckFrame: func(jpeg []byte) error {
			_, err := imaging.CheckJPEG(jpeg, imaging.FrameLimits)
			return err
		},
	})
	return desk, done, err
}

// benchSubject is an invented person: no region has the code 990000.
func benchSubject(i int) (faceproof.Subject, error) {
	name, err := faceproof.ParseName("测试", "name")
	if err != nil {
		return faceproof.Subject{}, err
	}
	for _, c := range "0123456789X" {
		if id, err := faceproof.ParseIDNumber(fmt.Sprintf("99000019900101%03d%c", i%1000, c), "id", time.Now()); err == nil {
			return faceproof.Subject{Name: name, IDNumber: id}, nil
		}
	}
	return faceproof.Subject{}, faceproof.Errorf(faceproof.CodeInternal, "", "no such number")
}

// What verify does with its neighbours, timed.
type (
	timedStore struct {
		*store.Store
		desk *bench.Desk
	}
	timedRegistry struct {
		*registry.Local
		desk *bench.Desk
	}
	timedBlobs struct {
		*blob.Dir
		desk *bench.Desk
	}
)

func (s timedStore) Advance(ctx context.Context, id string, from, to faceproof.State, evidence []byte, reason faceproof.Reason, at int64, a faceproof.AuditEntry) error {
	defer lapOf(s.desk, "store")()
	return s.Store.Advance(ctx, id, from, to, evidence, reason, at, a)
}

func (s timedStore) Decide(ctx context.Context, id string, decision, evidence []byte, hasPortrait bool, c faceproof.Credential, at int64, a faceproof.AuditEntry) error {
	defer lapOf(s.desk, "store")()
	return s.Store.Decide(ctx, id, decision, evidence, hasPortrait, c, at, a)
}

func (r timedRegistry) Reference(ctx context.Context, s faceproof.Subject) (faceproof.Reference, error) {
	defer lapOf(r.desk, "registry")()
	return r.Local.Reference(ctx, s)
}

func (b timedBlobs) Put(ctx context.Context, key string, data []byte) error {
	defer lapOf(b.desk, "seal")()
	return b.Dir.Put(ctx, key, data)
}

func lapOf(d *bench.Desk, stage string) func() {
	start := time.Now()
	return func() { d.Lap(stage, time.Since(start)) }
}
