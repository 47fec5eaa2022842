package verify

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/keys"
)

// outcome of an operation that a test makes fail.
type outcome int

const (
	works     outcome = iota
	fails             // nothing happens
	persisted         // it happens, and the answer is lost
)

var errBroken = errors.New("the disk is on fire: 张三")

// memStore is a Store, SubjectKeys, Apps and Auditor in memory, with the
// contract of the real one and with faults.
type memStore struct {
	mu      sync.Mutex
	apps    map[faceproof.AppID]faceproof.App
	v       map[string]faceproof.Verification
	cred    map[string]faceproof.Credential
	seq     map[string]string // by verification: the number it was redeemed under
	subject map[string][]byte
	opened  map[string]string // by verification: the browser that was first
	audits  []faceproof.AuditEntry
	steps   []string // "from to", all that ever happened
	minted  int      // credentials, all that ever were
	fault   func(op string) outcome
}

func newMemStore(apps ...faceproof.App) *memStore {
	m := &memStore{apps: map[faceproof.AppID]faceproof.App{}, v: map[string]faceproof.Verification{},
		cred: map[string]faceproof.Credential{}, seq: map[string]string{}, subject: map[string][]byte{}, opened: map[string]string{}}
	for _, a := range apps {
		m.apps[a.ID] = a
	}
	return m
}

// tx runs one operation under the lock with its fault. f must change nothing
// when it returns an error.
func (m *memStore) tx(op string, a *faceproof.AuditEntry, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := works
	if m.fault != nil {
		o = m.fault(op)
	}
	if o == fails {
		return errBroken
	}
	if err := f(); err != nil {
		return err
	}
	if a != nil {
		m.audits = append(m.audits, *a)
	}
	if o == persisted {
		return errBroken
	}
	return nil
}

func absent() error { return faceproof.Errorf(faceproof.CodeNotFound, "", "no such thing") }
func inState(s faceproof.State) error {
	return faceproof.Errorf(faceproof.CodeConflict, "state", "is %s", s)
}

// move changes a state or panics: the store is the last to notice a wrong one.
func (m *memStore) move(v faceproof.Verification, to faceproof.State) faceproof.Verification {
	if !v.State.Can(to) {
		panic(fmt.Sprintf("%s to %s", v.State, to))
	}
	m.steps = append(m.steps, string(v.State)+" "+string(to))
	v.State = to
	return v
}

func (m *memStore) CreateVerification(_ context.Context, v faceproof.Verification, a faceproof.AuditEntry) error {
	return m.tx("CreateVerification", &a, func() error {
		for _, w := range m.v {
			if v.OutSeqNo != "" && w.AppID == v.AppID && w.OutSeqNo == v.OutSeqNo {
				return faceproof.Errorf(faceproof.CodeConflict, "out_seq_no", "used")
			}
		}
		m.v[v.ID] = v
		return nil
	})
}

func (m *memStore) Verification(_ context.Context, by faceproof.VerificationKey) (out faceproof.Verification, err error) {
	err = m.tx("Verification", nil, func() error {
		for _, v := range m.v {
			c, hasCred := m.cred[hex.EncodeToString(by.CredentialHash)]
			switch {
			case by.ID != "" && v.ID == by.ID,
				by.OutSeqNo != "" && v.AppID == by.AppID && v.OutSeqNo == by.OutSeqNo,
				len(by.VerifyIDHash) > 0 && string(v.VerifyIDHash) == string(by.VerifyIDHash),
				len(by.CredentialHash) > 0 && hasCred && c.VerificationID == v.ID:
				out = v
				return nil
			}
		}
		return absent()
	})
	return out, err
}

func (m *memStore) BeginCapture(_ context.Context, id string, hash []byte, consent faceproof.Consent, at int64, a faceproof.AuditEntry) (out faceproof.Verification, err error) {
	err = m.tx("BeginCapture", &a, func() error {
		v, ok := m.v[id]
		if !ok || string(v.TokenHash) != string(hash) {
			return absent()
		}
		if v.State != faceproof.StateCreated {
			return inState(v.State)
		}
		if v.ExpiresAt <= at {
			return faceproof.Errorf(faceproof.CodeExpired, "", "late")
		}
		v = m.move(v, faceproof.StateCapturing)
		v.Consent, v.StartedAt = consent.Notice, at
		m.v[id], out = v, v
		return nil
	})
	return out, err
}

func (m *memStore) Advance(_ context.Context, id string, from, to faceproof.State, evidence []byte, r faceproof.Reason, at int64, a faceproof.AuditEntry) error {
	return m.tx("Advance "+string(to), &a, func() error {
		v, ok := m.v[id]
		if !ok {
			return absent()
		}
		if v.State != from || !from.Can(to) {
			return inState(v.State)
		}
		v = m.move(v, to)
		if evidence != nil {
			v.Evidence = evidence
		}
		if to == faceproof.StateEnded {
			v.EndReason, v.FinishedAt = r, at
		}
		m.v[id] = v
		return nil
	})
}

