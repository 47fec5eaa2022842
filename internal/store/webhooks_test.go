package store

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"faceproof"
)

const hookURL = "https://hooks.example/in"

func hooked(t testing.TB) *Store {
	t.Helper()
	s := open(t)
	must(t, s.SetWebhook(ctx, faceproof.Webhook{AppID: app1, URL: hookURL, Nonce: "n", ChangedAt: t0}, "cli"))
	return s
}

// An event is there exactly when its decision is: of one app with a webhook, and
// not of one without; a decision that is taken back has none.
func TestEventsGoWithDecisions(t *testing.T) {
	s := hooked(t)
	decided(t, s, "v1", app1)
	decided(t, s, "v2", app2)
	must(t, s.CreateVerification(ctx, newVerification("v3", app1), entry("create")))
	must(t, second(s.BeginCapture(ctx, "v3", []byte("token-v3"), faceproof.Consent{Notice: "c"}, t0+1, entry("begin"))))
	must(t, s.Advance(ctx, "v3", faceproof.StateCapturing, faceproof.StateEnded, nil, faceproof.ReasonTimeout, t0+5, entry("end")))
	// The credential is another's, so nothing of this decision may stay.
	must(t, s.CreateVerification(ctx, newVerification("v4", app1), entry("create")))
	must(t, second(s.BeginCapture(ctx, "v4", []byte("token-v4"), faceproof.Consent{Notice: "c"}, t0+1, entry("begin"))))
	must(t, s.Advance(ctx, "v4", faceproof.StateCapturing, faceproof.StateCaptured, nil, "", t0+2, entry("captured")))
	want(t, s.Decide(ctx, "v4", []byte(`{}`), nil, false, faceproof.Credential{Hash: []byte("x"), VerificationID: "v1", AppID: app1}, t0+3, entry("decide")), faceproof.CodeInternal)
	list, err := s.WebhookEvents(ctx, "", "", 10)
	must(t, err)
	kinds := map[string]string{}
	for _, e := range list {
		kinds[e.VerificationID] = e.Kind
		if e.AppID != app1 || e.State != faceproof.WebhookWaiting || len(e.ID) != 36 {
			t.Errorf("%+v", e)
		}
	}
	if len(list) != 2 || kinds["v1"] != faceproof.EventDecided || kinds["v3"] != faceproof.EventEnded {
		t.Errorf("%v", kinds)
	}
}

// A message is with one sender at a time, comes back after the lease, and keeps
// its id when it is sent again.
func TestClaimWebhooks(t *testing.T) {
	s := hooked(t)
	for i := range 5 {
		decided(t, s, fmt.Sprintf("v%d", i), app1)
	}
	at := t0 + 10
	claim := func(at int64, limit, n int) []faceproof.WebhookEvent {
		t.Helper()
		list, err := s.ClaimWebhooks(ctx, at, time.Minute, limit)
		must(t, err)
		if len(list) != n {
			t.Fatalf("%d claimed, want %d", len(list), n)
		}
		return list
	}
	first := claim(at, 3, 3)
	rest := claim(at, 3, 2)
	claim(at, 3, 0)
	must(t, s.WebhookTried(ctx, first[0], 200, 0, at))
	must(t, s.WebhookTried(ctx, first[1], 500, at+10_000, at))
	must(t, s.WebhookTried(ctx, first[2], 0, 0, at))
	states := map[faceproof.WebhookState]int{}
	list, err := s.WebhookEvents(ctx, app1, "", 10)
	must(t, err)
	for _, e := range list {
		states[e.State]++
	}
	if states[faceproof.WebhookDelivered] != 1 || states[faceproof.WebhookFailed] != 1 || states[faceproof.WebhookWaiting] != 3 {
		t.Errorf("%v", states)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'webhook.failed' AND object = $1`, first[2].ID); n != 1 {
		t.Errorf("%d rows of the one that was given up", n)
	}
	claim(at+10_000, 9, 1)                                   // the one that failed once
	again := claim(at+60_000, 9, 2)                          // a sender that died
	must(t, s.WebhookTried(ctx, rest[0], 200, 0, at+60_000)) // comes back too late
	if e, err := s.WebhookEvent(ctx, rest[0].ID); err != nil || e.State != faceproof.WebhookWaiting || e.Tries != 2 || again[0].ID != rest[0].ID && again[1].ID != rest[0].ID {
		t.Errorf("%+v %v", e, err)
	}
	e, err := s.ReplayWebhook(ctx, first[0].ID, at+65_000, "admin:ad_1")
	must(t, err)
	if e.ID != first[0].ID || e.State != faceproof.WebhookWaiting {
		t.Errorf("%+v", e)
	}
	if got := claim(at+65_000, 9, 1); got[0].ID != first[0].ID {
		t.Errorf("%+v", got)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'webhook.replay' AND actor = 'admin:ad_1'`); n != 1 {
		t.Error("a replay without its audit row")
	}
	want(t, second(s.ReplayWebhook(ctx, "evt_x", at, "cli")), faceproof.CodeNotFound)
	must(t, s.SetWebhook(ctx, faceproof.Webhook{AppID: app1}, "cli")) // ended
	want(t, second(s.ReplayWebhook(ctx, first[2].ID, at, "cli")), faceproof.CodeConflict)
	claim(at+1_000_000, 9, 0)
	want(t, second(s.Webhook(ctx, app1)), faceproof.CodeNotFound)
	want(t, s.SetWebhook(ctx, faceproof.Webhook{AppID: "wx00000000000000ff", URL: hookURL}, "cli"), faceproof.CodeNotFound)
}

