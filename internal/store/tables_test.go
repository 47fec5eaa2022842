package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
)

func person(id string, index byte) faceproof.Person {
	return faceproof.Person{ID: id, SubjectIndex: bytes.Repeat([]byte{index}, 32), NameSealed: []byte("name " + id), NumberSealed: []byte("number"),
		TemplateSealed: []byte("template " + id), ModelID: "m", Frames: 3, CreatedAt: t0, UpdatedAt: t0}
}

func TestApps(t *testing.T) {
	s := open(t)
	a := faceproof.App{ID: "wx00000000000000a3", Name: "店", Notice: faceproof.Notice{Handler: "h", Contact: "c", Purpose: "p", Necessity: "n", Alternative: "a", RetentionDays: 7},
		Permissions: faceproof.DefaultPermissions(), Origins: []string{"https://a.example"}, Alive: faceproof.AliveAuto, CreatedAt: t0,
		Reading: faceproof.Reading{AtOnce: true, MinLevel: faceproof.LevelLow}}
	must(t, s.CreateApp(ctx, a, []byte("secret")))
	want(t, s.CreateApp(ctx, a, []byte("other")), faceproof.CodeConflict)
	got, hash, err := s.App(ctx, a.ID)
	must(t, err)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", a) || string(hash) != "secret" {
		t.Errorf("got %+v, %s", got, hash)
	}
	for field, change := range map[string]func(*faceproof.Notice){"purpose": func(n *faceproof.Notice) { n.Purpose = "" },
		"retention_days": func(n *faceproof.Notice) { n.RetentionDays = 0 }, "alternative": func(n *faceproof.Notice) { n.Alternative = "" }} {
		b := a
		b.ID = "wx00000000000000a4"
		change(&b.Notice)
		if err := s.CreateApp(ctx, b, nil); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("without %s: %v", field, err)
		}
	}
	a.Revoked, a.Permissions = true, nil // the latter is left alone
	must(t, s.UpdateApp(ctx, a))
	before := string(hash)
	got, hash, err = s.App(ctx, a.ID)
	must(t, err)
	if !got.Revoked || len(got.Permissions) != len(faceproof.DefaultPermissions()) || string(hash) != before {
		t.Errorf("got %+v, %s", got, hash)
	}
	list, err := s.ListApps(ctx)
	must(t, err)
	if len(list) != 3 || list[2].ID != a.ID {
		t.Errorf("list: %+v", list)
	}
	_, _, err = s.App(ctx, "wx0")
	want(t, err, faceproof.CodeNotFound)
	want(t, s.UpdateApp(ctx, faceproof.App{ID: "wx0"}), faceproof.CodeNotFound)
}

func TestTokens(t *testing.T) {
	s := open(t)
	old := faceproof.TokenRecord{Hash: []byte("old"), AppID: app1, Kind: "access", Sealed: []byte("s"), IssuedAt: t0, ExpiresAt: t0 + 100}
	now := faceproof.TokenRecord{Hash: []byte("now"), AppID: app1, Kind: "access", IssuedAt: t0 + 5, ExpiresAt: t0 + 105}
	must(t, s.PutToken(ctx, old))
	must(t, s.PutToken(ctx, now))
	old.ExpiresAt = t0 + 6
	must(t, s.PutToken(ctx, old))
	if got, err := s.Token(ctx, []byte("old")); err != nil || fmt.Sprint(got) != fmt.Sprint(old) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := s.CurrentToken(ctx, app1, "access"); err != nil || string(got.Hash) != "now" || got.Sealed != nil {
		t.Errorf("current %+v, %v", got, err)
	}
	// A hash never changes its app or kind.
	stolen := now
	stolen.AppID = app2
	want(t, s.PutToken(ctx, stolen), faceproof.CodeNotFound)
	for _, err := range []error{second(s.Token(ctx, []byte("x"))), second(s.CurrentToken(ctx, app1, "stable")), second(s.CurrentToken(ctx, app2, "access"))} {
		want(t, err, faceproof.CodeNotFound)
	}
}

