package verify

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/keys"
)

var ctx = context.Background()

// The vector of the official documentation.
func TestCertHash(t *testing.T) {
	const want = "3c241f7ff324977aeb91f173bb2a7b06569e6fd784d5573db34a636d8671108b"
	if got := CertHash(IdentityCard, "张三", "310101199801011234"); got != want {
		t.Errorf("got %s", got)
	}
}

func (w *world) request(outSeqNo string) CreateRequest {
	return CreateRequest{App: w.app, Generation: faceproof.Gen2, Subject: w.subject, Alive: faceproof.AliveAuto, OutSeqNo: outSeqNo, OpenID: "o-1"}
}

func (w *world) certHash() string {
	return CertHash(IdentityCard, w.subject.Name.Reveal(), w.subject.IDNumber.Reveal())
}

func TestCreateIsIdempotent(t *testing.T) {
	w := newWorld(t)
	first, err := w.s.Create(ctx, w.request("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	if len(first.VerifyID.Reveal()) != 43 || first.ExpiresIn != VerifyIDTTL {
		t.Errorf("created %d characters for %v", len(first.VerifyID.Reveal()), first.ExpiresIn)
	}
	w.ahead = time.Minute
	again, err := w.s.Create(ctx, w.request("order-1"))
	if err != nil || again.ID != first.ID || again.VerifyID != first.VerifyID || again.ExpiresIn > VerifyIDTTL-time.Minute {
		t.Errorf("again %+v, %v", again, err)
	}
	for name, change := range map[string]func(r *CreateRequest){
		"openid":    func(r *CreateRequest) { r.OpenID = "o-2" },
		"subject":   func(r *CreateRequest) { r.Subject = testSubject(t, "张三", "99000019500307124") },
		"name":      func(r *CreateRequest) { r.Subject = testSubject(t, "李四", "99000019500307123") },
		"cert_hash": func(r *CreateRequest) { r.CertHash = strings.Repeat("0", 64) },
	} {
		r := w.request("order-1")
		change(&r)
		if _, err := w.s.Create(ctx, r); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("another %s: %v", name, err)
		}
	}
	other := w.request("order-1") // another app's numbers are its own
	other.App = w.other
	if c, err := w.s.Create(ctx, other); err != nil || c.ID == first.ID {
		t.Errorf("another app: %+v, %v", c, err)
	}
	w.ahead = VerifyIDTTL
	if _, err := w.s.Create(ctx, w.request("order-1")); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("after its time: %v", err)
	}
}

func TestConcurrentCreatesAreOne(t *testing.T) {
	w := newWorld(t)
	var ids sync.Map
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			c, err := w.s.Create(ctx, w.request("order-1"))
			if err != nil {
				t.Error(err)
			}
			ids.Store(c.ID+c.VerifyID.Reveal(), true)
		})
	}
	wg.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 || len(w.store.v) != 1 {
		t.Errorf("%d answers, %d verifications", n, len(w.store.v))
	}
}

func TestCreateIsRefused(t *testing.T) {
	w := newWorld(t)
	for field, change := range map[string]func(r *CreateRequest){
		"out_seq_no":       func(r *CreateRequest) { r.OutSeqNo = "four" },
		"openid":           func(r *CreateRequest) { r.OpenID = "" },
		"app":              func(r *CreateRequest) { r.App.Revoked = true },
		"check_alive_type": func(r *CreateRequest) { r.Alive = 7 },
		"name":             func(r *CreateRequest) { r.Subject.Name = faceproof.Name{} },
		"id_card_number":   func(r *CreateRequest) { r.Subject.IDNumber = faceproof.IDNumber{} },
		"generation":       func(r *CreateRequest) { r.Generation = faceproof.Gen1 },
	} {
		r := w.request("order-1")
		change(&r)
		_, err := w.s.Create(ctx, r)
		if e, ok := err.(*faceproof.Error); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if len(w.store.v) != 0 {
		t.Error("a refused request left something")
	}
}

func TestStart2RotatesTheToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		c, err := w.s.Create(ctx, w.request("order-1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.Start2(ctx, w.other, c.VerifyID.Reveal(), nil, false); err != errVerifyID {
			t.Errorf("another app: %v", err)
		}
		if _, err := w.s.Start2(ctx, w.app, "unknown", nil, false); err != errVerifyID {
			t.Errorf("unknown: %v", err)
		}
		first, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false)
		if err != nil || second.ExpiresIn != StartTTL || second.OpenID != "o-1" {
			t.Fatalf("%+v, %v", second, err)
		}
		if _, err := w.s.Capture(ctx, hello(first)); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("the old token: %v", err)
		}
		// The token's own time is shorter than the verify_id's.
		w.ahead = StartTTL
		if _, err := w.s.Capture(ctx, hello(second)); faceproof.ErrorCode(err) != faceproof.CodeExpired {
			t.Errorf("a late token: %v", err)
		}
		third, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		w.play(ctx, third).live.Close(faceproof.ReasonCancelled)
		if _, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("after the capture: %v", err)
		}
	})
	w := newWorld(t)
	c, _ := w.s.Create(ctx, w.request("order-1"))
	w.ahead = VerifyIDTTL
	if _, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false); faceproof.ErrorCode(err) != faceproof.CodeExpired {
		t.Errorf("after its time: %v", err)
	}
}

