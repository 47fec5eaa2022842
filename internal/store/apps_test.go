package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
)

func TestSetApp(t *testing.T) {
	s := open(t)
	a, err := s.SetDailyCalls(ctx, app1, 7, "cli")
	must(t, err)
	if a.ID != app1 || a.DailyCalls != 7 {
		t.Errorf("%+v", a)
	}
	want(t, second(s.SetDailyCalls(ctx, app1, -1, "cli")), faceproof.CodeInvalid)
	want(t, second(s.SetDailyCalls(ctx, app1, faceproof.MaxDailyCalls+1, "cli")), faceproof.CodeInvalid)
	want(t, second(s.SetDailyCalls(ctx, "wx0", 7, "cli")), faceproof.CodeNotFound)
	if a, err = s.SetOrigins(ctx, app1, []string{"https://a.example"}, "cli"); err != nil || fmt.Sprint(a.Origins, a.DailyCalls) != "[https://a.example] 7" {
		t.Errorf("%+v, %v", a, err)
	}
	want(t, second(s.SetOrigins(ctx, "wx0", nil, "cli")), faceproof.CodeNotFound)
	reading := faceproof.Reading{MinLevel: faceproof.LevelStandard}
	if a, err = s.SetReading(ctx, app1, reading, "cli"); err != nil || a.Reading != reading || a.DailyCalls != 7 {
		t.Errorf("%+v, %v", a, err)
	}
	want(t, second(s.SetReading(ctx, app1, faceproof.Reading{AtOnce: true, MinLevel: faceproof.LevelStandard}, "cli")), faceproof.CodeInvalid)
	want(t, second(s.SetReading(ctx, "wx0", reading, "cli")), faceproof.CodeNotFound)
	a.DailyCalls, a.Origins, a.Name, a.Reading = 0, nil, "other", faceproof.Reading{} // quota, origins and reading are left alone
	must(t, s.UpdateApp(ctx, a))
	if a, _, err := s.App(ctx, app1); err != nil || a.Name != "other" || fmt.Sprint(a.Origins) != "[https://a.example]" || a.Reading != reading {
		t.Errorf("%+v, %v", a, err)
	}
	for id, n := range map[faceproof.AppID]int{app1: 7, app2: 0} {
		if a, _, err := s.App(ctx, id); err != nil || a.DailyCalls != n {
			t.Errorf("%s: %+v, %v", id, a, err)
		}
	}
	audited(t, s, app1, "app.create ", "app.quota 7", "app.origins 1", `app.reading {"min_level":"standard"}`, "app.update ")
}

// audited compares the audit rows of an app, without its tokens'.
func audited(t *testing.T, s *Store, id faceproof.AppID, want ...string) {
	t.Helper()
	log, err := s.AuditLog(ctx, 1, 100)
	must(t, err)
	var got []string
	for _, e := range log {
		if e.Object == string(id) && e.Action != "token.put" {
			got = append(got, e.Action+" "+e.Detail)
		}
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("audit %q, want %q", got, want)
	}
}

// The secret of before is valid for 60 s, and only the one before.
func TestReplaceSecret(t *testing.T) {
	now := t0
	s, err := Open(ctx, Config{Path: filepath.Join(t.TempDir(), "db"), Now: func() time.Time { return time.UnixMilli(now) }})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	must(t, s.CreateApp(ctx, faceproof.App{ID: app1}, []byte("first")))
	must(t, s.CreateApp(ctx, faceproof.App{ID: app2}, []byte("other's")))
	for i, kind := range []string{"access", "stable", "page", "used js_code"} {
		for _, id := range []faceproof.AppID{app1, app2} {
			must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: []byte(fmt.Sprint(id, i)), AppID: id, Kind: kind, IssuedAt: t0, ExpiresAt: t0 + 7_200_000}))
		}
	}
	secrets := func(at int64) string {
		t.Helper()
		_, hash, err := s.App(ctx, app1)
		must(t, err)
		earlier, err := s.EarlierSecret(ctx, app1, at)
		must(t, err)
		return fmt.Sprintf("%s %s", hash, earlier)
	}
	valid := func(id faceproof.AppID) int {
		return count(t, s, `SELECT COUNT(*) FROM tokens WHERE app_id = $1 AND expires_at > $2`, string(id), now)
	}
	if got := secrets(now); got != "first " {
		t.Errorf("before: %s", got)
	}
	must(t, s.ReplaceSecret(ctx, app1, []byte("second"), false, "cli"))
	if a, b := secrets(now+59_999), secrets(now+60_000); a != "second first" || b != "second " {
		t.Errorf("%s, then %s", a, b)
	}
	if n := valid(app1); n != 4 {
		t.Errorf("%d tokens are left", n)
	}
	now += 10_000
	must(t, s.ReplaceSecret(ctx, app1, []byte("third"), false, "cli"))
	if got := secrets(now); got != "third second" {
		t.Errorf("twice in a minute: %s", got)
	}
	must(t, s.ReplaceSecret(ctx, app1, []byte("fourth"), true, "cli"))
	if got := secrets(now); got != "fourth " || valid(app1) != 0 || valid(app2) != 4 {
		t.Errorf("ended: %s, %d tokens, %d of another app", got, valid(app1), valid(app2))
	}
	want(t, s.ReplaceSecret(ctx, "wx0", []byte("x"), false, "cli"), faceproof.CodeNotFound)
	must(t, s.UpdateApp(ctx, faceproof.App{ID: app1, Revoked: true}))
	want(t, s.ReplaceSecret(ctx, app1, []byte("x"), false, "cli"), faceproof.CodeConflict)
	if got := secrets(now); got != "fourth " {
		t.Errorf("a revoked app's secret changed: %s", got)
	}
	audited(t, s, app1, "app.create ", "app.secret ", "app.secret ", "app.secret tokens ended", "app.update ")
}

// EndTokens ends one kind of one app, and lengthens no life.
func TestEndTokens(t *testing.T) {
	s := open(t)
	for hash, r := range map[string]faceproof.TokenRecord{"a": {AppID: app1, Kind: "stable", ExpiresAt: t0 + 9}, "b": {AppID: app1, Kind: "stable", ExpiresAt: t0 + 5},
		"old": {AppID: app1, Kind: "stable", ExpiresAt: t0 - 5}, "kind": {AppID: app1, Kind: "access", ExpiresAt: t0 + 9}, "app": {AppID: app2, Kind: "stable", ExpiresAt: t0 + 9}} {
		r.Hash = []byte(hash)
		must(t, s.PutToken(ctx, r))
	}
	must(t, s.EndTokens(ctx, app1, "stable", t0))
	for hash, end := range map[string]int64{"a": t0, "b": t0, "old": t0 - 5, "kind": t0 + 9, "app": t0 + 9} {
		if r, err := s.Token(ctx, []byte(hash)); err != nil || r.ExpiresAt != end {
			t.Errorf("%s ends at %d, %v", hash, r.ExpiresAt-t0, err)
		}
	}
}