// A token for one use is used once, by its own app, in time; of many callers
// one wins.
func TestUseToken(t *testing.T) {
	s := open(t)
	must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: []byte("c"), AppID: app1, Kind: "js_code", Sealed: []byte("s"), ExpiresAt: t0 + 10}))
	want(t, second(s.UseToken(ctx, []byte("c"), app2, "js_code", t0)), faceproof.CodeNotFound)
	want(t, second(s.UseToken(ctx, []byte("c"), app1, "access", t0)), faceproof.CodeNotFound)
	want(t, second(s.UseToken(ctx, []byte("c"), app1, "js_code", t0+10)), faceproof.CodeNotFound)
	if won := race(t, 50, func(int) error { return second(s.UseToken(ctx, []byte("c"), app1, "js_code", t0)) }, faceproof.CodeConflict); won != 1 {
		t.Errorf("used %d times", won)
	}
	want(t, second(s.UseToken(ctx, []byte("c"), app2, "js_code", t0)), faceproof.CodeNotFound)
}

func TestUserIDKeys(t *testing.T) {
	s := open(t)
	must(t, s.PutUserIDKey(ctx, []byte("k"), app1, []byte("sealed"), t0+10))
	if got, err := s.UserIDKey(ctx, []byte("k"), app1, t0+9); err != nil || string(got) != "sealed" {
		t.Errorf("%s, %v", got, err)
	}
	want(t, second(s.UserIDKey(ctx, []byte("k"), app1, t0+10)), faceproof.CodeExpired)
	want(t, second(s.UserIDKey(ctx, []byte("k"), app2, t0)), faceproof.CodeNotFound)
	want(t, second(s.UserIDKey(ctx, []byte("x"), app1, t0)), faceproof.CodeNotFound)
}

func TestPersons(t *testing.T) {
	s := open(t)
	add := func(p faceproof.Person, replace bool) error { return s.PutPerson(ctx, p, replace, entry("person")) }
	a, b := person("a", 10), person("b", 20)
	must(t, add(a, false))
	must(t, add(b, false))
	want(t, add(person("c", 10), false), faceproof.CodeConflict)
	want(t, add(person("a", 30), false), faceproof.CodeConflict)
	want(t, add(person("a", 20), true), faceproof.CodeNotFound) // another's index
	want(t, add(person("d", 40), true), faceproof.CodeNotFound)
	for index, id := range map[byte]string{0: "a", 10: "a", 11: "b", 20: "b", 21: decoyID, 255: decoyID} {
		p, err := s.PersonNear(ctx, bytes.Repeat([]byte{index}, 32))
		must(t, err)
		if p.ID != id {
			t.Errorf("near %d: %s, want %s", index, p.ID, id)
		}
	}
	a.NameSealed, a.TemplateSealed, a.UpdatedAt = []byte("new"), []byte("newer"), t0+1
	must(t, add(a, true))
	p, err := s.PersonNear(ctx, a.SubjectIndex)
	must(t, err)
	if fmt.Sprint(p) != fmt.Sprint(a) {
		t.Errorf("got %v, want %v", p, a)
	}
	list, err := s.Persons(ctx, "", 10)
	must(t, err)
	if len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Errorf("list: %v", list)
	}
	must(t, s.DeletePerson(ctx, faceproof.Deletion{PersonID: "a"}, entry("remove")))
	want(t, s.DeletePerson(ctx, faceproof.Deletion{PersonID: "a"}, entry("remove")), faceproof.CodeNotFound)
	want(t, s.DeletePerson(ctx, faceproof.Deletion{PersonID: decoyID}, entry("remove")), faceproof.CodeNotFound)
	if n := count(t, s, `SELECT COUNT(*) FROM templates`); n != 2 { // b and the decoy
		t.Errorf("%d templates", n)
	}
}

