package verify

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"faceproof"
)

// memAttempts counts in memory, with the contract of the store.
type memAttempts struct {
	mu   sync.Mutex
	list []faceproof.Attempt
	rows map[string]inARow
}

type inARow struct {
	n  int
	at int64
}

func (m *memAttempts) Fail(_ context.Context, key []byte, at int64, free, total int, delay time.Duration) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[string(key)]
	if total > 0 && r.n >= total || free > 0 && r.n >= free && at < r.at+delay.Milliseconds() {
		return false, nil
	}
	if m.rows == nil {
		m.rows = map[string]inARow{}
	}
	m.rows[string(key)] = inARow{r.n + 1, at}
	return true, nil
}

func (m *memAttempts) Failures(_ context.Context, key []byte) (int, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[string(key)]
	return r.n, r.at, nil
}

func (m *memAttempts) Spend(_ context.Context, a faceproof.Attempt, since int64, inApp, overall int) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	own, all := 0, 0
	for _, b := range m.list {
		if b.Kind == a.Kind && string(b.Key) == string(a.Key) && b.At > since {
			all++
			if b.AppID == a.AppID {
				own++
			}
		}
	}
	if inApp > 0 && own >= inApp || overall > 0 && all >= overall {
		return false, nil
	}
	m.list = append(m.list, a)
	return true, nil
}

func (m *memAttempts) Forgive(_ context.Context, kind faceproof.AttemptKind, key []byte, app faceproof.AppID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kind == faceproof.AttemptSubject {
		delete(m.rows, string(key))
	}
	m.list = slices.DeleteFunc(m.list, func(a faceproof.Attempt) bool {
		return a.Kind == kind && string(a.Key) == string(key) && a.AppID == app
	})
	return nil
}

func (m *memAttempts) Attempts(_ context.Context, kind faceproof.AttemptKind, key []byte, since int64) (out []faceproof.Attempt, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.list {
		if a.Kind == kind && string(a.Key) == string(key) && a.At > since {
			out = append(out, a)
		}
	}
	return out, nil
}

func limitedWorld(t testing.TB) (*world, *memAttempts) {
	m := &memAttempts{}
	return newWorld(t, func(c *Config) { c.Attempts = m }), m
}

// session plays one capture whose evidence is as given, and gives the decision.
func (w *world) session(ctx context.Context, app faceproof.App, e faceproof.Evidence) (faceproof.Decision, error) {
	st, err := w.s.Start1(ctx, app, w.subject, faceproof.AliveAuto, "", false)
	if err != nil {
		return faceproof.Decision{}, err
	}
	w.analysis.evidence = func(int) faceproof.Evidence { return e }
	p := w.play(ctx, st)
	r := p.attempt(1)
	p.live.Close(faceproof.ReasonDisconnected)
	info, err := w.s.Redeem(ctx, app, r["verify_result"].(string), "")
	return info.Decision, err
}

func impostor() faceproof.Evidence {
	e := goodEvidence()
	e.Match.Similarity = -1
	return e
}

func wantLimit(t *testing.T, err error, field string) {
	t.Helper()
	if e, ok := err.(*faceproof.Error); !ok || e.Code != faceproof.CodeRateLimited || e.Field != field {
		t.Errorf("got %v, want a limit of %s", err, field)
	}
}

// Five live faces that are not the person's, and the app must wait a day; ten,
// and every app must. A pass forgives what came before.
func TestSubjectBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, _ := limitedWorld(t)
		for i := range 4 {
			if d, err := w.session(ctx, w.app, impostor()); err != nil || d.Reasons[0] != faceproof.ReasonFaceMismatch {
				t.Fatalf("impostor %d: %+v, %v", i, d, err)
			}
		}
		if d, err := w.session(ctx, w.app, goodEvidence()); err != nil || !d.Pass() {
			t.Fatalf("the person: %+v, %v", d, err)
		}
		for range 5 {
			if _, err := w.session(ctx, w.app, impostor()); err != nil {
				t.Fatal(err)
			}
		}
		_, err := w.session(ctx, w.app, goodEvidence())
		wantLimit(t, err, "subject")
		for range 5 {
			time.Sleep(30 * time.Second) // the sixth in a row and each after it waits
			if _, err := w.session(ctx, w.other, impostor()); err != nil {
				t.Fatal(err)
			}
		}
		third := w.other
		third.ID = "wx00000000000000c3"
		w.store.apps[third.ID] = third
		_, err = w.session(ctx, third, goodEvidence())
		wantLimit(t, err, "subject")
		time.Sleep(24*time.Hour + time.Second)
		if d, err := w.session(ctx, w.app, goodEvidence()); err != nil || !d.Pass() {
			t.Errorf("the next day: %+v, %v", d, err)
		}
	})
}

// security.md T16: whoever shows no live face cannot lock the person out.
func TestHostileSessionsLockNobodyOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, m := limitedWorld(t)
		replay := goodEvidence()
		replay.Flash.P = .9
		for range 12 {
			if d, err := w.session(ctx, w.app, replay); err != nil || d.Reasons[0] != faceproof.ReasonNotFresh {
				t.Fatalf("%+v, %v", d, err)
			}
		}
		v := faceproof.Verification{AppID: w.app.ID, SubjectIndex: fakeKeys{}.Index("subject", []byte(w.subject.IDNumber.Reveal()))}
		for i := range 1000 {
			v.ID = fmt.Sprint("hostile ", i)
			reason := []faceproof.Reason{faceproof.ReasonNotFresh, faceproof.ReasonNoFace, faceproof.ReasonBackground, faceproof.ReasonQuality, faceproof.ReasonTooFewFrames, faceproof.ReasonSubjectChanged}[i%6]
			d, err := w.s.charge(ctx, v, Caller{Address: netip.MustParseAddr("203.0.113.9")}, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{reason}})
			if err != nil || d.Reasons[0] != reason {
				t.Fatal(d, err)
			}
		}
		if n := slices.IndexFunc(m.list, func(a faceproof.Attempt) bool { return a.Kind == faceproof.AttemptSubject }); n >= 0 {
			t.Error("a session without a live face counts against the person")
		}
		person := WithCaller(ctx, Caller{Address: netip.MustParseAddr("198.51.100.7")})
		if d, err := w.session(person, w.app, goodEvidence()); err != nil || !d.Pass() {
			t.Errorf("the person: %+v, %v", d, err)
		}
	})
}

