package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/audit"

	"github.com/pressly/goose/v3"
	"golang.org/x/mod/sumdb/tlog"
)

var _ audit.Log = (*Store)(nil)

func auditSigner(t testing.TB) (*audit.Signer, audit.Keys) {
	t.Helper()
	s, err := audit.NewSigner(make([]byte, audit.SeedSize))
	must(t, err)
	k, err := audit.ParseKeys(s.Key())
	must(t, err)
	return s, k
}

// checkLog reads the log of a database file as faceproof audit verify does.
func checkLog(t testing.TB, path string, keys audit.Keys, anchors ...string) (audit.Report, error) {
	t.Helper()
	v, err := OpenAuditView(ctx, path)
	if err != nil {
		return audit.Report{}, err
	}
	defer v.Close()
	points, err := v.Heads(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	var heads []audit.Head
	for _, p := range points {
		heads = append(heads, audit.Head{Source: "log", Note: p.Note, Own: true})
	}
	for _, a := range anchors {
		heads = append(heads, audit.Head{Source: "anchor", Note: a})
	}
	return v.CheckAudit(ctx, audit.NewChecker(keys, heads))
}

// sign signs what there is now and gives the head.
func sign(t testing.TB, s *Store) audit.Checkpoint {
	t.Helper()
	key, keys := auditSigner(t)
	n, err := audit.NewNotary(audit.NotaryConfig{Log: s, Signer: key})
	must(t, err)
	must(t, n.Step(ctx, true))
	c, err := s.AuditHead(ctx)
	must(t, err)
	c, err = keys.Open(c.Note)
	must(t, err)
	return c
}

// T22: what a DBA changes in the tables of the log is found offline: each
// column of each of 60 rows, a row that is gone, moved or added, the tree, the
// head and the signed heads.
func TestAuditTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, true)
	for i := range 60 {
		must(t, s.Audit(ctx, faceproof.AuditEntry{At: t0, Actor: "app:a", Action: "portrait.read", Object: fmt.Sprint("v", i), Detail: "none"}))
	}
	head := sign(t, s)
	_, keys := auditSigner(t)
	if r, err := checkLog(t, path, keys, head.Note); err != nil || !r.OK() || r.Records != head.Size || r.Anchors != 1 || r.Heads != 1 {
		t.Fatalf("untouched: %+v, %v", r, err)
	}
	tried, found := 0, 0
	try := func(name, change string, args ...any) {
		t.Helper()
		tx, err := s.writer.Begin()
		must(t, err)
		r, err := tx.Exec(change, args...)
		must(t, err)
		if n, _ := r.RowsAffected(); n == 0 {
			t.Fatalf("%s changed nothing", name)
		}
		must(t, tx.Commit())
		tried++
		if r, err := checkLog(t, path, keys, head.Note); err != nil || !r.OK() {
			found++
		} else {
			t.Errorf("%s was not noticed", name)
		}
	}
	undo := func(change string, args ...any) {
		t.Helper()
		_, err := s.writer.Exec(change, args...)
		must(t, err)
	}
	for seq := int64(1); seq <= head.Size; seq += 7 {
		for _, column := range []string{"actor", "action", "object", "detail"} {
			var old string
			must(t, s.reader.QueryRow(`SELECT `+column+` FROM audit WHERE seq = $1`, seq).Scan(&old))
			for _, bad := range []string{old + "x", old + "\x00", strings.Replace(old+" ", " ", "", 1) + "\n"} {
				try(column, `UPDATE audit SET `+column+` = $1 WHERE seq = $2`, bad, seq)
			}
			undo(`UPDATE audit SET `+column+` = $1 WHERE seq = $2`, old, seq)
		}
		try("at", `UPDATE audit SET at = at + 1 WHERE seq = $1`, seq)
		undo(`UPDATE audit SET at = at - 1 WHERE seq = $1`, seq)
		try("hashes", `UPDATE audit_tree SET hashes = hashes || x'00' WHERE seq = $1`, seq)
		undo(`UPDATE audit_tree SET hashes = substr(hashes, 1, length(hashes) - 1) WHERE seq = $1`, seq)
	}
	last := head.Size
	try("a row moved", `UPDATE audit SET seq = -1 WHERE seq = 20`)
	undo(`UPDATE audit SET seq = 20 WHERE seq = -1`)
	try("a row added", `INSERT INTO audit SELECT $1, at, actor, action, object, detail FROM audit WHERE seq = 3`, last+1)
	undo(`DELETE FROM audit WHERE seq = $1`, last+1)
	try("the head", `UPDATE audit_head SET size = size - 1`)
	undo(`UPDATE audit_head SET size = size + 1`)
	try("a signed head", `UPDATE audit_checkpoints SET note = replace(note, 'at 1', 'at 2')`)
	undo(`UPDATE audit_checkpoints SET note = $1`, head.Note)
	try("a tree row gone", `DELETE FROM audit_tree WHERE seq = 9`)
	undo(`INSERT INTO audit_tree SELECT 9, hashes FROM audit_tree WHERE seq = 11`) // any: the next is worse
	try("the whole end gone", `DELETE FROM audit WHERE seq > 40`)
	undo(`DELETE FROM audit_tree WHERE seq > 40`)
	undo(`DELETE FROM audit_checkpoints`)
	try("the whole end gone, without a trace", `UPDATE audit_head SET size = 40`)
	if tried != found {
		t.Errorf("%d of %d found", found, tried)
	}
	acceptance.Record(t, acceptance.Row{Area: "Audit", Number: "changes of the tables by a DBA: found offline", N: tried, Failures: tried - found,
		Result: fmt.Sprintf("%d of %d: columns, rows, tree, heads, truncation", found, tried)})
}