func TestSweep(t *testing.T) {
	s := open(t)
	must(t, s.CreateVerification(ctx, newVerification("waiting", app1), entry("create")))
	must(t, s.CreateVerification(ctx, newVerification("running", app1), entry("create")))
	must(t, second(s.BeginCapture(ctx, "running", []byte("token-running"), faceproof.Consent{}, t0+1, entry("begin"))))
	decided(t, s, "done", app1)
	must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: []byte("t"), AppID: app1, Kind: "access", ExpiresAt: t0 + 1}))
	must(t, s.PutUserIDKey(ctx, []byte("k"), app1, []byte("sealed"), t0+1))
	sweep := func(after time.Duration) []string {
		t.Helper()
		ids, err := s.Sweep(ctx, t0+after.Milliseconds())
		must(t, err)
		return ids
	}
	states := func() string {
		return fmt.Sprintln(state(t, s, "waiting").State, state(t, s, "running").State, state(t, s, "done").State, state(t, s, "done").HasPortrait,
			count(t, s, `SELECT COUNT(*) FROM credentials`), count(t, s, `SELECT COUNT(*) FROM tokens`), count(t, s, `SELECT COUNT(*) FROM user_id_keys`))
	}
	expect := func(after time.Duration, portraits, want string) {
		t.Helper()
		if got := strings.Join(sweep(after), ","); got != portraits {
			t.Errorf("after %v: portraits %q, want %q", after, got, portraits)
		}
		if got := strings.TrimSpace(states()); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
	expect(179*time.Second, "", "created capturing decided true 1 1 0")
	expect(180*time.Second, "", "ended capturing decided true 1 1 0")
	expect(300*time.Second, "", "ended capturing decided true 0 1 0")
	expect(16*time.Minute, "done", "ended ended decided false 0 1 0")
	expect(75*time.Minute, "", "ended ended decided false 0 1 0")
	expect(76*time.Minute, "done", "ended ended decided false 0 1 0") // once more, in case of a crash
	expect(77*time.Minute, "", "ended ended decided false 0 1 0")
	expect(25*time.Hour, "", "ended ended decided false 0 0 0")
	if v := state(t, s, "waiting"); v.EndReason != faceproof.ReasonTimeout || v.FinishedAt != t0+180_000 {
		t.Errorf("%+v", v)
	}
	sweep(29 * 24 * time.Hour)
	if n := count(t, s, `SELECT COUNT(*) FROM verifications`); n != 3 {
		t.Errorf("%d verifications before the retention is over", n)
	}
	sweep(32 * 24 * time.Hour)
	if n := count(t, s, `SELECT COUNT(*) FROM verifications`); n != 0 {
		t.Errorf("%d verifications after the retention", n)
	}
	log, err := s.AuditLog(ctx, 1, 1000)
	must(t, err)
	var actions []string
	for _, a := range log {
		if a.Actor == "retention" {
			actions = append(actions, a.Action)
		}
	}
	for _, want := range []string{"verification.end", "expired.delete", "portrait.delete", "portrait.forget", "verification.delete"} {
		if !slices.Contains(actions, want) {
			t.Errorf("no audit row %s in %v", want, actions)
		}
	}
}

// What one step refuses keeps nothing else back, least of all a portrait.
func TestSweepGoesOn(t *testing.T) {
	s := open(t)
	decided(t, s, "done", app1)
	_, err := s.writer.Exec(`CREATE TRIGGER stuck BEFORE DELETE ON credentials BEGIN SELECT RAISE(ABORT, 'stuck'); END`)
	must(t, err)
	ids, err := s.Sweep(ctx, t0+16*time.Minute.Milliseconds())
	if err == nil || !slices.Equal(ids, []string{"done"}) {
		t.Errorf("portraits %v, error %v", ids, err)
	}
}

// More than a batch is swept whole.
func TestSweepManyBatches(t *testing.T) {
	s := open(t)
	n := 2*batch + 7
	tx, err := s.writer.Begin()
	must(t, err)
	for i := range n {
		_, err := tx.Exec(`INSERT INTO verifications (`+verificationColumns+`, portrait_due)
			SELECT $1, $2, 1, 'created', 1, '', '', $3, $3, '', NULL, NULL, 0, 1, '', 0, 0, NULL, NULL, '', 0, 0, 0, 0`, fmt.Sprint("v", i), string(app1), []byte("x"))
		must(t, err)
	}
	must(t, tx.Commit())
	must(t, second(s.Sweep(ctx, t0)))
	if left := count(t, s, `SELECT COUNT(*) FROM verifications WHERE state <> 'ended'`); left != 0 {
		t.Errorf("%d of %d were left", left, n)
	}
}

