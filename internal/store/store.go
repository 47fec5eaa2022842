// Package store keeps what must survive a restart in one SQLite database: apps,
// tokens, verifications, credentials, the registry and the audit log. The SQL
// text is portable to PostgreSQL.
//
// Every change of state and its audit row are one transaction, and every change
// is a compare-and-swap: one conditional UPDATE whose row count decides who
// won. Errors are *faceproof.Error; CodeUnavailable means that nothing was
// changed and that the caller may try again.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"faceproof"
	"faceproof/internal/failpoint"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers bounds the connections that only read; SQLite in WAL mode lets them
// go on beside the one writer.
const readers = 4

// Config says which database and how it is kept.
type Config struct {
	// Path is the SQLite file, made (0600) when absent; its folder must exist.
	Path string
	// KeyID names the key ring (keys.Ring.ID). The database remembers the first
	// and refuses another: what was sealed could not be opened. Empty: not
	// checked.
	KeyID string
	// MAC is keyed by what is outside the database, 32 bytes; decisions are bound
	// by it and refused when they were changed. nil: they are not.
	MAC func(data []byte) []byte
	// Actor is written into the audit log where a call brings no entry of its
	// own. Default "cli".
	Actor string
	// CaptureLimit ends a verification whose capture began longer ago and was
	// not decided: its socket or its server is gone. Default 15 minutes.
	CaptureLimit time.Duration
	// PortraitLimit is how long after the decision a portrait is kept for
	// getimage. Default 5 minutes, the life of a credential.
	PortraitLimit time.Duration
	// Retention is how long the server keeps each class; what it does not name
	// is as faceproof.RetentionRules say. An app may ask for less.
	Retention faceproof.Retention
	// CheckDeletion refuses a line of the list of deletions that was not made with
	// the key ring (keys.Ring.CheckDeletion). nil: not checked.
	CheckDeletion func(faceproof.Deletion) error
	// DeletionsLost opens a database whose list of deletions is lost in part.
	DeletionsLost bool
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: silent
}

// Store is the database. It is safe for concurrent use, by several processes
// on one machine too.
type Store struct {
	c      Config
	writer *sql.DB // one connection, BEGIN IMMEDIATE
	reader *sql.DB

	keys      *sql.DB // of persons, in a file of their own; one connection
	keyReader *sql.DB

	held    atomic.Pointer[error] // why nothing may be written; see HoldAudit
	onAudit func()
}

// Open opens the database, brings its tables up to date and checks that the
// audit log can be written: without it nothing else may be.
// Errors: CodeUnavailable when the file cannot be used; CodeConflict when it
// was made by a newer version or with other keys.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Actor == "" {
		c.Actor = "cli"
	}
	if c.CaptureLimit == 0 {
		c.CaptureLimit = 15 * time.Minute
	}
	if c.PortraitLimit == 0 {
		c.PortraitLimit = 5 * time.Minute
	}
	if err := faceproof.CheckRetention(c.Retention, false, "retain"); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	// SQLite would make the file with the umask's mode.
	f, err := os.OpenFile(c.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the database cannot be opened: " + err.Error(), Err: err}
	}
	f.Close()
	s := &Store{c: c}
	if err := s.connect(); err != nil {
		return nil, fail(err)
	}
	if err := s.prepare(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Store) connect() (err error) {
	if s.writer, err = openSQLite(dsn(s.c.Path, "_txlock", "immediate")); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if s.reader, err = openSQLite(dsn(s.c.Path, "_pragma", "query_only(1)")); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(readers)
	s.reader.SetMaxIdleConns(readers)
	return nil
}

// dsn names the file so that any path works, and sets what every connection
// needs. synchronous=FULL makes a commit survive a power cut: the answer goes
// out after it.
func dsn(path string, extra ...string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)"}}
	for i := 0; i < len(extra); i += 2 {
		q.Add(extra[i], extra[i+1])
	}
	if failpoint.On {
		q.Set("vfs", vfs)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return u.String()
}

func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if err := s.adoptAudit(ctx); err != nil {
		return err
	}
	if err := s.checkAudit(ctx); err != nil {
		return err
	}
	if err := s.checkKeys(ctx); err != nil {
		return err
	}
	if err := s.sealOldDecisions(ctx); err != nil {
		return err
	}
	if err := s.openKeys(ctx); err != nil {
		return err
	}
	if err := s.addDecoy(ctx); err != nil {
		return err
	}
	return s.replayDeletions(ctx)
}

// migrate brings the tables up to date. Two processes may start at once: the
// loser of a step finds it done and goes on.
func (s *Store) migrate(ctx context.Context) error {
	return s.migrateTo(ctx, s.writer, migrations, "migrations")
}

