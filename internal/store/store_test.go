package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
)

var ctx = context.Background()

const (
	app1 = faceproof.AppID("wx00000000000000a1")
	app2 = faceproof.AppID("wx00000000000000a2")
	t0   = int64(1_800_000_000_000)
)

// open makes a store on a fresh file, with app1 and app2.
func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "faceproof.db"), true)
}

func openAt(t testing.TB, path string, apps bool) *Store {
	t.Helper()
	s, err := Open(ctx, Config{Path: path, KeyID: "k", Now: func() time.Time { return time.UnixMilli(t0) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if apps {
		for _, id := range []faceproof.AppID{app1, app2} {
			must(t, s.CreateApp(ctx, faceproof.App{ID: id, Name: "shop", Notice: faceproof.Notice{Handler: "h", RetentionDays: 30}}, []byte("hash of a secret")))
		}
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want checks the class of an error.
func want(t testing.TB, err error, code faceproof.Code) {
	t.Helper()
	if got := faceproof.ErrorCode(err); got != code {
		t.Fatalf("error %v, want code %q", err, code)
	}
}

func entry(action string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: t0, Actor: "test", Action: action, Object: "x"}
}

// newVerification is a verification in state created.
func newVerification(id string, app faceproof.AppID) faceproof.Verification {
	return faceproof.Verification{ID: id, AppID: app, Generation: faceproof.Gen1, State: faceproof.StateCreated, Alive: faceproof.AliveFlash,
		OpenID: "o", SubjectSealed: []byte("sealed"), SubjectIndex: []byte("index"), TokenHash: []byte("token-" + id),
		CreatedAt: t0, ExpiresAt: t0 + 180_000}
}

// decided takes a verification all the way; its credential's hash is "cred-"+id.
func decided(t testing.TB, s *Store, id string, app faceproof.AppID) {
	t.Helper()
	must(t, s.CreateVerification(ctx, newVerification(id, app), entry("create")))
	_, err := s.BeginCapture(ctx, id, []byte("token-"+id), faceproof.Consent{Notice: "consent"}, t0+1, entry("begin"))
	must(t, err)
	must(t, s.Advance(ctx, id, faceproof.StateCapturing, faceproof.StateCaptured, nil, "", t0+2, entry("captured")))
	must(t, s.Decide(ctx, id, []byte(`{"outcome":"pass"}`), []byte(`{"n":1}`), true,
		faceproof.Credential{Hash: []byte("cred-" + id), VerificationID: id, AppID: app, ExpiresAt: t0 + 300_000}, t0+3, entry("decide")))
}

func state(t testing.TB, s *Store, id string) faceproof.Verification {
	t.Helper()
	v, err := s.Verification(ctx, faceproof.VerificationKey{ID: id})
	must(t, err)
	return v
}

func count(t testing.TB, s *Store, query string, args ...any) (n int) {
	t.Helper()
	must(t, s.reader.QueryRow(query, args...).Scan(&n))
	return n
}

func TestVerificationIsKeptWhole(t *testing.T) {
	s := open(t)
	v := faceproof.Verification{ID: "v1", AppID: app1, Generation: faceproof.Gen2, State: faceproof.StateCreated, Alive: faceproof.AliveDigits,
		OutSeqNo: "order 1", OpenID: "openid", SubjectSealed: []byte{0, 1}, SubjectIndex: []byte{2, 3}, CertHash: "cert", VerifyIDHash: []byte{4, 5},
		TokenHash: []byte{6}, CreatedAt: t0, ExpiresAt: t0 + 9}
	must(t, s.CreateVerification(ctx, v, entry("create")))
	for name, by := range map[string]faceproof.VerificationKey{"id": {ID: "v1"}, "order": {AppID: app1, OutSeqNo: "order 1"}, "verify_id": {VerifyIDHash: []byte{4, 5}}} {
		got, err := s.Verification(ctx, by)
		must(t, err)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", v) {
			t.Errorf("by %s: got %+v, want %+v", name, got, v)
		}
	}
	for name, by := range map[string]faceproof.VerificationKey{"nothing": {}, "id": {ID: "v2"}, "other app's order": {AppID: app2, OutSeqNo: "order 1"},
		"verify_id": {VerifyIDHash: []byte{4}}, "credential": {CredentialHash: []byte("c")}} {
		if _, err := s.Verification(ctx, by); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("by %s: %v", name, err)
		}
	}
	decided(t, s, "v3", app1)
	got, err := s.Verification(ctx, faceproof.VerificationKey{CredentialHash: []byte("cred-v3")})
	must(t, err)
	if got.ID != "v3" || !got.HasPortrait || string(got.Decision) != `{"outcome":"pass"}` || string(got.Evidence) != `{"n":1}` || got.FinishedAt != t0+3 {
		t.Errorf("decided: %+v", got)
	}
}

// An order number is unique in its app; no number may be given any number of
// times.
func TestOrderNumberIsUniqueInItsApp(t *testing.T) {
	s := open(t)
	v := newVerification("a", app1)
	v.OutSeqNo = "n"
	must(t, s.CreateVerification(ctx, v, entry("create")))
	before := count(t, s, `SELECT COUNT(*) FROM audit`)
	v.ID = "b"
	err := s.CreateVerification(ctx, v, entry("create"))
	want(t, err, faceproof.CodeConflict)
	if !strings.Contains(err.Error(), "out_seq_no") {
		t.Errorf("the error does not name the field: %v", err)
	}
	if after := count(t, s, `SELECT COUNT(*) FROM audit`); after != before {
		t.Errorf("a refused create left an audit row")
	}
	v.ID, v.AppID = "c", app2
	must(t, s.CreateVerification(ctx, v, entry("create")))
	for i := range 3 {
		must(t, s.CreateVerification(ctx, newVerification(fmt.Sprint("e", i), app1), entry("create")))
	}
	want(t, s.CreateVerification(ctx, newVerification("e0", app1), entry("create")), faceproof.CodeConflict)
}

// Many identical creates make one verification.
func TestConcurrentCreates(t *testing.T) {
	s := open(t)
	won := race(t, 100, func(i int) error {
		v := newVerification(fmt.Sprint("id", i), app1)
		v.OutSeqNo = "same"
		return s.CreateVerification(ctx, v, entry("create"))
	}, faceproof.CodeConflict)
	if won != 1 || count(t, s, `SELECT COUNT(*) FROM verifications`) != 1 {
		t.Errorf("%d creates succeeded", won)
	}
}

// race runs f n times at once and counts successes; other errors than lost are
// failures.
func race(t testing.TB, n int, f func(int) error, lost faceproof.Code) int {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch faceproof.ErrorCode(err) {
		case "":
			won++
		case lost:
		default:
			t.Errorf("unexpected error: %v", err)
		}
	}
	return won
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a & b?%41#.db") // a path that a URL must escape
	openAt(t, path, true).Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	_, err := Open(ctx, Config{Path: path, KeyID: "another"})
	want(t, err, faceproof.CodeConflict)
	_, err = Open(ctx, Config{Path: filepath.Join(dir, "no/such/folder.db")})
	want(t, err, faceproof.CodeUnavailable)

	garbage := filepath.Join(dir, "garbage.db")
	must(t, os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600))
	_, err = Open(ctx, Config{Path: garbage})
	want(t, err, faceproof.CodeUnavailable)

	for name, ruin := range map[string]string{"newer": `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`, "no audit log": `DROP TABLE audit`} {
		path := filepath.Join(dir, name+".db")
		s := openAt(t, path, true)
		_, err := s.writer.Exec(ruin)
		must(t, err)
		s.Close()
		if _, err = Open(ctx, Config{Path: path, KeyID: "k"}); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// Nothing changes without its audit row.
func TestNoAuditNoChange(t *testing.T) {
	s := open(t)
	must(t, s.CreateVerification(ctx, newVerification("v", app1), entry("create")))
	decided(t, s, "d", app1)
	_, err := s.writer.Exec(`ALTER TABLE audit RENAME TO lost`)
	must(t, err)
	if err := s.Ping(ctx); err == nil {
		t.Error("ping is well without an audit log")
	}
	calls := map[string]error{
		"create app":   s.CreateApp(ctx, faceproof.App{ID: "wx00000000000000a3"}, nil),
		"update app":   s.UpdateApp(ctx, faceproof.App{ID: app1, Revoked: true}),
		"quota":        second(s.SetDailyCalls(ctx, app1, 7, "cli")),
		"reading":      second(s.SetReading(ctx, app1, faceproof.Reading{}, "cli")),
		"origins":      second(s.SetOrigins(ctx, app1, []string{"https://new.example"}, "cli")),
		"secret":       s.ReplaceSecret(ctx, app1, []byte("new"), true, "cli"),
		"end tokens":   s.EndTokens(ctx, app1, "access", t0),
		"token":        s.PutToken(ctx, faceproof.TokenRecord{Hash: []byte("h"), AppID: app1}),
		"user_id_key":  s.PutUserIDKey(ctx, []byte("h"), app1, []byte("s"), t0),
		"create":       s.CreateVerification(ctx, newVerification("w", app1), entry("create")),
		"rotate":       s.RotateToken(ctx, "v", []byte("new"), nil, t0),
		"advance":      s.Advance(ctx, "v", faceproof.StateCreated, faceproof.StateEnded, nil, "", t0, entry("end")),
		"add person":   s.PutPerson(ctx, person("p", 1), false, entry("add")),
		"begin":        second(s.BeginCapture(ctx, "v", []byte("token-v"), faceproof.Consent{}, t0, entry("begin"))),
		"redeem":       second(s.Redeem(ctx, []byte("cred-d"), app1, "", t0+10, entry("redeem"))),
		"sweep":        second(s.Sweep(ctx, t0+1e9)),
		"audit itself": s.Audit(ctx, entry("look")),
	}
	for name, err := range calls {
		if err == nil {
			t.Errorf("%s was done without an audit log", name)
		}
	}
	if v := state(t, s, "v"); v.State != faceproof.StateCreated || string(v.TokenHash) != "token-v" {
		t.Errorf("changed: %+v", v)
	}
	if v := state(t, s, "d"); v.State != faceproof.StateDecided {
		t.Errorf("redeemed: %+v", v)
	}
	if a, hash, err := s.App(ctx, app1); err != nil || a.DailyCalls != 0 || len(a.Origins) != 0 || string(hash) != "hash of a secret" {
		t.Errorf("changed: %+v", a)
	}
	for _, table := range []string{"tokens", "user_id_keys"} {
		if n := count(t, s, `SELECT COUNT(*) FROM `+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	if n := count(t, s, `SELECT COUNT(*) FROM verifications`) + count(t, s, `SELECT COUNT(*) FROM apps`) + count(t, s, `SELECT COUNT(*) FROM persons`); n != 2+2+1 {
		t.Errorf("rows were added: %d", n)
	}
}

func second[T any](_ T, err error) error { return err }

// The package's own SQL never changes an audit row, and one statement deletes
// some: those whose time is over.
func TestAuditOnlyGrows(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		must(t, err)
		// audit_head is the counter, the one row that changes.
		text := strings.ReplaceAll(string(b), "UPDATE audit_head SET size = ", "")
		if f == "prune.go" {
			text = strings.Replace(text, "DELETE FROM audit WHERE seq >= $1 AND seq <= $2", "", 1)
		}
		for _, bad := range []string{"UPDATE audit", "DELETE FROM audit", "REPLACE INTO audit"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %s", f, bad)
			}
		}
	}
}

// A full disk is an unavailable store, not a wrong answer, and heals by itself.
func TestDiskFull(t *testing.T) {
	s := open(t)
	var pages int
	must(t, s.writer.QueryRow(`PRAGMA page_count`).Scan(&pages))
	_, err := s.writer.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+1))
	must(t, err)
	done := 0
	for i := 0; ; i++ {
		v := newVerification(fmt.Sprint("v", i), app1)
		v.SubjectSealed = make([]byte, 2000)
		if err = s.CreateVerification(ctx, v, entry("create")); err != nil {
			break
		}
		done++
	}
	want(t, err, faceproof.CodeUnavailable)
	if !strings.Contains(err.Error(), "full") {
		t.Errorf("does not say why: %v", err)
	}
	if rows, log := count(t, s, `SELECT COUNT(*) FROM verifications`), count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'create'`); rows != done || log != done {
		t.Errorf("%d acknowledged, %d rows, %d audit rows", done, rows, log)
	}
	_, err = s.writer.Exec(`PRAGMA max_page_count = 100000`)
	must(t, err)
	must(t, s.CreateVerification(ctx, newVerification("after", app1), entry("create")))
}

// Every commit is on the disk before the caller hears of it.
func TestDurableSettings(t *testing.T) {
	s := open(t)
	for _, db := range []*sql.DB{s.writer, s.reader} {
		var mode string
		var sync, busy int
		must(t, db.QueryRow(`PRAGMA journal_mode`).Scan(&mode))
		must(t, db.QueryRow(`PRAGMA synchronous`).Scan(&sync))
		must(t, db.QueryRow(`PRAGMA busy_timeout`).Scan(&busy))
		if mode != "wal" || sync != 2 || busy < 5000 {
			t.Errorf("journal %s, synchronous %d, busy_timeout %d", mode, sync, busy)
		}
	}
	if _, err := s.reader.Exec(`DELETE FROM apps`); err == nil {
		t.Error("a reader may write")
	}
}
