//go:build failpoint

package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/failpoint"
)

// told is what a script's caller was told of a verification: the last step that
// was acknowledged, and whether a later one was tried.
type told struct {
	state faceproof.State
	tried bool
}

// script takes verifications through their lives on the database at path until
// something fails, and gives what it was told. It must not panic.
func script(path string, rounds int) (map[string]told, error) {
	heard := map[string]told{}
	s, err := Open(ctx, Config{Path: path, KeyID: "k", Now: func() time.Time { return time.UnixMilli(t0) }})
	if err != nil {
		return heard, err
	}
	defer s.Close()
	if err := s.CreateApp(ctx, faceproof.App{ID: app1, Name: "shop", Notice: faceproof.Notice{Handler: "h", RetentionDays: 30}}, []byte("hash")); err != nil && faceproof.ErrorCode(err) != faceproof.CodeConflict {
		return heard, err
	}
	for i := range rounds {
		id := fmt.Sprintf("v%d-%d", time.Now().UnixNano(), i)
		for _, step := range []struct {
			to faceproof.State
			do func() error
		}{
			{faceproof.StateCreated, func() error { return s.CreateVerification(ctx, newVerification(id, app1), of("create", id)) }},
			{faceproof.StateCapturing, func() error { return begin(s, id) }},
			{faceproof.StateCaptured, func() error {
				return s.Advance(ctx, id, faceproof.StateCapturing, faceproof.StateCaptured, nil, "", t0+2, of("captured", id))
			}},
			{faceproof.StateDecided, func() error {
				return s.Decide(ctx, id, []byte(`{"outcome":"pass"}`), []byte(`{"n":1}`), true,
					faceproof.Credential{Hash: []byte("cred-" + id), VerificationID: id, AppID: app1, ExpiresAt: t0 + 300_000}, t0+3, of("decide", id))
			}},
			{faceproof.StateRedeemed, func() error {
				return second(s.Redeem(ctx, []byte("cred-"+id), app1, "", t0+10, of("redeem", id)))
			}},
		} {
			heard[id] = told{heard[id].state, true}
			if err := step.do(); err != nil {
				return heard, err
			}
			heard[id] = told{step.to, false}
		}
	}
	return heard, second(s.Sweep(ctx, t0+20))
}

func begin(s *Store, id string) error {
	return second(s.BeginCapture(ctx, id, []byte("token-"+id), faceproof.Consent{Notice: "consent"}, t0+1, of("begin", id)))
}

func of(action, id string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: t0, Actor: "test", Action: action, Object: id}
}

// lives are the states in their order; the audit log has one row for each that
// a verification has reached, and no other.
var lives = []struct {
	state  faceproof.State
	action string
}{{faceproof.StateCreated, "create"}, {faceproof.StateCapturing, "begin"}, {faceproof.StateCaptured, "captured"}, {faceproof.StateDecided, "decide"}, {faceproof.StateRedeemed, "redeem"}}

func reached(s faceproof.State) int {
	for i, l := range lives {
		if l.state == s {
			return i + 1
		}
	}
	return 0
}

// broke compares the database at path with what callers were told and gives
// what is wrong: lost, doubled, or a state that the audit log does not say.
func broke(path string, heard map[string]told) (wrong []string) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return []string{err.Error()}
	}
	defer db.Close()
	var check string
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&check); err != nil || check != "ok" {
		return []string{fmt.Sprint("integrity: ", check, err)}
	}
	var tables int
	if err := db.QueryRow(`SELECT COUNT(*) FROM sqlite_master WHERE name = 'verifications'`).Scan(&tables); err != nil || tables == 0 {
		if len(heard) > 0 {
			return []string{fmt.Sprint("no tables: ", err)}
		}
		return nil
	}
	rows, err := db.Query(`SELECT id, state, (SELECT COUNT(*) FROM credentials c WHERE c.verification_id = v.id),
		(SELECT COALESCE(group_concat(action, ' '), '') FROM (SELECT action FROM audit WHERE object = v.id ORDER BY seq)) FROM verifications v`)
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	seen := map[string]bool{}
	for rows.Next() {
		var id, state, log string
		var credentials int
		if err := rows.Scan(&id, &state, &credentials, &log); err != nil {
			return []string{err.Error()}
		}
		seen[id] = true
		is := reached(faceproof.State(state))
		want := ""
		for _, l := range lives[:is] {
			want += " " + l.action
		}
		if log != strings.TrimSpace(want) {
			wrong = append(wrong, fmt.Sprintf("%s is %s, the audit log says %q", id, state, log))
		}
		if has := reached(faceproof.StateDecided) <= is; has != (credentials == 1) || credentials > 1 {
			wrong = append(wrong, fmt.Sprintf("%s is %s with %d credentials", id, state, credentials))
		}
		h := heard[id]
		if was := reached(h.state); is < was || is > was+1 || is == was+1 && !h.tried {
			wrong = append(wrong, fmt.Sprintf("%s: told %q, is %s", id, h.state, state))
		}
	}
	for id, h := range heard {
		if h.state != "" && !seen[id] {
			wrong = append(wrong, fmt.Sprintf("%s: told %q, is lost", id, h.state))
		}
	}
	return wrong
}

