package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

// Every part of a server goes by its one clock, which no step of the machine's
// moves (T37): here it stands, years behind the machine's.
func TestServerTime(t *testing.T) {
	at := time.Date(2020, 2, 2, 8, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	g := &globals{DataDir: filepath.Join(t.TempDir(), "data"), Out: io.Discard, Err: io.Discard}
	s, ring, done, err := openStoreAs(t.Context(), g, store.Config{Actor: "server", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	blobs, err := openBlobs(g, ring)
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	b := &backend{store: s, keys: ring, blobs: blobs, now: now}
	log := slog.New(slog.DiscardHandler)
	signed, err := keepAudit(g, b, anchorFlags{}, log)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openAdmin(t.Context(), g, b, serveFlags{edges: edgeFlags{noAdminToken: true}}, "http://localhost:8080", log)
	if err != nil {
		t.Fatal(err)
	}

	token, err := a.Gate.Invite(t.Context(), "甲", faceproof.Roles(), nil, "cli")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenInvite(t.Context(), keys.HashToken(token.Reveal()), at.Add(2*time.Hour).UnixMilli()); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("an invitation of one hour, two hours later: %v", err)
	}
	notice := faceproof.Notice{Handler: "示例", Contact: "x@example.org", Purpose: "开户", Necessity: "核身", Alternative: "窗口", RetentionDays: 30}
	const id = faceproof.AppID("wx00000000000000a1")
	if err := s.CreateApp(t.Context(), faceproof.App{ID: id, Name: "示例", Notice: notice, Alive: faceproof.AliveFlash, CreatedAt: at.UnixMilli()}, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	hook, _, err := a.Webhooks.Set(t.Context(), id, "https://hooks.example.org/", "cli")
	if err != nil || hook.ChangedAt != at.UnixMilli() {
		t.Errorf("webhook of %v: %v", time.UnixMilli(hook.ChangedAt).UTC(), err)
	}
	draft, err := a.Desk.Draft(t.Context(), faceproof.Application{Name: "示例", Notice: notice, Category: faceproof.CategoryOther, DailyVolume: 1, Peak: 1,
		Interfaces: faceproof.DefaultPermissions(), Alive: faceproof.AliveFlash}, "cli")
	if err != nil || draft.CreatedAt != at.UnixMilli() {
		t.Errorf("application of %v: %v", time.UnixMilli(draft.CreatedAt).UTC(), err)
	}
	people, err := registry.New(registry.Config{Store: s, Keys: ring, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := consentDesk(s, people, nil, now).WithdrawPerson(t.Context(), make([]byte, 32), make([]byte, 32), faceproof.Withdrawal{},
		faceproof.AuditEntry{Actor: "cli", Action: "consent.withdraw"})
	if err != nil || taken.At != at.UnixMilli() || taken.DeletedAt != at.UnixMilli() {
		t.Errorf("%+v, %v", taken, err)
	}
	signed()
	if head, err := s.AuditHead(t.Context()); err != nil || head.At != at.UnixMilli() {
		t.Errorf("a head of %v, %v", time.UnixMilli(head.At).UTC(), err)
	}
	rows, err := s.AuditLog(t.Context(), 1, 100)
	if err != nil || len(rows) == 0 {
		t.Fatal(len(rows), err)
	}
	for _, e := range rows {
		if e.At != at.UnixMilli() {
			t.Errorf("%s of %v", e.Action, time.UnixMilli(e.At).UTC())
		}
	}
}