// No statement of the hot paths reads a whole table.
func TestNothingScans(t *testing.T) {
	s := open(t)
	for _, query := range []string{
		`SELECT id FROM verifications WHERE id = 'x'`,
		`SELECT id FROM verifications WHERE app_id = 'a' AND out_seq_no = 'b' AND out_seq_no <> ''`,
		`SELECT id FROM verifications WHERE verify_id_hash = x'00'`,
		`SELECT id FROM verifications WHERE id = (SELECT verification_id FROM credentials WHERE hash = x'00')`,
		`UPDATE credentials SET used_at = 1 WHERE hash = x'00' AND app_id = 'a' AND used_at = 0 AND expires_at > 1`,
		`SELECT id FROM verifications WHERE state = 'created' AND expires_at <= 1 LIMIT 9`,
		`SELECT id FROM verifications WHERE state IN ('capturing', 'captured') AND started_at <= 1 LIMIT 9`,
		`SELECT id FROM verifications WHERE portrait = 1 AND finished_at <= 1 LIMIT 9`,
		`SELECT id FROM verifications WHERE portrait = 2 AND portrait_due <= 1 LIMIT 9`,
		`SELECT id FROM verifications WHERE app_id = 'a' AND finished_at > 0 AND finished_at <= 1 AND portrait = 0 LIMIT 9`,
		`SELECT hash FROM credentials WHERE expires_at <= 1 LIMIT 9`,
		`SELECT hash FROM tokens WHERE expires_at <= 1 LIMIT 9`,
		`SELECT hash FROM user_id_keys WHERE expires_at <= 1 LIMIT 9`,
		`SELECT hash FROM tokens WHERE app_id = 'a' AND kind = 'b' ORDER BY issued_at DESC LIMIT 1`,
		`SELECT p.id FROM persons p JOIN templates t ON t.person_id = p.id WHERE p.subject_index >= x'00' ORDER BY p.subject_index LIMIT 1`,
		`SELECT p.id FROM persons p JOIN templates t ON t.person_id = p.id WHERE p.id > 'a' AND p.id <> 'decoy' ORDER BY p.id LIMIT 9`,
		`UPDATE audit_head SET size = size + 1 WHERE id = 1 AND size >= old RETURNING size`,
		`SELECT seq, hashes FROM audit_tree WHERE seq IN (1, 2)`,
		`SELECT size, at, note FROM audit_checkpoints WHERE size > 0 ORDER BY size DESC LIMIT 1`,
		`SELECT seq FROM audit WHERE object = 'a' ORDER BY seq LIMIT 9`,
		`SELECT id FROM applications WHERE app_id = 'a' AND app_id <> ''`,
		`UPDATE applications SET state = 'x' WHERE id = 'a' AND version = 1`,
		`SELECT at FROM attempts WHERE kind = 'a' AND key = x'00' AND at > 1 ORDER BY at DESC LIMIT 9`,
		`SELECT ref FROM attempts WHERE at <= 1 LIMIT 9`,
		`DELETE FROM attempts WHERE kind = 'a' AND key = x'00' AND app_id = 'b'`,
		`SELECT at FROM audit WHERE seq >= 1 ORDER BY seq LIMIT 9`,
		`SELECT at FROM audit WHERE seq > 0 ORDER BY seq LIMIT 1`,
		`SELECT detail FROM audit WHERE object = 'audit' AND action = 'audit.prune' ORDER BY seq DESC LIMIT 1`,
	} {
		rows, err := s.reader.Query(`EXPLAIN QUERY PLAN ` + query)
		must(t, err)
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			if strings.HasPrefix(detail, "SCAN") && detail != "SCAN CONSTANT ROW" || strings.Contains(detail, "TEMP B-TREE") {
				t.Errorf("%s\n\t%s", query, detail)
			}
		}
		must(t, rows.Err())
		rows.Close()
	}
}