func (s *Store) migrateTo(ctx context.Context, db *sql.DB, steps embed.FS, folder string) error {
	files, err := fs.Sub(steps, folder)
	if err != nil {
		return fail(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return fail(err)
	}
	for try := 0; ; try++ {
		have, want, err := p.GetVersions(ctx)
		if err == nil && have > want {
			return faceproof.Errorf(faceproof.CodeConflict, "data",
				"the database was made by a newer version of faceproof (schema %d, this one knows %d)", have, want)
		}
		if err == nil && have == want {
			return nil
		}
		if err == nil {
			if _, err = p.Up(ctx); err == nil {
				return nil
			}
		}
		if try == 4 || ctx.Err() != nil {
			return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the database cannot be brought up to date: " + reason(err), Err: err}
		}
		time.Sleep(time.Duration(50<<try) * time.Millisecond)
	}
}

// checkAudit writes a row and takes it back: a database whose audit log is
// missing, damaged or full is of no use.
func (s *Store) checkAudit(ctx context.Context) error {
	back := errors.New("taken back")
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := addAudit(ctx, tx, faceproof.AuditEntry{Actor: s.c.Actor, Action: "store.open"}); err != nil {
			return err
		}
		return back
	})
	if errors.Is(err, back) {
		return nil
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the audit log cannot be written, so nothing may be: " + reason(err), Err: err}
}

// checkKeys binds the database to the key ring.
func (s *Store) checkKeys(ctx context.Context) error {
	if s.c.KeyID == "" {
		return nil
	}
	var id string
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('key_id', $1) ON CONFLICT (name) DO NOTHING`, s.c.KeyID); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'key_id'`).Scan(&id)
	})
	if err != nil {
		return err
	}
	if id != s.c.KeyID {
		return faceproof.Errorf(faceproof.CodeConflict, "data", "the database was made with another key file; restore the key file that belongs to it")
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.keyReader, s.keys, s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Ping says whether the database can be written now. Errors: CodeUnavailable.
func (s *Store) Ping(ctx context.Context) error { return s.checkAudit(ctx) }

// write runs f in the one write transaction, unless the audit log is held. f's
// error takes everything back. Errors are f's own when they are
// *faceproof.Error, else the engine's class.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	if held := s.held.Load(); held != nil && *held != nil {
		return *held
	}
	err := s.commit(ctx, f)
	if err == nil && s.onAudit != nil {
		s.onAudit()
	}
	return err
}

// commit is write where nothing is held.
func (s *Store) commit(ctx context.Context, f func(*sql.Tx) error) error {
	return s.writeTo(ctx, s.writer, f)
}

// writeTo is commit for either database.
func (s *Store) writeTo(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	if failpoint.On && failpoint.Broken("store.early") {
		return writeEarly(db, f)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fail(err)
	}
	if err := f(tx); err != nil {
		if e := tx.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
			s.c.Log.Error("rollback failed", "error", e)
		}
		return fail(err)
	}
	if err := failpoint.Hit("store.commit"); err != nil {
		return fail(errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fail(err)
	}
	return fail(failpoint.Hit("store.answer")) // committed, and nobody hears of it
}

// change runs statements and the audit row that describes them.
func (s *Store) change(ctx context.Context, a faceproof.AuditEntry, f func(*sql.Tx) error) error {
	if failpoint.On && failpoint.Broken("store.split") { // a control: the change and its audit row are two transactions
		if err := s.write(ctx, f); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
		return s.Audit(ctx, a)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return addAudit(ctx, tx, a)
	})
}

// coded is the engine's error; PostgreSQL's has a string instead.
type coded interface{ Code() int }

// fail gives an error its class. The messages of the engine name tables and
// columns, never values, but they stay in the cause.
func fail(err error) error {
	var own *faceproof.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	var c coded
	if errors.As(err, &c) && c.Code()&0xff == sqliteConstraint {
		return &faceproof.Error{Code: faceproof.CodeConflict, Message: "it exists already", Err: err}
	}
	if errors.As(err, &c) && c.Code()&0xff == sqliteError {
		return &faceproof.Error{Code: faceproof.CodeInternal, Message: "the database refused a statement", Err: err}
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Message: "the database does not answer: " + reason(err), Err: err}
}

// Result codes of SQLite (https://www.sqlite.org/rescode.html), low byte.
const (
	sqliteError      = 1
	sqliteBusy       = 5
	sqliteReadOnly   = 8
	sqliteIO         = 10
	sqliteCorrupt    = 11
	sqliteFull       = 13
	sqliteCantOpen   = 14
	sqliteConstraint = 19
	sqliteNotADB     = 26
)

// reason puts the engine's error into words for an operator.
func reason(err error) string {
	var c coded
	if !errors.As(err, &c) {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return "the caller gave up"
		}
		return "see the cause in the log"
	}
	words := map[int]string{
		sqliteBusy: "it is locked by another process", sqliteReadOnly: "it is read-only", sqliteIO: "the disk fails",
		sqliteCorrupt: "the file is damaged", sqliteFull: "the disk is full", sqliteCantOpen: "the file cannot be opened",
		sqliteNotADB: "the file is no database",
	}
	if w, ok := words[c.Code()&0xff]; ok {
		return w
	}
	return fmt.Sprintf("SQLite code %d", c.Code())
}

// notFound is the one answer for unknown, foreign, expired and used.
func notFound(what string) error {
	return faceproof.Errorf(faceproof.CodeNotFound, "", "no such %s", what)
}

// list writes $1, $2, … $n.
func list(n int) string {
	marks := make([]string, n)
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	return strings.Join(marks, ", ")
}