// security.md T15: at most five answers tell that the name is another's, over
// all apps and addresses; then it is the answer of another face. T14: an app
// learns of twenty absent people a minute.
func TestNameBudget(t *testing.T) {
	w, _ := limitedWorld(t)
	w.s.cfg.Budget.Subject, w.s.cfg.Budget.SubjectAll, w.s.cfg.Budget.Free, w.s.cfg.Budget.Total = 0, 0, 0, 0
	told := map[faceproof.Reason]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 2000 {
		all.Go(func() {
			v := faceproof.Verification{ID: fmt.Sprint("v", i), AppID: faceproof.AppID(fmt.Sprintf("wx%016x", i%20)), SubjectIndex: []byte("one person")}
			from := Caller{Address: netip.AddrFrom4([4]byte{203, 0, 113, byte(i % 100)})}
			d, err := w.s.charge(ctx, v, from, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonNameMismatch}})
			if err != nil || d.Outcome != faceproof.OutcomeReject {
				t.Error(d, err)
			}
			mu.Lock()
			told[d.Reasons[0]]++
			mu.Unlock()
		})
	}
	all.Wait()
	if len(told) != 2 || told[faceproof.ReasonNameMismatch] != 5 || told[faceproof.ReasonFaceMismatch] != 1995 {
		t.Errorf("told %v", told)
	}
	told = map[faceproof.Reason]int{}
	for i := range 50 {
		v := faceproof.Verification{ID: fmt.Sprint("a", i), AppID: w.app.ID, SubjectIndex: []byte{byte(i)}}
		d, err := w.s.charge(ctx, v, Caller{}, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonAbsent}})
		if err != nil {
			t.Fatal(err)
		}
		told[d.Reasons[0]]++
	}
	if told[faceproof.ReasonAbsent] != 20 || told[faceproof.ReasonFaceMismatch] != 30 {
		t.Errorf("told %v", told)
	}
}

// Captures that run side by side cannot outrun the budget: after the fifth
// face, not even the right one gets through.
func TestBudgetIsExact(t *testing.T) {
	w, _ := limitedWorld(t)
	count := map[faceproof.Reason]int{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			v := faceproof.Verification{ID: fmt.Sprint("v", i), AppID: w.app.ID, SubjectIndex: []byte("one person")}
			d, err := w.s.charge(ctx, v, Caller{}, faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass},
				Method: faceproof.MethodDigits, Level: faceproof.LevelLow})
			if err != nil || d.Pass() != (d.Reasons[0] == faceproof.ReasonPass) || d.Method != faceproof.MethodDigits || d.Pass() == (d.Level == "") {
				t.Error(d, err)
			}
			mu.Lock()
			count[d.Reasons[0]]++
			mu.Unlock()
		})
	}
	all.Wait()
	if count[faceproof.ReasonPass] != 5 || count[faceproof.ReasonLimit] != 195 {
		t.Errorf("%v", count)
	}
}

// Five failures of one browser in three minutes stop it for half an hour; other
// browsers behind the address go on, up to fifty, and loopback always does.
func TestDevicePause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, _ := limitedWorld(t)
		address := netip.MustParseAddr("203.0.113.9")
		fails := func(c Caller, n int, gap time.Duration) {
			for range n {
				v := faceproof.Verification{ID: fmt.Sprint(c.Agent, time.Now().UnixNano()), AppID: w.app.ID, SubjectIndex: []byte("s")}
				if _, err := w.s.charge(ctx, v, c, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonNotFresh}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(gap)
			}
		}
		start := func(c Caller) error {
			_, err := w.s.Start1(WithCaller(ctx, c), w.app, w.subject, faceproof.AliveAuto, "", false)
			return err
		}
		slow, fast, next := Caller{Address: address, Agent: "slow"}, Caller{Address: address, Agent: "fast"}, Caller{Address: address, Agent: "next"}
		fails(slow, 20, time.Minute)
		if err := start(slow); err != nil {
			t.Errorf("a failure a minute: %v", err)
		}
		fails(fast, 5, 30*time.Second)
		wantLimit(t, start(fast), "device")
		if err := start(next); err != nil {
			t.Errorf("another browser: %v", err)
		}
		time.Sleep(29 * time.Minute)
		wantLimit(t, start(fast), "device")
		time.Sleep(time.Minute)
		if err := start(fast); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		for i := range 50 {
			fails(Caller{Address: address, Agent: fmt.Sprint("n", i)}, 1, time.Second)
		}
		wantLimit(t, start(next), "ip")
		fails(Caller{Address: netip.MustParseAddr("127.0.0.1"), Agent: "dev"}, 60, time.Second)
		if err := start(Caller{Address: netip.MustParseAddr("127.0.0.1"), Agent: "dev"}); err != nil {
			t.Errorf("loopback: %v", err)
		}
	})
}