// T40: a log that cannot be written refuses every change with one code, and
// goes on by itself.
func TestAuditRefuses(t *testing.T) {
	s := open(t)
	decided(t, s, "v", app1)
	for name, c := range map[string]struct{ do, undo string }{
		"no table":      {`ALTER TABLE audit RENAME TO elsewhere`, `ALTER TABLE elsewhere RENAME TO audit`},
		"no tree":       {`ALTER TABLE audit_tree RENAME TO elsewhere`, `ALTER TABLE elsewhere RENAME TO audit_tree`},
		"no head":       {`UPDATE audit_head SET id = 2`, `UPDATE audit_head SET id = 1`},
		"a head behind": {`UPDATE audit_head SET size = size - 1`, `UPDATE audit_head SET size = size + 1`},
	} {
		_, err := s.writer.Exec(c.do)
		must(t, err)
		before := state(t, s, "v").State
		err = second(s.Redeem(ctx, []byte("cred-v"), app1, "", t0+10, entry("redeem")))
		var e *faceproof.Error
		if !errors.As(err, &e) || e.Code != faceproof.CodeUnavailable || e.Field != "audit" {
			t.Errorf("%s: %v", name, err)
		}
		want(t, s.Ping(ctx), faceproof.CodeUnavailable)
		want(t, s.Audit(ctx, entry("portrait.read")), faceproof.CodeUnavailable)
		if after := state(t, s, "v").State; after != before {
			t.Errorf("%s: %s became %s", name, before, after)
		}
		_, err = s.writer.Exec(c.undo)
		must(t, err)
		must(t, s.Ping(ctx))
	}
	held := faceproof.Errorf(faceproof.CodeUnavailable, "audit", "held")
	s.HoldAudit(held)
	if err := s.Audit(ctx, entry("a")); err != error(held) {
		t.Errorf("held: %v", err)
	}
	must(t, s.PutAuditHead(ctx, audit.Checkpoint{Size: 1, Note: "x"})) // heads go on: they are the way out
	s.HoldAudit(nil)
	must(t, second(s.Redeem(ctx, []byte("cred-v"), app1, "", t0+10, entry("redeem"))))
}

