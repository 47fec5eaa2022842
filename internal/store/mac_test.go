package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

func testMAC(data []byte) []byte {
	h := hmac.New(sha256.New, []byte("key"))
	h.Write(data)
	return h.Sum(nil)
}

func openMAC(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(ctx, Config{Path: path, MAC: testMAC, Now: func() time.Time { return time.UnixMilli(t0) }})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// T19: a DBA changes a column of a decision, in 1,000 rows: it is refused when
// it is read, by id, by its credential, and when it is redeemed. What changes in
// an honest life is not refused.
func TestChangedDecisions(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	const rows = 1000
	s := openMAC(t, filepath.Join(t.TempDir(), "db"))
	must(t, s.CreateApp(ctx, faceproof.App{ID: app1, Name: "shop", Notice: faceproof.Notice{Handler: "h", RetentionDays: 30}}, []byte("h")))
	decided(t, s, "0", app1)
	// The others are copies of one, decided by us.
	tx, err := s.writer.Begin()
	must(t, err)
	for i := 1; i < rows; i++ {
		id := fmt.Sprint(i)
		_, err := tx.Exec(`INSERT INTO verifications (`+verificationColumns+`, portrait_due) SELECT $1, app_id, generation, state, alive, $1, openid, subject_sealed, subject_index, cert_hash,
			$2, token_hash, created_at, expires_at, consent, started_at, finished_at, decision, evidence, end_reason, portrait, redeemed_at, mismatches, 0 FROM verifications WHERE id = '0'`, id, []byte("vid-"+id))
		must(t, err)
		_, err = tx.Exec(`INSERT INTO credentials (hash, verification_id, app_id, expires_at, used_at) SELECT $1, $2, app_id, expires_at, 0 FROM credentials WHERE verification_id = '0'`, []byte("cred-"+id), id)
		must(t, err)
		must(t, s.sealDecision(ctx, tx, id, []byte("cred-"+id)))
	}
	must(t, tx.Commit())
	columns := []string{"app_id = 'wx00000000000000a2'", "generation = 2", "alive = 2", "out_seq_no = out_seq_no || 'x'", "openid = 'p'", "subject_index = x'00'", "cert_hash = 'c'",
		"verify_id_hash = x'00' || verify_id_hash", "token_hash = x'00'", "created_at = created_at + 1", "expires_at = expires_at + 1", "consent = 'other'", "started_at = started_at + 1",
		"finished_at = finished_at + 1", `decision = '{"outcome":"fail"}'`, "decision = NULL", "evidence = '{}'", "decision_mac = NULL", "decision_mac = x'00'", "decision_mac = (SELECT decision_mac FROM verifications WHERE id = '0')"}
	found := 0
	for i := 1; i < rows; i++ {
		id, change := fmt.Sprint(i), columns[i%len(columns)]
		_, err := s.writer.Exec(`UPDATE verifications SET `+change+` WHERE id = $1`, id)
		must(t, err)
		var errs [3]error
		_, errs[0] = s.Verification(ctx, faceproof.VerificationKey{ID: id})
		_, errs[1] = s.Verification(ctx, faceproof.VerificationKey{CredentialHash: []byte("cred-" + id)})
		_, errs[2] = s.Redeem(ctx, []byte("cred-"+id), app1, "", t0+10, faceproof.AuditEntry{Action: "credential.redeem"})
		if errs[0] != nil && errs[1] != nil && errs[2] != nil {
			found++
		} else {
			t.Errorf("%s: %v", change, errs)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Audit", Number: "every changed column of a decision (T19): refused when it is read", N: rows - 1, Failures: rows - 1 - found,
		Result: fmt.Sprintf("%d of %d changed rows refused, %d kinds of change", found, rows-1, len(columns))})
	// The honest life of the one that is left.
	must(t, second(s.Redeem(ctx, []byte("cred-0"), app1, "order", t0+10, faceproof.AuditEntry{Action: "credential.redeem"})))
	must(t, second(s.Replay(ctx, []byte("cred-0"), app1, "order", t0+20, faceproof.AuditEntry{Action: "credential.replay"})))
	_, err = s.writer.Exec(`UPDATE verifications SET evidence = NULL, subject_sealed = x'', portrait = 0 WHERE id = '0'`)
	must(t, err)
	if v := state(t, s, "0"); v.State != redeemed {
		t.Errorf("%+v", v)
	}
	// A credential that is set back, with everything around it, is not used twice,
	// and one is not given more time.
	_, err = s.writer.Exec(`UPDATE credentials SET used_at = 0, redeem_seq = '', expires_at = 9e15; UPDATE verifications SET state = 'decided', redeemed_at = 0 WHERE id = '0'`)
	must(t, err)
	want(t, second(s.Redeem(ctx, []byte("cred-0"), app1, "", t0+20, faceproof.AuditEntry{Action: "credential.redeem"})), faceproof.CodeNotFound)
	decided(t, s, "late", app1)
	_, err = s.writer.Exec(`UPDATE credentials SET expires_at = 9e15 WHERE hash = $1`, []byte("cred-late"))
	must(t, err)
	want(t, second(s.Redeem(ctx, []byte("cred-late"), app1, "", t0+3+300_000, faceproof.AuditEntry{Action: "credential.redeem"})), faceproof.CodeNotFound)
	// A credential that points at somebody else's pass opens nothing.
	decided(t, s, "mine", app1)
	decided(t, s, "theirs", app1)
	_, err = s.writer.Exec(`UPDATE credentials SET verification_id = 'theirs' WHERE hash = $1`, []byte("cred-mine"))
	must(t, err)
	want(t, second(s.Redeem(ctx, []byte("cred-mine"), app1, "", t0+10, faceproof.AuditEntry{Action: "credential.redeem"})), faceproof.CodeInternal)
}

// Decisions of before the MACs get theirs when the database is opened, once:
// taking a MAC away later is no way around it.
func TestOldDecisionsAreSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	s := openAt(t, path, true)
	decided(t, s, "v", app1)
	s.Close()
	s = openMAC(t, path)
	must(t, second(s.Redeem(ctx, []byte("cred-v"), app1, "", t0+10, faceproof.AuditEntry{Action: "credential.redeem"})))
	_, err := s.writer.Exec(`UPDATE verifications SET decision_mac = NULL`)
	must(t, err)
	s.Close()
	s = openMAC(t, path)
	_, err = s.Verification(ctx, faceproof.VerificationKey{ID: "v"})
	want(t, err, faceproof.CodeInternal)
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'decisions.sealed'`); n != 1 {
		t.Errorf("sealed %d times", n)
	}
}