func (m *memStore) Decide(_ context.Context, id string, decision, evidence []byte, portrait bool, c faceproof.Credential, at int64, a faceproof.AuditEntry) error {
	return m.tx("Decide", &a, func() error {
		v, ok := m.v[id]
		if !ok {
			return absent()
		}
		if v.State != faceproof.StateCaptured {
			return inState(v.State)
		}
		v = m.move(v, faceproof.StateDecided)
		v.Decision, v.Evidence, v.HasPortrait, v.FinishedAt = decision, evidence, portrait, at
		m.v[id] = v
		m.cred[hex.EncodeToString(c.Hash)] = c
		m.minted++
		return nil
	})
}

func (m *memStore) Redeem(_ context.Context, hash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (out faceproof.Verification, err error) {
	err = m.tx("Redeem", &a, func() error {
		c, ok := m.cred[hex.EncodeToString(hash)]
		if !ok || c.AppID != app || c.UsedAt != 0 || c.ExpiresAt <= at {
			return absent()
		}
		v := m.move(m.v[c.VerificationID], faceproof.StateRedeemed)
		c.UsedAt, v.RedeemedAt = at, at
		if seq != "" {
			c.ExpiresAt = at + 86_400_000
			m.seq[c.VerificationID] = seq
		}
		m.cred[hex.EncodeToString(hash)] = c
		m.v[v.ID], out = v, v
		return nil
	})
	return out, err
}

func (m *memStore) Replay(_ context.Context, hash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (out faceproof.Verification, err error) {
	err = m.tx("Replay", &a, func() error {
		c, ok := m.cred[hex.EncodeToString(hash)]
		if !ok || c.AppID != app || c.UsedAt == 0 || c.ExpiresAt <= at || seq == "" || m.seq[c.VerificationID] != seq {
			return absent()
		}
		out = m.v[c.VerificationID]
		return nil
	})
	return out, err
}

func (m *memStore) Mismatch(_ context.Context, id string, limit int, a faceproof.AuditEntry) error {
	return m.tx("Mismatch", &a, func() error {
		if v, ok := m.v[id]; ok && v.Mismatches < limit {
			v.Mismatches++
			m.v[id] = v
		}
		return nil
	})
}

func (m *memStore) Sweep(_ context.Context, now int64) (ids []string, err error) {
	err = m.tx("Sweep", nil, func() error {
		for id, v := range m.v {
			overdue := v.State == faceproof.StateCreated && v.ExpiresAt <= now ||
				(v.State == faceproof.StateCapturing || v.State == faceproof.StateCaptured) && v.StartedAt+900_000 <= now
			if overdue {
				v = m.move(v, faceproof.StateEnded)
				v.EndReason, v.FinishedAt = faceproof.ReasonTimeout, now
			}
			if v.HasPortrait && v.FinishedAt+3_600_000 <= now { // later than the service asks for
				v.HasPortrait = false
				ids = append(ids, id)
			}
			m.v[id] = v
		}
		for h, c := range m.cred {
			if c.ExpiresAt <= now {
				delete(m.cred, h)
			}
		}
		return nil
	})
	return ids, err
}

func (m *memStore) PutUserIDKey(_ context.Context, hash []byte, app faceproof.AppID, sealed []byte, expires int64) error {
	return m.tx("PutUserIDKey", nil, func() error {
		m.subject[fmt.Sprintf("%s %x", app, hash)] = append(sealed, []byte(fmt.Sprintf("%020d", expires))...)
		return nil
	})
}

func (m *memStore) UserIDKey(_ context.Context, hash []byte, app faceproof.AppID, now int64) (out []byte, err error) {
	err = m.tx("UserIDKey", nil, func() error {
		b, ok := m.subject[fmt.Sprintf("%s %x", app, hash)]
		if !ok || string(b[len(b)-20:]) <= fmt.Sprintf("%020d", now) {
			return absent()
		}
		out = b[:len(b)-20]
		return nil
	})
	return out, err
}

func (m *memStore) App(_ context.Context, id faceproof.AppID) (out faceproof.App, _ []byte, err error) {
	err = m.tx("App", nil, func() error {
		a, ok := m.apps[id]
		if !ok {
			return absent()
		}
		out = a
		return nil
	})
	return out, nil, err
}

func (m *memStore) Audit(_ context.Context, a faceproof.AuditEntry) error {
	return m.tx("Audit", &a, func() error { return nil })
}

func (m *memStore) get(id string) faceproof.Verification {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.v[id]
}

func (m *memStore) only(t *testing.T) faceproof.Verification {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.v) != 1 {
		t.Fatalf("%d verifications", len(m.v))
	}
	for _, v := range m.v {
		return v
	}
	panic("unreachable")
}

// memBlobs is a Blobs in memory with faults.
type memBlobs struct {
	mu    sync.Mutex
	b     map[string][]byte
	fault func(op string) outcome
}

func (m *memBlobs) do(op string, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := works
	if m.fault != nil {
		o = m.fault(op)
	}
	if o == fails {
		return errBroken
	}
	if err := f(); err != nil || o == works {
		return err
	}
	return errBroken
}

func (m *memBlobs) Put(_ context.Context, key string, data []byte) error {
	return m.do("Put", func() error { m.b[key] = data; return nil })
}

func (m *memBlobs) Get(_ context.Context, key string) (out []byte, err error) {
	err = m.do("Get", func() error {
		b, ok := m.b[key]
		if !ok {
			return absent()
		}
		out = b
		return nil
	})
	return out, err
}

func (m *memBlobs) Delete(_ context.Context, key string) error {
	return m.do("Delete", func() error { delete(m.b, key); return nil })
}

func (m *memBlobs) List(_ context.Context, prefix string) (out []string, err error) {
	err = m.do("List", func() error {
		for k := range m.b {
			if strings.HasPrefix(k, prefix) {
				out = append(out, k)
			}
		}
		sort.Strings(out)
		return nil
	})
	return out, err
}

func (m *memBlobs) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.b)
}