// Eight writers of one process and two processes' stores on one file: every
// row is there once, in the tree, and nobody waits for ever.
func TestAuditWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	stores := []*Store{openAt(t, path, true), openAt(t, path, false)}
	const writers, each = 8, 30
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	before, err := stores[0].AuditSize(ctx)
	must(t, err)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := stores[w%2].Audit(limit, faceproof.AuditEntry{At: t0, Actor: "test", Action: "a", Object: fmt.Sprint(w, "-", i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	head := sign(t, stores[0])
	_, keys := auditSigner(t)
	r, err := checkLog(t, path, keys)
	if err != nil || !r.OK() || head.Size != before+writers*each {
		t.Errorf("%+v, %v: %d rows of %d", r, err, head.Size, before+writers*each)
	}
	if n := count(t, stores[0], `SELECT COUNT(DISTINCT object) FROM audit WHERE action = 'a'`); n != writers*each {
		t.Errorf("%d rows of %d", n, writers*each)
	}
}

// A change that is taken back leaves no leaf.
func TestNoLeafWithoutChange(t *testing.T) {
	s := open(t)
	before, err := s.AuditSize(ctx)
	must(t, err)
	want(t, s.Advance(ctx, "none", created, ended, nil, "", t0, entry("advance")), faceproof.CodeNotFound)
	after, err := s.AuditSize(ctx)
	must(t, err)
	if n := count(t, s, `SELECT COUNT(*) FROM audit_tree`); before != after || int64(n) != after {
		t.Errorf("%d records, then %d with %d leaves", before, after, n)
	}
}

// Rows of before the tree come into it when the database is opened; a crash in
// between is taken up where it was, and a number that is missing is told.
func TestAuditMigration(t *testing.T) {
	const old = 2*adoptBatch + 345
	path := filepath.Join(t.TempDir(), "faceproof.db")
	db, err := sql.Open("sqlite", dsn(path))
	must(t, err)
	files, err := fs.Sub(migrations, "migrations")
	must(t, err)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	must(t, err)
	must(t, second(p.UpTo(ctx, 7)))
	tx, err := db.Begin()
	must(t, err)
	for i := 1; i <= old; i++ {
		if i == 1500 {
			continue
		}
		_, err := tx.Exec(`INSERT INTO audit (seq, at, actor, action, object, detail) VALUES ($1, $2, 'cli', 'app.create', $3, '')`, i, t0+int64(i), fmt.Sprint("x", i))
		must(t, err)
	}
	must(t, tx.Commit())
	must(t, second(p.UpTo(ctx, 8)))
	s := &Store{c: Config{}, writer: db, reader: db}
	want(t, s.Audit(ctx, entry("a")), faceproof.CodeUnavailable) // nothing before the old ones
	must(t, s.write(ctx, func(tx *sql.Tx) error { return second(adoptSome(ctx, tx)) }))
	if n, err := s.AuditSize(ctx); err != nil || n != adoptBatch {
		t.Fatalf("%d rows, %v", n, err)
	}
	must(t, db.Close())

	began := time.Now()
	s = openAt(t, path, false)
	took := time.Since(began)
	if n, err := s.AuditSize(ctx); err != nil || n != old {
		t.Fatalf("%d rows of %d, %v", n, old, err)
	}
	must(t, s.Audit(ctx, entry("a")))
	head := sign(t, s)
	_, keys := auditSigner(t)
	if r, err := checkLog(t, path, keys, head.Note); err != nil || !r.OK() || r.Records != old+1 {
		t.Errorf("%+v, %v", r, err)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'audit.gap' AND seq = 1500`); n != 1 {
		t.Errorf("%d rows tell of the gap", n)
	}
	t.Logf("%d rows taken in after a crash, in %v with opening", old-adoptBatch, took)
}

// A view changes no byte of the file.
func TestAuditViewOnlyReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, true)
	sign(t, s)
	must(t, s.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	_, keys := auditSigner(t)
	if r, err := checkLog(t, path, keys); err != nil || !r.OK() {
		t.Fatalf("%+v %v", r, err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
	_, err = checkLog(t, path+"x", keys)
	want(t, err, faceproof.CodeNotFound)
	must(t, os.WriteFile(path+"y", []byte("no database"), 0o600))
	_, err = checkLog(t, path+"y", keys)
	want(t, err, faceproof.CodeUnavailable)
}

// The stored hashes prove records to somebody who has only the proof.
func TestAuditProof(t *testing.T) {
	s := open(t)
	decided(t, s, "v", app1)
	head := sign(t, s)
	_, keys := auditSigner(t)
	recs, err := auditRecords(ctx, s.reader, `seq > 0 ORDER BY seq`)
	must(t, err)
	for _, r := range recs {
		p, err := audit.Prove(r, head.Size, s.AuditHashes(ctx))
		must(t, err)
		if _, _, err := (audit.Proof{Records: []audit.Proven{p}, Checkpoint: head.Note}).Check(keys); err != nil {
			t.Errorf("record %d: %v", r.Seq, err)
		}
	}
	if got, err := s.AuditOf(ctx, "x", 3); err != nil || len(got) != 3 { // the entries of these tests have the object x
		t.Errorf("%v, %v", got, err)
	}
	if root, err := s.AuditRoot(ctx, head.Size); err != nil || root != head.Root || root == (tlog.Hash{}) {
		t.Errorf("%v, %v", root, err)
	}
}

func BenchmarkAudit(b *testing.B) {
	for _, rows := range []int{0, 20_000} {
		b.Run(fmt.Sprint(rows, " rows before"), func(b *testing.B) {
			s := open(b)
			must(b, s.write(ctx, func(tx *sql.Tx) error {
				for range rows {
					if err := addAudit(ctx, tx, entry("a")); err != nil {
						return err
					}
				}
				return nil
			}))
			tx, err := s.writer.Begin()
			must(b, err)
			defer tx.Rollback()
			for b.Loop() {
				must(b, addAudit(ctx, tx, entry("portrait.read")))
			}
		})
	}
}

// How long a log of FACEPROOF_MEASURE rows takes to come into the tree and to
// be checked.
func TestAuditSpeed(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("FACEPROOF_MEASURE"))
	if n < 1000 {
		t.Skip("FACEPROOF_MEASURE says how many rows")
	}
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, true)
	tx, err := s.writer.Begin()
	must(t, err)
	var size int64
	must(t, tx.QueryRow(`SELECT size FROM audit_head`).Scan(&size))
	for i := range n {
		_, err := tx.Exec(`INSERT INTO audit (seq, at, actor, action, object, detail) VALUES ($1, $2, 'app:wx00000000000000a1', 'verification.create', $3, '')`, size+int64(i)+1, t0, fmt.Sprintf("%032x", i))
		must(t, err)
	}
	_, err = tx.Exec(`UPDATE audit_head SET old = $1`, size+int64(n))
	must(t, err)
	must(t, tx.Commit())
	began := time.Now()
	must(t, s.adoptAudit(ctx))
	adopted := time.Since(began)
	head := sign(t, s)
	_, keys := auditSigner(t)
	began = time.Now()
	r, err := checkLog(t, path, keys, head.Note)
	must(t, err)
	if !r.OK() || r.Records != size+int64(n) {
		t.Errorf("%+v", r)
	}
	t.Logf("%d rows: into the tree in %v, checked in %v", n, adopted, time.Since(began))
}
