package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

// classless lists the tables of a database that tableClasses does not name.
func classless(t *testing.T, s *Store) (out []string) {
	t.Helper()
	rows, err := s.reader.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		if len(tableClasses[name]) == 0 {
			out = append(out, name)
		}
	}
	must(t, rows.Err())
	return out
}

// Nothing is kept that nobody has thought about: a new table fails here until
// it has a class.
func TestEveryTableHasAClass(t *testing.T) {
	s := open(t)
	if list := classless(t, s); len(list) > 0 {
		t.Errorf("tables without a class of retention: %v; add them to tableClasses", list)
	}
	for table := range tableClasses {
		if n := count(t, s, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1`, table); n != 1 {
			t.Errorf("%s has a class and does not exist", table)
		}
	}
	// The control: it notices a table that somebody adds.
	_, err := s.writer.Exec(`CREATE TABLE forgotten (id TEXT)`)
	must(t, err)
	if list := classless(t, s); !slices.Equal(list, []string{"forgotten"}) {
		t.Errorf("a new table is not noticed: %v", list)
	}
}

// plain writes a row that no method of the store makes by itself.
func plain(t *testing.T, s *Store, query string, args ...any) {
	t.Helper()
	_, err := s.writer.Exec(query, args...)
	must(t, err)
}

// kept is one kind of row of the simulation.
type kept struct {
	table string
	class faceproof.RetentionClass
	limit time.Duration // from at
	// put adds a row at a time under a name and gives the time that limit
	// counts from.
	put func(at int64, name string) int64
	// left counts what is left of it.
	left string
}

// simulation lists a kind of row for each table and class that ends by time.
func simulation(t *testing.T, s *Store) []kept {
	verification := func(app faceproof.AppID) func(at int64, name string) int64 {
		return func(at int64, name string) int64 {
			v := newVerification(name, app)
			v.CreatedAt, v.ExpiresAt = at, at+180_000
			must(t, s.CreateVerification(ctx, v, entry("create")))
			must(t, second(s.BeginCapture(ctx, name, []byte("token-"+name), faceproof.Consent{}, at, entry("begin"))))
			must(t, s.Advance(ctx, name, faceproof.StateCapturing, faceproof.StateCaptured, nil, "", at, entry("captured")))
			must(t, s.Decide(ctx, name, []byte(`{}`), []byte(`{"n":1}`), false, faceproof.Credential{}, at, entry("decide")))
			return at
		}
	}
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	expiring := func(put func(name string, expires int64) error) func(int64, string) int64 {
		return func(at int64, name string) int64 {
			must(t, put(name, at+600_000))
			return at + 600_000
		}
	}
	return []kept{
		{"verifications", faceproof.RetainDecision, days(30), verification(app1), `SELECT COUNT(*) FROM verifications WHERE id = $1`},
		{"verifications", faceproof.RetainEvidence, days(7), verification(app1), `SELECT COUNT(*) FROM verifications WHERE id = $1 AND evidence IS NOT NULL`},
		{"verifications", faceproof.RetainDecision, days(20), verification(app2), `SELECT COUNT(*) FROM verifications WHERE id = $1`},
		{"verifications", faceproof.RetainEvidence, days(20), verification(app2), `SELECT COUNT(*) FROM verifications WHERE id = $1 AND evidence IS NOT NULL`},
		{"tokens", faceproof.RetainTokens, days(1), expiring(func(name string, e int64) error {
			return s.PutToken(ctx, faceproof.TokenRecord{Hash: []byte(name), AppID: app1, Kind: "access", ExpiresAt: e})
		}), `SELECT COUNT(*) FROM tokens WHERE hash = CAST($1 AS BLOB)`},
		{"user_id_keys", faceproof.RetainTokens, 0, expiring(func(name string, e int64) error {
			return s.PutUserIDKey(ctx, []byte(name), app1, []byte("sealed"), e)
		}), `SELECT COUNT(*) FROM user_id_keys WHERE hash = CAST($1 AS BLOB)`},
		{"credentials", faceproof.RetainTokens, 0, expiring(func(name string, e int64) error {
			plain(t, s, `INSERT INTO credentials (hash, verification_id, app_id, expires_at, used_at) VALUES ($1, 'v', 'a', $2, 0)`, []byte(name), e)
			return nil
		}), `SELECT COUNT(*) FROM credentials WHERE hash = CAST($1 AS BLOB)`},
		{"traces", faceproof.RetainMarks, days(30), func(at int64, name string) int64 {
			_, _, err := s.Recall(ctx, "frame", name, [][]byte{[]byte("a"), []byte("b")}, 0, at)
			must(t, err)
			return at
		}, `SELECT COUNT(*) FROM traces WHERE ref = $1`},
		{"attempts", faceproof.RetainCounters, days(2), func(at int64, name string) int64 {
			must(t, second(s.Spend(ctx, faceproof.Attempt{Kind: faceproof.AttemptDevice, Key: []byte(name), AppID: app1, Ref: name, At: at}, 0, 0, 0)))
			return at
		}, `SELECT COUNT(*) FROM attempts WHERE ref = $1`},
		{"calls", faceproof.RetainCounters, days(2), func(at int64, name string) int64 {
			must(t, second(s.Call(ctx, app1, name, at, 100)))
			const china, whole = 8 * 3_600_000, 24 * 3_600_000
			return ((at+china)/whole+1)*whole - china // the next midnight
		}, `SELECT COUNT(*) FROM calls WHERE interface = $1`},
		{"consents", faceproof.RetainConsent, days(100), func(at int64, name string) int64 {
			must(t, s.write(ctx, func(tx *sql.Tx) error {
				return giveConsent(ctx, tx, faceproof.Consent{VerificationID: name, AppID: app1, ReceiptHash: []byte(name), SubjectIndex: []byte("s"), PersonIndex: []byte("p"),
					Text: faceproof.ConsentText{Hash: "text of " + name, Lang: "zh", Body: "b"}, GivenAt: at})
			}))
			return at
		}, `SELECT COUNT(*) FROM consents WHERE verification_id = $1`},
		{"consent_texts", faceproof.RetainConsent, days(100), func(at int64, name string) int64 {
			for i, of := range []string{"", " of another"} { // the later consent to the same words counts
				must(t, s.write(ctx, func(tx *sql.Tx) error {
					return giveConsent(ctx, tx, faceproof.Consent{VerificationID: name + of, AppID: app1, ReceiptHash: []byte(name + of), SubjectIndex: []byte("s"), PersonIndex: []byte("p"),
						Text: faceproof.ConsentText{Hash: name, Lang: "zh", Body: "b"}, GivenAt: at + int64(i)*86_400_000})
				}))
			}
			return at + 86_400_000
		}, `SELECT COUNT(*) FROM consent_texts WHERE hash = $1`},
		{"webhook_events", faceproof.RetainMarks, days(30), row(t, s, `INSERT INTO webhook_events (id, app_id, verification_id, kind, state, created_at, due_at)
			VALUES ($1, 'wx00000000000000a1', $1, 'k', 'delivered', $2, $2)`), `SELECT COUNT(*) FROM webhook_events WHERE id = $1`},
		{"admin_invites", faceproof.RetainTokens, days(1), row(t, s, `INSERT INTO admin_invites (hash, name, roles, apps, created_at, expires_at) VALUES (CAST($1 AS BLOB), 'n', '[]', '[]', $2, $2)`),
			`SELECT COUNT(*) FROM admin_invites WHERE hash = CAST($1 AS BLOB)`},
		{"admin_sessions", faceproof.RetainTokens, days(1), row(t, s, `INSERT INTO admin_sessions (hash, admin_id, created_at, seen_at) VALUES (CAST($1 AS BLOB), 'ad_1', $2, $2)`),
			`SELECT COUNT(*) FROM admin_sessions WHERE hash = CAST($1 AS BLOB)`},
		{"admin_proposals", faceproof.RetainTokens, days(1), row(t, s, `INSERT INTO admin_proposals (id, action, app_id, body, reason, state, proposed_by, created_at, expires_at)
			VALUES ($1, 'a', '', '{}', 'r', 'open', 'ad_1', $2, $2)`), `SELECT COUNT(*) FROM admin_proposals WHERE id = $1`},
		{"webhook_events", faceproof.RetainMarks, days(30), func(at int64, name string) int64 {
			plain(t, s, `INSERT INTO webhook_events (id, app_id, verification_id, kind, state, created_at, due_at) VALUES ($1, $2, $1, 'decided', 'delivered', $3, $3)`, name, string(app1), at)
			return at
		}, `SELECT COUNT(*) FROM webhook_events WHERE id = $1`},
		{"admin_invites", faceproof.RetainTokens, days(1), func(at int64, name string) int64 {
			plain(t, s, `INSERT INTO admin_invites (hash, name, roles, apps, created_at, expires_at) VALUES ($1, 'n', '[]', '[]', $2, $2)`, []byte(name), at)
			return at
		}, `SELECT COUNT(*) FROM admin_invites WHERE hash = CAST($1 AS BLOB)`},
		{"admin_sessions", faceproof.RetainTokens, days(1), func(at int64, name string) int64 {
			plain(t, s, `INSERT INTO admins (id, name, roles, apps, disabled, created_at) VALUES ('a', 'a', '[]', '[]', FALSE, 0) ON CONFLICT DO NOTHING`)
			plain(t, s, `INSERT INTO admin_sessions (hash, admin_id, created_at, seen_at) VALUES ($1, 'a', 0, $2)`, []byte(name), at)
			return at
		}, `SELECT COUNT(*) FROM admin_sessions WHERE hash = CAST($1 AS BLOB)`},
		{"admin_proposals", faceproof.RetainTokens, days(1), func(at int64, name string) int64 {
			plain(t, s, `INSERT INTO admins (id, name, roles, apps, disabled, created_at) VALUES ('a', 'a', '[]', '[]', FALSE, 0) ON CONFLICT DO NOTHING`)
			plain(t, s, `INSERT INTO admin_proposals (id, action, app_id, body, reason, state, proposed_by, created_at, expires_at) VALUES ($1, 'x', '', '{}', '', 'open', 'a', $2, $2)`, name, at)
			return at
		}, `SELECT COUNT(*) FROM admin_proposals WHERE id = $1`},
		{"audit", faceproof.RetainAudit, days(faceproof.MinAuditDays), func(at int64, name string) int64 {
			must(t, s.Audit(ctx, faceproof.AuditEntry{At: at, Actor: "a", Action: "b", Object: name}))
			slot := auditSlot.Milliseconds()
			return (at + slot - 1) / slot * slot
		}, `SELECT COUNT(*) FROM audit WHERE object = $1`},
		{"failures", faceproof.RetainLocks, days(200), func(at int64, name string) int64 {
			must(t, second(s.Fail(ctx, []byte(name), at, 5, 50, 0)))
			return at
		}, `SELECT COUNT(*) FROM failures WHERE key = CAST($1 AS BLOB)`},
	}
}

// row adds a row by SQL: $1 its name, $2 the time.
func row(t *testing.T, s *Store, query string) func(int64, string) int64 {
	return func(at int64, name string) int64 {
		must(t, s.write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec(`INSERT INTO admins (id, name, roles, apps, disabled, created_at) VALUES ('ad_1', 'n', '[]', '[]', FALSE, 1) ON CONFLICT (id) DO NOTHING`); err != nil {
				return err
			}
			_, err := tx.Exec(query, name, at)
			return err
		}))
		return at
	}
}

// Four hundred days on a simulated clock, and as many more as the longest class
// needs: every class is there a millisecond before its limit and gone at the
// first sweep after it, over all tables. What is left of the audit log fits its
// signed heads.
func TestRetention400Days(t *testing.T) {
	const seed, perKind, span = 12, 6, 400 * 24 * time.Hour
	path := t.TempDir() + "/db"
	s, err := Open(ctx, Config{Path: path, Now: func() time.Time { return time.UnixMilli(t0) },
		Retention: faceproof.Retention{faceproof.RetainDecision: 30, faceproof.RetainLocks: 200, faceproof.RetainConsent: 100}})
	must(t, err)
	defer s.Close()
	// The simulation is of rules, not of the disk.
	_, err = s.writer.Exec(`PRAGMA synchronous = OFF`)
	must(t, err)
	must(t, s.CreateApp(ctx, faceproof.App{ID: app1, Notice: faceproof.Notice{RetentionDays: 90}}, []byte("s")))
	must(t, s.CreateApp(ctx, faceproof.App{ID: app2, Notice: faceproof.Notice{RetentionDays: 20}}, []byte("s")))
	must(t, second(s.SetRetention(ctx, app1, faceproof.Retention{faceproof.RetainEvidence: 7}, "cli")))

	kinds := simulation(t, s)
	for table, classes := range tableClasses {
		for _, c := range classes {
			covered := slices.ContainsFunc(kinds, func(k kept) bool { return k.table == table && k.class == c })
			if (s.c.Retention.Limit(c) > 0) != covered {
				t.Errorf("%s, %s: simulated %t", table, c, covered)
			}
		}
	}

	type event struct {
		at int64
		do func(now int64)
	}
	var events []event
	rng := rand.New(rand.NewPCG(seed, 0))
	rows, wrong := 0, 0
	sweep := func(now int64) { must(t, second(s.Sweep(ctx, now))) }
	for i, k := range kinds {
		for j := range perKind {
			name := fmt.Sprintf("%s-%d-%d", k.table, i, j)
			at := t0 + rng.Int64N(span.Milliseconds())
			look := func(want int) func(int64) {
				return func(now int64) {
					sweep(now)
					if n := count(t, s, k.left, name); (n > 0) != (want > 0) {
						wrong++
						t.Errorf("%s %s: %d rows %v after the limit", k.class, name, n, time.Duration(now-at)*time.Millisecond-k.limit)
					}
				}
			}
			events = append(events, event{at, func(now int64) {
				rows++
				due := k.put(now, name) + k.limit.Milliseconds()
				events = append(events, event{due - 1, look(1)}, event{due, look(0)})
			}})
		}
	}
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		for at := t0; at < t0+(span+(faceproof.MinAuditDays+10)*24*time.Hour).Milliseconds(); at += 3_600_000 {
			events = append(events, event{at, sweep})
		}
	}
	var now int64
	for len(events) > 0 {
		sort.SliceStable(events, func(i, j int) bool { return events[i].at < events[j].at })
		e := events[0]
		events = events[1:]
		now = e.at
		e.do(now)
	}
	if rows != len(kinds)*perKind {
		t.Errorf("%d rows", rows)
	}
	pruned := prunedLog(t, s, path, now)
	for table, classes := range tableClasses {
		limited := slices.ContainsFunc(kinds, func(k kept) bool { return k.table == table && slices.Contains(classes, k.class) })
		query := `SELECT COUNT(*) FROM ` + table
		if table == "audit" { // the sweeps write more; none has only old ones before it
			query += fmt.Sprintf(` WHERE seq < (SELECT MIN(seq) FROM audit WHERE at > %d)`, now-(faceproof.MinAuditDays*24*time.Hour+auditSlot).Milliseconds())
		}
		if n := count(t, s, query); limited && n != 0 {
			t.Errorf("%s has %d rows at the end", table, n)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Retention", Seed: seed, N: rows, Failures: wrong,
		Result: fmt.Sprintf("%d rows of %d kinds over %d simulated days: each there 1 ms before its limit, gone by the first sweep after it (a sweep every 30 s); the audit log whole, of %d records %d pruned", rows, len(kinds), (now-t0)/86_400_000, pruned.Records, pruned.Pruned)})
}

// The control: a store that never sweeps is found out.
func TestRetentionControl(t *testing.T) {
	s := open(t)
	missed := 0
	kinds := simulation(t, s)
	for i, k := range kinds {
		k.put(t0, fmt.Sprint("x", i))
		if count(t, s, k.left, fmt.Sprint("x", i)) > 0 {
			missed++
		}
	}
	if missed != len(kinds) {
		t.Errorf("%d of %d kinds would be noticed", missed, len(kinds))
	}
	acceptance.Record(t, acceptance.Row{Area: "Retention", Control: true, N: len(kinds), Failures: len(kinds) - missed, Result: "without the sweep every kind of row is still there"})
}

// A sweep that is stopped at any moment goes on where it was, and tells how
// many it deleted.
func TestSweepResumes(t *testing.T) {
	s := open(t)
	n := 3*batch + 11
	tx, err := s.writer.Begin()
	must(t, err)
	for i := range n {
		_, err := tx.Exec(`INSERT INTO user_id_keys (hash, app_id, sealed, expires_at) VALUES ($1, 'a', x'00', $2)`, []byte(fmt.Sprint(i)), t0)
		must(t, err)
	}
	must(t, tx.Commit())
	step := s.deleteDated(s.dated()[1])
	for want := n - batch; want >= n-2*batch; want -= batch {
		if got, err := step(ctx, t0); err != nil || got != batch {
			t.Fatal(got, err)
		}
		if left := count(t, s, `SELECT COUNT(*) FROM user_id_keys`); left != want {
			t.Errorf("%d left, want %d", left, want)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Sweep(gone, t0); err == nil {
		t.Error("a stopped sweep is no error")
	}
	must(t, second(s.Sweep(ctx, t0)))
	if left := count(t, s, `SELECT COUNT(*) FROM user_id_keys`); left != 0 {
		t.Errorf("%d left", left)
	}
	var sum int
	must(t, s.reader.QueryRow(`SELECT SUM(CAST(detail AS BIGINT)) FROM audit WHERE action = 'expired.delete' AND object = 'user_id_keys'`).Scan(&sum))
	if sum != n {
		t.Errorf("the audit log counts %d of %d", sum, n)
	}
}

// An app may ask for less, never for more, than the server and its own notice.
func TestSetRetention(t *testing.T) {
	s := open(t)
	for _, bad := range []faceproof.Retention{{"x": 1}, {faceproof.RetainAudit: 200}, {faceproof.RetainEvidence: 0}, {faceproof.RetainEvidence: 3651}, {faceproof.RetainCapture: 1}} {
		want(t, second(s.SetRetention(ctx, app1, bad, "cli")), faceproof.CodeInvalid)
	}
	want(t, second(s.SetRetention(ctx, "wx0", faceproof.Retention{}, "cli")), faceproof.CodeNotFound)
	a, err := s.SetRetention(ctx, app1, faceproof.Retention{faceproof.RetainEvidence: 3, faceproof.RetainDecision: 300}, "cli")
	must(t, err)
	if a.Retain[faceproof.RetainEvidence] != 3 {
		t.Errorf("%+v", a.Retain)
	}
	day := 24 * time.Hour
	for _, c := range []struct {
		server faceproof.Retention
		class  faceproof.RetentionClass
		want   time.Duration
	}{
		{nil, faceproof.RetainEvidence, 3 * day},
		{nil, faceproof.RetainDecision, 30 * day}, // the notice says so
		{faceproof.Retention{faceproof.RetainDecision: 2}, faceproof.RetainDecision, 2 * day},
		{faceproof.Retention{faceproof.RetainDecision: 2}, faceproof.RetainEvidence, 2 * day}, // not longer than its decision
	} {
		if got := c.server.LimitOf(a, c.class); got != c.want {
			t.Errorf("%v %s: %v, want %v", c.server, c.class, got, c.want)
		}
	}
	if _, err := Open(ctx, Config{Path: t.TempDir() + "/db", Retention: faceproof.Retention{faceproof.RetainAudit: faceproof.MinAuditDays - 1}}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("an audit log that is cut too soon: %v", err)
	}
}
