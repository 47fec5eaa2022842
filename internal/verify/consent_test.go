package verify

import (
	"context"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/consent"
	"faceproof/internal/store"
)

// paperWorld is a real world with the desk where consents are withdrawn.
func paperWorld(t *testing.T) (*world, *store.Store, *consent.Desk) {
	t.Helper()
	w, stop := realWorld(t, t.TempDir())
	t.Cleanup(stop)
	st := w.s.cfg.Store.(*store.Store)
	reg := w.s.cfg.Registry.(consent.Registry)
	return w, st, consent.NewDesk(consent.Config{Store: st, Registry: reg, Forget: w.s.ForgetPictures, Now: w.s.cfg.Now})
}

// The receipt of a session that passed withdraws for the person: what runs
// ends, nothing new begins, template and portrait are gone, all at once; and
// enrolling anew lets them begin again.
func TestWithdrawalFindsThePerson(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, st, desk := paperWorld(t)
		p := w.play(ctx, w.start1())
		p.drain()
		receipt, _ := p.last("welcome")["receipt"].(string)
		if r := p.attempt(1); r["outcome"] != "pass" {
			t.Fatalf("%v", p.got)
		}
		c, err := desk.Read(ctx, receipt)
		if err != nil || !c.Proven || c.Text.Lang != "zh" || c.Notice != imageNotice().Hash() || c.Method() != "ticks" {
			t.Fatalf("%q: %+v, %v", receipt, c, err)
		}
		want, err := consent.Text(consent.Shown{AppName: w.app.Name, Notice: imageNotice(), Lang: "zh"})
		if err != nil || c.Text != want {
			t.Errorf("the text is another one: %+v", c.Text)
		}
		portraits := func() int {
			keys, err := w.s.cfg.Blob.List(ctx, portraitPrefix)
			if err != nil {
				t.Fatal(err)
			}
			return len(keys)
		}
		if portraits() != 1 {
			t.Errorf("%d portraits before", portraits())
		}
		waiting := w.start1()
		taken, err := desk.Withdraw(ctx, receipt, "person")
		if err != nil || !taken.Deleted || taken.Receipt == "" {
			t.Fatalf("%+v, %v", taken, err)
		}
		if again, err := desk.Withdraw(ctx, receipt, "person"); err != nil || again.Receipt != taken.Receipt || again.At != taken.At {
			t.Errorf("again: %+v, %v", again, err)
		}
		if n, _, err := st.People(ctx); err != nil || n != 0 || portraits() != 0 {
			t.Errorf("%d people, %d portraits, %v", n, portraits(), err)
		}
		if ref, err := w.s.cfg.Registry.Reference(ctx, w.subject); err != nil || ref.State != faceproof.ReferenceAbsent {
			t.Errorf("reference %+v, %v", ref.State, err)
		}
		if v, err := st.Verification(ctx, faceproof.VerificationKey{ID: waiting.SessionID}); err != nil || v.State != faceproof.StateEnded {
			t.Errorf("the waiting session: %+v, %v", v.State, err)
		}
		if _, err := w.s.Capture(ctx, hello(waiting)); err == nil {
			t.Error("the waiting session still opens")
		}
		if _, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", false); faceproof.ErrorCode(err) != faceproof.CodeRateLimited {
			t.Errorf("a new session: %v", err)
		}
		reg := w.s.cfg.Registry.(interface {
			consent.Registry
			Registrar
		})
		if _, err := reg.Add(ctx, w.subject, [][]byte{{0xff, 0xd8, 0xff}}, "test"); err != nil {
			t.Fatal(err)
		}
		w.start1() // by the consent of the new enrolment
		if _, err := desk.Withdraw(ctx, receipt, "person"); err != nil {
			t.Fatal(err)
		}
		if n, _, err := st.People(ctx); err != nil || n != 1 {
			t.Errorf("an old receipt deleted a new enrolment: %d, %v", n, err)
		}
		audited(t, st, map[string]string{"capture.begin": "text=" + want.Hash + " lang=zh wording=1 by=ticks", "consent.withdraw": taken.Receipt, "consent.deleted": "", "consent.renew": ""})
	})
}

// Registrar enrols; *registry.Local does.
type Registrar interface {
	Add(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string) (string, error)
}

// audited wants an audit row of each action, with the detail unless empty.
func audited(t *testing.T, st *store.Store, want map[string]string) {
	t.Helper()
	rows, err := st.AuditLog(ctx, 1, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string][]string{}
	for _, r := range rows {
		seen[r.Action] = append(seen[r.Action], r.Detail)
	}
	for action, detail := range want {
		found := len(seen[action]) > 0
		for _, d := range seen[action] {
			found = found && (detail == "" || d == detail || len(seen[action]) > 1)
		}
		if !found {
			t.Errorf("%s: %q, want %q", action, seen[action], detail)
		}
	}
}