// Of any number who use an invitation, or agree to a proposal, at once one wins.
func TestAdminsOnce(t *testing.T) {
	s := open(t)
	roles := []faceproof.Role{faceproof.RoleOperator}
	must(t, s.Invite(ctx, faceproof.AdminInvite{Hash: []byte("i"), Name: "a", Roles: roles, CreatedAt: t0, ExpiresAt: t0 + 100}, "cli"))
	if won := race(t, 20, func(i int) error {
		return s.Enrol(ctx, []byte("i"), faceproof.Admin{ID: fmt.Sprintf("ad_%d", i), Name: "a", Roles: roles}, []byte(fmt.Sprint("k", i)), []byte("{}"), t0+1)
	}, faceproof.CodeNotFound); won != 1 || count(t, s, `SELECT COUNT(*) FROM admins`) != 1 {
		t.Errorf("%d enrolled", won)
	}
	// Nobody enrols with more than the invitation says.
	must(t, s.Invite(ctx, faceproof.AdminInvite{Hash: []byte("j"), Name: "a", Roles: roles, CreatedAt: t0, ExpiresAt: t0 + 100}, "cli"))
	want(t, s.Enrol(ctx, []byte("j"), faceproof.Admin{ID: "ad_x", Roles: faceproof.Roles()}, []byte("kx"), []byte("{}"), t0+1), faceproof.CodeNotFound)
	list, err := s.Admins(ctx)
	must(t, err)
	by := list[0].ID
	must(t, s.Propose(ctx, faceproof.Proposal{ID: "pr_1", Action: "a", Body: []byte("{}"), Reason: "r", ProposedBy: by, CreatedAt: t0, ExpiresAt: t0 + 100}))
	want(t, second(s.DecideProposal(ctx, "pr_1", by, true, t0+1)), faceproof.CodeForbidden)
	if won := race(t, 20, func(i int) error {
		return second(s.DecideProposal(ctx, "pr_1", fmt.Sprintf("ad_other%d", i), true, t0+1))
	}, faceproof.CodeConflict); won != 1 {
		t.Errorf("%d agreed", won)
	}
	must(t, s.Propose(ctx, faceproof.Proposal{ID: "pr_2", Action: "a", Body: []byte("{}"), Reason: "r", ProposedBy: by, CreatedAt: t0, ExpiresAt: t0 + 100}))
	want(t, second(s.DecideProposal(ctx, "pr_2", "ad_other", true, t0+100)), faceproof.CodeConflict)
}

// A message cannot be written: then neither is the decision.
func TestNoEventNoDecision(t *testing.T) {
	s := hooked(t)
	must(t, s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`CREATE TRIGGER broken BEFORE INSERT ON webhook_events BEGIN SELECT RAISE(ABORT, 'full'); END`)
		return err
	}))
	must(t, s.CreateVerification(ctx, newVerification("v", app1), entry("create")))
	must(t, second(s.BeginCapture(ctx, "v", []byte("token-v"), faceproof.Consent{Notice: "c"}, t0+1, entry("begin"))))
	must(t, s.Advance(ctx, "v", faceproof.StateCapturing, faceproof.StateCaptured, nil, "", t0+2, entry("captured")))
	err := s.Decide(ctx, "v", []byte(`{}`), nil, false, faceproof.Credential{}, t0+3, entry("decide"))
	var e *faceproof.Error
	if !errors.As(err, &e) || state(t, s, "v").State != faceproof.StateCaptured {
		t.Errorf("%v, %s", err, state(t, s, "v").State)
	}
}