// fakeRegistry knows everybody, or as it is told.
type fakeRegistry struct {
	state faceproof.ReferenceState
	err   error
	mu    sync.Mutex
	asked int
	who   faceproof.Subject
}

func (r *fakeRegistry) Reference(_ context.Context, s faceproof.Subject) (faceproof.Reference, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	r.who = s
	return faceproof.Reference{State: r.state, PersonID: "p"}, r.err
}

// fakeAnalysis says what a test wants.
type fakeAnalysis struct {
	t        testing.TB
	busy     sync.Mutex // held while working: not for concurrent use
	previews int
	frames   []capture.Frame
	sounds   []capture.Audio
	finished []capture.Transcript
	resets   int
	asked    []bool                                    // to come closer
	target   float64                                   // false match rate
	delay    time.Duration                             // of every frame
	frameErr error                                     // of every challenge frame
	soundErr error                                     // of every piece of sound
	panics   string                                    // "preview", "frame", "sound", "light", "finish", "reset"
	light    func(attempt int) faceproof.LightEvidence // nil: enough
	lights   []capture.Transcript
	evidence func(attempt int) faceproof.Evidence // nil: a pass
	finErr   error
	released bool
	shared   bool // by several sessions: not checked for concurrent use
}

func (a *fakeAnalysis) enter(what string) func() {
	if a.shared {
		a.busy.Lock()
		return a.busy.Unlock
	}
	if !a.busy.TryLock() {
		a.t.Error("the analysis was used from two goroutines at once")
		return func() {}
	}
	if a.panics == what {
		defer a.busy.Unlock()
		panic("张三 is in this panic")
	}
	return a.busy.Unlock
}

func (a *fakeAnalysis) sleep(ctx context.Context) {
	if a.delay > 0 {
		select {
		case <-time.After(a.delay):
		case <-ctx.Done():
		}
	}
}

func (a *fakeAnalysis) Preview(ctx context.Context, jpeg []byte) (faceproof.Guidance, error) {
	defer a.enter("preview")()
	a.previews++
	a.sleep(ctx)
	return faceproof.Guidance{OK: true, Box: [4]float64{.3, .3, .4, .4}}, nil
}

func (a *fakeAnalysis) Approach(on bool) {
	defer a.enter("approach")()
	a.asked = append(a.asked, on)
}

func (a *fakeAnalysis) Frame(ctx context.Context, f capture.Frame) error {
	defer a.enter("frame")()
	a.frames = append(a.frames, f)
	a.sleep(ctx)
	return a.frameErr
}

func (a *fakeAnalysis) Finish(_ context.Context, t capture.Transcript, r faceproof.Reference) (faceproof.Evidence, []byte, error) {
	defer a.enter("finish")()
	a.finished = append(a.finished, t)
	if a.finErr != nil {
		return faceproof.Evidence{}, nil, a.finErr
	}
	e := goodEvidence()
	if a.evidence != nil {
		e = a.evidence(t.Attempt)
	}
	e.Reference = r.State
	return e, []byte("\xff\xd8\xffportrait"), nil
}

func (a *fakeAnalysis) Reset() {
	defer a.enter("reset")()
	a.resets++
	a.frames, a.sounds, a.released = nil, nil, true
}

// fakeKeys seals by naming the place in clear, so that a test sees a value that
// was moved.
type fakeKeys struct{}

func (fakeKeys) Seal(plain, aad []byte) ([]byte, error) {
	return []byte(hex.EncodeToString(aad) + "|" + hex.EncodeToString(plain)), nil
}

func (fakeKeys) Open(sealed, aad []byte) ([]byte, error) {
	place, plain, ok := strings.Cut(string(sealed), "|")
	if !ok || place != hex.EncodeToString(aad) {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "does not open")
	}
	return hex.DecodeString(plain)
}

func (fakeKeys) Index(purpose string, value []byte) []byte {
	return keys.HashToken("key " + purpose + "\x00" + string(value))
}