// A changed time in a token is another token.
func TestTokenTimeCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	st := w.start1()
	b := []byte(st.CaptureToken.Reveal())
	b[len(b)-4]++
	st.CaptureToken = faceproof.NewToken(string(b))
	if _, err := w.s.Capture(ctx, hello(st)); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("%v", err)
	}
	if tokenFacts("AAAA") != (facts{}) || tokenFacts("!") != (facts{}) {
		t.Error("a token without a time has one")
	}
}

func TestUserIDKey(t *testing.T) {
	w := newWorld(t)
	key, ttl, err := w.s.UserIDKey(ctx, w.app, w.subject)
	if err != nil || ttl != UserIDKeyTTL || !userIDKeyForm.MatchString(key.Reveal()) {
		t.Fatalf("%v, %v", ttl, err)
	}
	if got, err := w.s.SubjectOf(ctx, w.app.ID, key.Reveal()); err != nil || got != w.subject {
		t.Errorf("%v", err)
	}
	var texts []string
	for _, c := range []struct {
		app   faceproof.AppID
		key   string
		ahead time.Duration
	}{{w.other.ID, key.Reveal(), 0}, {w.app.ID, strings.Repeat("0", 32), 0}, {w.app.ID, "x", 0}, {w.app.ID, key.Reveal(), UserIDKeyTTL}} {
		w.ahead = c.ahead
		_, err := w.s.SubjectOf(ctx, c.app, c.key)
		if faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("%+v: %v", c, err)
		}
		texts = append(texts, err.Error())
	}
	if len(slices.Compact(texts)) != 1 {
		t.Errorf("the errors differ: %q", texts)
	}
	for k := range w.store.subject {
		if strings.Contains(k, key.Reveal()) {
			t.Error("the key itself is stored")
		}
	}
}

// decided puts a decided verification into the store and gives its credential.
func (w *world) decided(app faceproof.App, gen faceproof.Generation) (faceproof.Verification, string) {
	w.t.Helper()
	b, err := w.s.random(credentialBytes)
	if err != nil {
		w.t.Fatal(err)
	}
	token := base64url(b)
	v, err := w.s.draft(app, w.subject, faceproof.AliveAuto, "o-1", StartTTL)
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.s.millis()
	v.Generation, v.State, v.FinishedAt, v.HasPortrait = gen, faceproof.StateDecided, now, true
	v.Decision = []byte(`{"outcome":"pass","reasons":["pass"],"policy_id":"x"}`)
	w.store.v[v.ID] = v
	w.store.cred[hex.EncodeToString(keys.HashToken(token))] = faceproof.Credential{VerificationID: v.ID, AppID: app.ID, ExpiresAt: now + CredentialTTL.Milliseconds()}
	w.blobs.b[portraitKey(v.ID)] = []byte("jpeg")
	return v, token
}