// Anybody can claim a number, tick the boxes and get a receipt. Unless the
// capture showed that person, the receipt ends its own session and nothing else.
func TestReceiptOfAStrangerDeletesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, st, desk := paperWorld(t)
		p := w.play(ctx, w.start1())
		p.drain()
		receipt, _ := p.last("welcome")["receipt"].(string)
		taken, err := desk.Withdraw(ctx, receipt, "person")
		if err != nil || taken.Deleted {
			t.Fatalf("%+v, %v", taken, err)
		}
		if n, _, err := st.People(ctx); err != nil || n != 1 {
			t.Errorf("%d people, %v", n, err)
		}
		c, err := desk.Read(ctx, receipt)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := st.Verification(ctx, faceproof.VerificationKey{ID: c.VerificationID}); err != nil || v.State != faceproof.StateEnded {
			t.Errorf("the session is %s, %v", v.State, err)
		}
		p.live.Close(faceproof.ReasonDisconnected)
		w.start1() // the person themself goes on
		// An operator who has made sure who asks may, by the same session.
		if taken, err := desk.WithdrawSession(ctx, c.VerificationID, "cli"); err != nil || !taken.Deleted {
			t.Errorf("%+v, %v", taken, err)
		}
		if n, _, _ := st.People(ctx); n != 0 {
			t.Errorf("%d people", n)
		}
	})
}

// A deletion that was interrupted after the withdrawal was recorded is finished
// at the next start.
func TestWithdrawalIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, st, desk := paperWorld(t)
		person, subject := Indexes(w.s.cfg.Keys, w.subject.IDNumber)
		_, _, err := st.Withdraw(ctx, person, subject, faceproof.Withdrawal{Receipt: "W-1", At: 5}, faceproof.AuditEntry{At: 5, Actor: "cli", Action: "consent.withdraw"})
		if err != nil {
			t.Fatal(err)
		}
		if n, _, _ := st.People(ctx); n != 1 {
			t.Fatalf("%d people", n)
		}
		for range 2 {
			if err := desk.Finish(ctx); err != nil {
				t.Fatal(err)
			}
			if n, _, _ := st.People(ctx); n != 0 {
				t.Errorf("%d people", n)
			}
		}
		if left, err := st.PendingWithdrawals(ctx); err != nil || len(left) != 0 {
			t.Errorf("%d are left, %v", len(left), err)
		}
	})
}

// Under 14: refused by default before anything is created; a guardian's tick
// and role where the app says so; and the capture asks again.
func TestMinorGate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		child := testSubject(t, "小明", "99000019900307123") // nine years old in the bubble's time
		st, err := w.s.Start1(ctx, w.app, child, faceproof.AliveAuto, "", false)
		if err != nil || st.Minor != faceproof.MinorRefused || st.SessionID != "" || st.CaptureToken.Reveal() != "" || len(w.store.v) != 0 {
			t.Fatalf("%+v, %v, %d verifications", st, err, len(w.store.v))
		}
		if a := w.store.audits[len(w.store.audits)-1]; a.Action != "verification.refuse" || a.Detail != "under_14" || a.Object != string(w.app.ID) {
			t.Errorf("%+v", a)
		}
		created, err := w.s.Create(ctx, CreateRequest{App: w.app, Generation: faceproof.Gen2, Subject: child, Alive: faceproof.AliveFlash, OutSeqNo: "order-1", OpenID: "o"})
		if err != nil {
			t.Fatal(err)
		}
		if st, err := w.s.Start2(ctx, w.app, created.VerifyID.Reveal(), nil, false); err != nil || st.Minor != faceproof.MinorRefused || st.CaptureToken.Reveal() != "" {
			t.Errorf("2.0: %+v, %v", st, err)
		}

		w.app.Minors = faceproof.MinorsGuardian
		w.store.apps[w.app.ID] = w.app
		st, err = w.s.Start1(ctx, w.app, child, faceproof.AliveAuto, "", false)
		if err != nil || st.Minor != faceproof.MinorGuardian || st.SessionID == "" {
			t.Fatalf("%+v, %v", st, err)
		}
		h := hello(st)
		h.Consent.Notice = w.app.Shown(st.Methods.Digits).Hash()
		field(t, capturing(w, h), faceproof.CodeInvalid, "hello.consent.guardian")
		w.app.Minors = faceproof.MinorsRefuse // the policy has changed meanwhile: the notice, too
		w.store.apps[w.app.ID] = w.app
		field(t, capturing(w, h), faceproof.CodeInvalid, "hello.consent.notice")
		h.Consent.Notice = w.app.Shown(st.Methods.Digits).Hash()
		h.Consent.Guardian = faceproof.GuardianParent
		field(t, capturing(w, h), faceproof.CodeForbidden, "person")
		w.app.Minors = faceproof.MinorsGuardian
		w.store.apps[w.app.ID] = w.app
		h.Consent.Notice = w.app.Shown(st.Methods.Digits).Hash()
		if err := capturing(w, h); err != nil {
			t.Errorf("with a parent: %v", err)
		}
		grown, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", false)
		if err != nil || grown.Minor != faceproof.MinorNone {
			t.Fatalf("%+v, %v", grown, err)
		}
		h = hello(grown)
		h.Consent.Notice, h.Consent.Guardian = w.app.Shown(grown.Methods.Digits).Hash(), faceproof.GuardianOther
		field(t, capturing(w, h), faceproof.CodeInvalid, "hello.consent.guardian")
		h.Consent.Guardian, h.Consent.Wording = "", consent.Wording+1
		field(t, capturing(w, h), faceproof.CodeInvalid, "hello.consent.wording")
	})
}

// capturing tries to begin a capture and ends it.
func capturing(w *world, h capture.ClientHello) error {
	live, err := w.s.Capture(ctx, h)
	if err == nil {
		live.Close(faceproof.ReasonDisconnected)
	}
	return err
}

func field(t *testing.T, err error, code faceproof.Code, name string) {
	t.Helper()
	e, ok := err.(*faceproof.Error)
	if !ok || e.Code != code || e.Field != name {
		t.Errorf("%v, want %s of %s", err, code, name)
	}
}
