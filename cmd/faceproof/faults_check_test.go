//go:build failpoint

package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/keys"
)

// steps are the audit rows of a 1.0 verification's life, with the state that
// each leads to.
var steps = []struct {
	state  faceproof.State
	action string
}{
	{faceproof.StateCreated, "verification.create"}, {faceproof.StateCapturing, "capture.begin"}, {faceproof.StateCaptured, "verification.captured"},
	{faceproof.StateDecided, "verification.decide"}, {faceproof.StateRedeemed, "credential.redeem"},
}

// inspect compares the database with itself and with what clients were told.
func (l *ledger) inspect(t testing.TB, dir string) []string {
	t.Helper()
	u := url.URL{Scheme: "file", Path: filepath.Join(dir, databaseFile), RawQuery: "_pragma=busy_timeout(10000)&_pragma=query_only(1)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var check string
	if err := db.QueryRow(`PRAGMA quick_check`).Scan(&check); err != nil || check != "ok" {
		return []string{fmt.Sprint("differs: the file: ", check, err)}
	}
	// One reading transaction: the server may be working.
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	log := map[string][]string{}
	each(t, tx, `SELECT object, action FROM audit WHERE object <> '' ORDER BY seq`, func(scan func(...any)) {
		var object, action string
		scan(&object, &action)
		if slices.ContainsFunc(steps, func(s struct {
			state  faceproof.State
			action string
		}) bool {
			return s.action == action
		}) || action == "verification.ended" || action == "verification.end" {
			log[object] = append(log[object], action)
		}
	})
	credentials := map[string]string{}
	each(t, tx, `SELECT verification_id, hash FROM credentials`, func(scan func(...any)) {
		var id string
		var hash []byte
		scan(&id, &hash)
		if _, twice := credentials[id]; twice {
			l.wrong = append(l.wrong, "doubled: "+id+" has two credentials")
		}
		credentials[id] = string(hash)
	})
	var wrong []string
	state, verifyIDs := map[string]faceproof.State{}, map[string]string{}
	each(t, tx, `SELECT id, state, out_seq_no, verify_id_hash FROM verifications`, func(scan func(...any)) {
		var id, s, seq string
		var hash []byte
		scan(&id, &s, &seq, &hash)
		state[id] = faceproof.State(s)
		if seq != "" {
			verifyIDs[seq] = string(hash)
		}
		if !lifeFits(faceproof.State(s), log[id]) {
			wrong = append(wrong, fmt.Sprintf("differs: %s is %s, the audit log says %v", id, s, log[id]))
		}
	})
	for id := range log {
		if _, ok := state[id]; !ok && slices.Contains(log[id], "verification.create") {
			wrong = append(wrong, "differs: "+id+" is only in the audit log")
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, credential := range l.passes {
		if s := state[id]; s != faceproof.StateDecided && s != faceproof.StateRedeemed {
			wrong = append(wrong, fmt.Sprintf("lost: %s passed and is %q", id, s))
		} else if hash, ok := credentials[id]; ok && hash != string(keys.HashToken(credential)) {
			wrong = append(wrong, "doubled: "+id+" has another credential")
		}
	}
	for id := range l.redeemed {
		if state[id] != faceproof.StateRedeemed {
			wrong = append(wrong, fmt.Sprintf("lost: %s was redeemed and is %q", id, state[id]))
		}
	}
	for seq, id := range l.orders {
		if verifyIDs[seq] != string(keys.HashToken(id)) {
			wrong = append(wrong, "lost: order "+seq)
		}
	}
	wrong = append(wrong, l.wrong...)
	l.wrong = nil
	return wrong
}

// lifeFits says whether the audit log has exactly the rows of a verification in
// the state. One that ended may have ended anywhere before the decision.
func lifeFits(s faceproof.State, log []string) bool {
	want := []string{}
	for _, step := range steps {
		want = append(want, step.action)
		if step.state == s {
			return slices.Equal(log, want)
		}
	}
	if s != faceproof.StateEnded || len(log) == 0 {
		return false
	}
	last := log[len(log)-1]
	rest := log[:len(log)-1]
	return (last == "verification.ended" || last == "verification.end") && len(rest) <= 3 && slices.Equal(rest, want[:len(rest)])
}

// stuck are the verifications that are in the middle of a capture.
func stuck(t testing.TB, dir string) (ids []string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	each(t, db, `SELECT id, state FROM verifications WHERE state IN ('capturing', 'captured')`, func(scan func(...any)) {
		var id, s string
		scan(&id, &s)
		ids = append(ids, id+" "+s)
	})
	return ids
}

func each(t testing.TB, q interface {
	Query(string, ...any) (*sql.Rows, error)
}, query string, f func(scan func(...any))) {
	t.Helper()
	rows, err := q.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		f(func(to ...any) {
			if err := rows.Scan(to...); err != nil {
				t.Fatal(err)
			}
		})
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// some joins the first of many.
func some(wrong []string) string {
	if len(wrong) > 5 {
		wrong = append(slices.Clone(wrong[:5]), fmt.Sprint("and ", len(wrong)-5, " more"))
	}
	return strings.Join(wrong, "; ")
}