// Unknown, foreign, expired, used and misshapen credentials: one answer, byte
// for byte.
func TestRefusedCredentialsLookTheSame(t *testing.T) {
	w := newWorld(t)
	_, foreign := w.decided(w.other, faceproof.Gen1)
	_, used := w.decided(w.app, faceproof.Gen1)
	_, late := w.decided(w.app, faceproof.Gen1)
	if _, err := w.s.Redeem(ctx, w.app, used, ""); err != nil {
		t.Fatal(err)
	}
	try := func(name, credential string) {
		info, err := w.s.Redeem(ctx, w.app, credential, "")
		if err == nil || fmt.Sprintf("%#v", *err.(*faceproof.Error)) != fmt.Sprintf("%#v", *errCredential) || info.Decision.Outcome != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	try("foreign", foreign)
	try("used", used)
	try("unknown", strings.Repeat("A", 128))
	try("short", "A")
	try("empty", "")
	try("sql", strings.Repeat("'", 128))
	w.ahead = CredentialTTL
	try("late", late)
	w.ahead = CredentialTTL - time.Second
	if _, err := w.s.Redeem(ctx, w.app, late, ""); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	if _, err := w.s.Redeem(ctx, w.other, foreign, ""); err != nil {
		t.Errorf("its own app: %v", err)
	}
}

func TestConcurrentRedeem(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		_, token := w.decided(w.app, faceproof.Gen1)
		var ok atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 1000 {
			wg.Go(func() {
				<-start
				if _, err := w.s.Redeem(ctx, w.app, token, ""); err == nil {
					ok.Add(1)
				} else if err != errCredential {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		if ok.Load() != 1 {
			t.Fatalf("redeemed %d times", ok.Load())
		}
	}
}

func TestQueryTellsOnlyTheOneWhoAsked(t *testing.T) {
	w := newWorld(t)
	c, err := w.s.Create(ctx, w.request("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	id := c.VerifyID.Reveal()
	info, err := w.s.Query(ctx, w.app, id, "order-1", w.certHash(), "o-1")
	if err != nil || info.Verification.State != faceproof.StateCreated || info.Decision.Outcome != "" || info.Subject != w.subject {
		t.Fatalf("%+v, %v", info, err)
	}
	for name, q := range map[string][]string{
		"verify_id":  {"other", "order-1", w.certHash(), "o-1"},
		"out_seq_no": {id, "order-2", w.certHash(), "o-1"},
		"cert_hash":  {id, "order-1", strings.Repeat("0", 64), "o-1"},
		"openid":     {id, "order-1", w.certHash(), "o-2"},
	} {
		if _, err := w.s.Query(ctx, w.app, q[0], q[1], q[2], q[3]); err != errVerifyID {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := w.s.Query(ctx, w.other, id, "order-1", w.certHash(), "o-1"); err != errVerifyID {
		t.Errorf("another app: %v", err)
	}
}

// A 2.0 verification from creation to query and portrait: the front end never
// sees a credential.
func TestGeneration2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		c, err := w.s.Create(ctx, w.request("order-1"))
		if err != nil {
			t.Fatal(err)
		}
		st, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, false)
		if err != nil {
			t.Fatal(err)
		}
		p := w.play(ctx, st)
		query := func() Info {
			info, err := w.s.Query(ctx, w.app, c.VerifyID.Reveal(), "order-1", w.certHash(), "o-1")
			if err != nil {
				t.Fatal(err)
			}
			return info
		}
		if s := query().Verification.State; s != faceproof.StateCapturing {
			t.Errorf("state %s", s)
		}
		r := p.attempt(1)
		if r["outcome"] != "pass" || r["verify_result"] != nil {
			t.Fatalf("result %v", r)
		}
		w.store.fault = func(op string) outcome { return map[bool]outcome{true: fails}[op == "Advance redeemed"] }
		if _, err := w.s.Query(ctx, w.app, c.VerifyID.Reveal(), "order-1", w.certHash(), "o-1"); err == nil {
			t.Error("a decision was told without a record of it")
		}
		w.store.fault = nil
		for range 3 {
			if i := query(); !i.Decision.Pass() || i.Verification.State != faceproof.StateRedeemed {
				t.Error("the decision is not told")
			}
		}
		if v := w.store.get(st.SessionID); v.State != faceproof.StateRedeemed || strings.Join(w.store.steps, ",") != "created capturing,capturing captured,captured decided,decided redeemed" {
			t.Errorf("stored %s after %v", v.State, w.store.steps)
		}
		by := PortraitKey{VerifyID: c.VerifyID.Reveal(), OutSeqNo: "order-1", CertHash: w.certHash(), OpenID: "o-1"}
		if b, err := w.s.Portrait(ctx, w.app, by); err != nil || len(b) == 0 {
			t.Errorf("portrait: %v", err)
		}
		by.OpenID = "o-2"
		if _, err := w.s.Portrait(ctx, w.app, by); err != errVerifyID {
			t.Errorf("another user's portrait: %v", err)
		}
		w.ahead = CredentialTTL
		if err := w.s.Retain(ctx); err != nil || w.blobs.count() != 0 {
			t.Errorf("%d portraits left, %v", w.blobs.count(), err)
		}
		if !query().Decision.Pass() {
			t.Error("the decision went with the portrait")
		}
	})
}

func TestPortrait(t *testing.T) {
	w := newWorld(t)
	v, token := w.decided(w.app, faceproof.Gen1)
	_, foreign := w.decided(w.other, faceproof.Gen1)
	if _, err := w.s.Portrait(ctx, w.other, PortraitKey{Credential: foreign}); faceproof.ErrorCode(err) != faceproof.CodeForbidden {
		t.Errorf("without the permission: %v", err)
	}
	for _, bad := range []string{foreign, strings.Repeat("A", 128), "A"} {
		if _, err := w.s.Portrait(ctx, w.app, PortraitKey{Credential: bad}); err != errCredential {
			t.Errorf("%v", err)
		}
	}
	if _, err := w.s.Redeem(ctx, w.app, token, ""); err != nil {
		t.Fatal(err)
	}
	if b, err := w.s.Portrait(ctx, w.app, PortraitKey{Credential: token}); err != nil || string(b) != "jpeg" {
		t.Errorf("after redemption: %v", err)
	}
	if a := w.store.audits[len(w.store.audits)-1]; a.Action != "portrait.read" || a.Object != v.ID {
		t.Errorf("audit %+v", a)
	}
	w.store.fault = func(op string) outcome { return map[bool]outcome{true: fails}[op == "Audit"] }
	if _, err := w.s.Portrait(ctx, w.app, PortraitKey{Credential: token}); err == nil {
		t.Error("a face was shown without an audit entry")
	}
	w.store.fault = nil
	w.ahead = CredentialTTL
	if _, err := w.s.Portrait(ctx, w.app, PortraitKey{Credential: token}); err != errCredential {
		t.Errorf("after its time: %v", err)
	}
}

// A portrait whose deletion failed, or that nobody knows, goes the next time.
func TestRetainFindsWhatWasMissed(t *testing.T) {
	w := newWorld(t)
	w.decided(w.app, faceproof.Gen1)
	v, _ := w.decided(w.app, faceproof.Gen1)
	v.HasPortrait = false // swept, but its deletion failed
	w.store.v[v.ID] = v
	w.blobs.b["portrait/00000000000000000000000000000000"] = []byte("jpeg")
	if err := w.s.Retain(ctx); err != nil || w.blobs.count() != 1 {
		t.Fatalf("%d portraits, %v", w.blobs.count(), err)
	}
	w.ahead = CredentialTTL
	w.blobs.fault = func(op string) outcome { return map[bool]outcome{true: fails}[op == "Delete"] }
	if err := w.s.Retain(ctx); err == nil {
		t.Error("a failed deletion was not told")
	}
	w.blobs.fault = nil
	if err := w.s.Retain(ctx); err != nil || w.blobs.count() != 0 {
		t.Errorf("%d portraits, %v", w.blobs.count(), err)
	}
}

func TestRunStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.store.fault = func(op string) outcome { return fails }
		c, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- w.s.Run(c) }()
		time.Sleep(5 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if !strings.Contains(w.log.String(), "retention failed") || strings.Contains(w.log.String(), "张") {
			t.Errorf("log %s", w.log)
		}
	})
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty configuration was accepted")
	}
	w := newWorld(t)
	c := w.s.cfg
	c.Policy.MaxAttempts = 4
	if _, err := New(c); err == nil {
		t.Error("four attempts were accepted")
	}
	c.Policy = faceproof.Policy{}
	c.NewChallenge, c.Now, c.Rand, c.Log, c.Limits = nil, nil, nil, nil, capture.Limits{}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if ch, err := s.cfg.NewChallenge(faceproof.PlanLong); err != nil || len(ch.Segments) != faceproof.PlanLong.Segments || s.cfg.Opening.LeadMS != ch.LeadMS {
		t.Errorf("the default challenge: %v", err)
	}
}
