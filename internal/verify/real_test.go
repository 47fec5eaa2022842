package verify

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

// stubEnroller stands in for the face engine.
type stubEnroller struct{}

func (stubEnroller) ModelID() string { return "m" }

func (stubEnroller) Enrol(context.Context, [][]byte) (faceproof.Template, error) {
	v := make([]float32, 128)
	v[0] = 1
	return faceproof.Template{ModelID: "m", Frames: 5, Vector: v}, nil
}

// realWorld is a world on the real store, keys, blobs and registry.
func realWorld(t *testing.T, dir string) (*world, func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	must(err)
	st, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "faceproof.db"), KeyID: ring.ID()})
	must(err)
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	must(err)
	reg, err := registry.New(registry.Config{Store: st, Keys: ring, Enroller: stubEnroller{}})
	must(err)
	w := newWorld(t, func(c *Config) {
		c.Store, c.Subjects, c.Apps, c.Audit, c.Registry, c.Keys, c.Blob = st, st, st, st, reg, ring, blobs
		c.Withdrawals = st
	})
	if _, _, err := st.App(ctx, w.app.ID); err != nil {
		must(st.CreateApp(ctx, w.app, []byte("hash")))
		_, err := reg.Add(ctx, w.subject, [][]byte{{0xff, 0xd8, 0xff}}, "test")
		must(err)
	}
	return w, func() {
		must(blobs.Close())
		must(st.Close())
	}
}

// The whole way on the real store: a person passes, the server is restarted, a
// thousand callers redeem at once and one wins, the portrait goes in time, and
// neither the database nor a blob shows who it was.
func TestRealStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		dir := t.TempDir()
		w, stop := realWorld(t, dir)
		st := w.start1()
		p := w.play(ctx, st)
		r := p.attempt(1)
		if r["outcome"] != "pass" {
			t.Fatalf("result %v, %v", r, p.got)
		}
		if _, err := w.s.Capture(ctx, hello(st)); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("the session again: %v", err)
		}
		p.live.Close(faceproof.ReasonDisconnected)
		stop()

		w, stop = realWorld(t, dir)
		defer stop()
		token := r["verify_result"].(string)
		var won atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 1000 {
			wg.Go(func() {
				<-start
				info, err := w.s.Redeem(ctx, w.app, token, "")
				switch {
				case err == nil && info.Decision.Pass() && info.Subject == w.subject:
					won.Add(1)
				case err != errCredential:
					t.Errorf("%+v, %v", info.Decision, err)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("redeemed %d times", won.Load())
		}
		if _, err := w.s.Portrait(ctx, w.app, PortraitKey{Credential: token}); err != nil {
			t.Errorf("portrait: %v", err)
		}
		time.Sleep(CredentialTTL)
		if err := w.s.Retain(ctx); err != nil {
			t.Error(err)
		}
		left := 0
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, canary := range []string{"张三", w.subject.IDNumber.Reveal(), token, st.CaptureToken.Reveal(), "\xffportrait"} {
				if strings.Contains(string(b), canary) {
					t.Errorf("%s shows a secret", d.Name())
				}
			}
			if strings.Contains(path, "portrait") {
				left++
			}
			return err
		})
		if err != nil || left != 0 {
			t.Errorf("%d portraits left, %v", left, err)
		}
	})
}

// The 2.0 way on the real store.
func TestRealStore2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, stop := realWorld(t, t.TempDir())
		defer stop()
		var ids sync.Map
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				c, err := w.s.Create(ctx, w.request("order-1"))
				if err != nil {
					t.Error(err)
				}
				ids.Store(c.VerifyID.Reveal(), true)
			})
		}
		wg.Wait()
		var id string
		n := 0
		ids.Range(func(k, _ any) bool { n++; id = k.(string); return true })
		if n != 1 {
			t.Fatalf("%d verify_ids", n)
		}
		st, err := w.s.Start2(ctx, w.app, id, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		w.analysis.evidence = func(int) faceproof.Evidence { return weakEvidence() }
		p := w.play(ctx, st)
		for n := range 3 {
			r := p.attempt(n + 1)
			if want := []string{"retry", "retry", "fail"}[n]; r["outcome"] != want {
				t.Fatalf("attempt %d: %v", n+1, r)
			}
		}
		if _, err = w.s.Query(ctx, w.app, id, "order-1", w.certHash(), "o-1"); err != nil {
			t.Error(err)
		}
		info, err := w.s.Query(ctx, w.app, id, "order-1", w.certHash(), "o-1")
		if err != nil || info.Decision.Outcome != faceproof.OutcomeInconclusive {
			t.Errorf("%+v, %v", info.Decision, err)
		}
		p.live.Close(faceproof.ReasonDisconnected)
		key, _, err := w.s.UserIDKey(ctx, w.app, w.subject)
		if err != nil {
			t.Fatal(err)
		}
		if sub, err := w.s.SubjectOf(ctx, w.app.ID, key.Reveal()); err != nil || sub != w.subject {
			t.Errorf("subject: %v", err)
		}
		if _, err := w.s.SubjectOf(ctx, w.other.ID, key.Reveal()); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("another app's: %v", err)
		}
	})
}