// calls counts what a script passes on a database that starts as template.
func calls(t *testing.T, template []byte, rounds int) map[string]int {
	t.Helper()
	dir := memory(t)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "faceproof.db")
	if template != nil {
		must(t, os.WriteFile(path, template, 0o600))
	}
	must(t, failpoint.Set(""))
	heard, err := script(path, rounds)
	must(t, err)
	if len(heard) != rounds {
		t.Fatalf("%d verifications of %d", len(heard), rounds)
	}
	return failpoint.Count()
}

// full says whether to try everything: make faults.
var full = os.Getenv("FACEPROOF_FAULTS") == "full"

// T40, n-th I/O failure: every call of the database to its files fails once, and
// from there on; so does every commit, before and after it is done. Nothing
// panics, what was told is there, nothing is half made, and with a healthy disk
// the same file goes on.
func TestFaultsIO(t *testing.T) {
	t.Cleanup(func() { _ = failpoint.Set("") })
	step, starts := 7, map[string][]byte{"made": prepared(t)}
	if full {
		step, starts["fresh"] = 1, nil // all the steps of the schema too, each tried again some times
	}
	row := acceptance.Row{Area: "n-th I/O failure", Number: "call n of the database to its files, and every commit, fails, for all n, once, and on an existing database for good too: 0 panics, 0 half-made states, works again"}
	refused := 0
	for start, template := range starts {
		n := calls(t, template, 2)
		for _, point := range []string{"io", "store.commit", "store.answer"} {
			for i := 1; i <= n[point]; i += step {
				for _, how := range []string{"", "+"} {
					if template == nil && how == "+" {
						continue // a disk that is dead from the start makes no database
					}
					row.N++
					wrong, failed := ioCase(t, fmt.Sprintf("%s=error:%d%s", point, i, how), template, 2)
					if failed {
						refused++
					}
					if len(wrong) > 0 {
						row.Failures++
						t.Errorf("%s, %s %d%s: %s", start, point, i, how, strings.Join(wrong, "; "))
					}
				}
			}
		}
		row.Result += fmt.Sprintf("%s database: %d calls to files, %d commits; ", start, n["io"], n["store.commit"])
	}
	if refused < row.N/3 {
		t.Errorf("only %d of %d failures reached a caller", refused, row.N)
	}
	row.Result += fmt.Sprintf("%d of %d failures reached a caller as an error, the rest were tried again or harmless", refused, row.N)
	t.Log(row.Result)
	if full {
		acceptance.Record(t, row)
	}
}

// prepared is a database with its tables.
func prepared(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "faceproof.db")
	openAt(t, path, true).Close()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// ioCase runs a script with a failpoint on a fresh file, then once without.
func ioCase(t *testing.T, failpoints string, template []byte, rounds int) (wrong []string, failed bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			wrong = append(wrong, fmt.Sprint("panic: ", r))
		}
	}()
	dir := memory(t)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "faceproof.db")
	if template != nil {
		must(t, os.WriteFile(path, template, 0o600))
	}
	must(t, failpoint.Set(failpoints))
	heard, err := script(path, rounds)
	if failed = err != nil; failed {
		var own *faceproof.Error
		if !errors.As(err, &own) {
			wrong = append(wrong, "an error without a code: "+err.Error())
		}
	}
	must(t, failpoint.Set(""))
	wrong = append(wrong, broke(path, heard)...)
	if more, err := script(path, 1); err != nil || len(more) != 1 {
		wrong = append(wrong, fmt.Sprint("does not recover: ", err))
	}
	return wrong, failed
}

// The same check sees a build that answers before it commits, and one whose
// change and audit row are two transactions.
func TestFaultsIOControl(t *testing.T) {
	t.Cleanup(func() { _ = failpoint.Set("") })
	for _, control := range []string{"store.early", "store.split"} {
		t.Run(control, func(t *testing.T) {
			cases, noticed, template := 0, 0, prepared(t)
			for i := 1; i <= 60; i++ {
				wrong, failed := ioCase(t, fmt.Sprintf("%s=on:1+;io.sync=error:%d+", control, i), template, 1)
				if !failed && len(wrong) == 0 {
					break // there are no more
				}
				cases++
				if len(wrong) > 0 {
					noticed++
				}
			}
			row := acceptance.Row{Area: "n-th I/O failure", Control: true, N: 1, Number: control + ": noticed in at least one n",
				Result: fmt.Sprintf("noticed at %d of %d syncs", noticed, cases)}
			t.Log(row.Result)
			if noticed == 0 {
				row.Failures = 1
				t.Error("the check does not notice it")
			}
			if full {
				acceptance.Record(t, row)
			}
		})
	}
}

// memory is a folder for many small databases: in memory where there is one,
// since here the file layer fails and not the disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "faults")
	if err != nil {
		dir, err = os.MkdirTemp("", "faults")
	}
	must(t, err)
	return dir
}
