package store

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"faceproof"
)

// macSize is the length of one MAC. A decision has three, one behind the other:
// over what was decided, over the evidence, which retention takes away sooner,
// and over the credential, which is gone after its use.
const macSize = 32

// macFields puts fields one behind the other so that no two lists give the same
// bytes: each with its length before it.
func macFields(kind string, fields ...string) []byte {
	var b []byte
	for _, f := range append([]string{kind}, fields...) {
		b = append(binary.BigEndian.AppendUint64(b, uint64(len(f))), f...)
	}
	return b
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// macs makes the three MACs. What changes after the decision is not in them:
// the state, redemption, mismatches, the portrait, the sealed subject.
func (s *Store) macs(v faceproof.Verification, credential []byte) []byte {
	mac := func(kind string, fields ...string) []byte { return s.c.MAC(macFields(kind, fields...)) }
	return slices.Concat(
		mac("decision", v.ID, string(v.AppID), number(int64(v.Generation)), number(int64(v.Alive)), v.OutSeqNo, v.OpenID, string(v.SubjectIndex), v.CertHash,
			string(v.VerifyIDHash), string(v.TokenHash), number(v.CreatedAt), number(v.ExpiresAt), v.Consent, number(v.StartedAt), number(v.FinishedAt), string(v.Decision)),
		mac("evidence", v.ID, string(v.Evidence)),
		mac("credential", v.ID, string(v.AppID), string(credential)))
}

// sealDecision writes the MACs of a decision, in the transaction that makes it.
func (s *Store) sealDecision(ctx context.Context, tx *sql.Tx, id string, credential []byte) error {
	if s.c.MAC == nil {
		return nil
	}
	v, err := scanVerification(tx.QueryRowContext(ctx, `SELECT `+verificationColumns+` FROM verifications WHERE id = $1`, id))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE verifications SET decision_mac = $2 WHERE id = $1`, id, s.macs(v, credential))
	return err
}

// errDecision says that somebody changed a decision behind our back.
func errDecision() error {
	return faceproof.Errorf(faceproof.CodeInternal, "decision", "a stored decision was changed; it is not told")
}

// checkDecision passes on what was read when it is what was decided. credential
// is its hash when one was brought.
func (s *Store) checkDecision(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, v faceproof.Verification, credential []byte) (faceproof.Verification, error) {
	if s.c.MAC == nil || v.State != faceproof.StateDecided && v.State != faceproof.StateRedeemed && v.Decision == nil {
		return v, nil
	}
	var have []byte
	err := q.QueryRowContext(ctx, `SELECT decision_mac FROM verifications WHERE id = $1`, v.ID).Scan(&have)
	if errors.Is(err, sql.ErrNoRows) {
		return faceproof.Verification{}, notFound("verification")
	}
	if err != nil {
		return faceproof.Verification{}, fail(err)
	}
	want := s.macs(v, credential)
	if len(have) != len(want) {
		return faceproof.Verification{}, errDecision()
	}
	for i := 0; i < len(want); i += macSize {
		gone := i == macSize && v.Evidence == nil || i == 2*macSize && credential == nil
		if !gone && !hmac.Equal(have[i:i+macSize], want[i:i+macSize]) {
			return faceproof.Verification{}, errDecision()
		}
	}
	return v, nil
}

// redeemedBefore says whether the audit log knows of a redemption: a DBA who
// sets a credential and its verification back opens neither again.
func redeemedBefore(ctx context.Context, tx *sql.Tx, id, action string) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM audit WHERE object = $1 AND action = $2 LIMIT 1) AS found`, id, action).Scan(&n)
	return n > 0, noAudit(err)
}

// sealOldDecisions gives the decisions of before the MACs theirs, once.
func (s *Store) sealOldDecisions(ctx context.Context) error {
	if s.c.MAC == nil {
		return nil
	}
	for done := false; !done; {
		err := s.write(ctx, func(tx *sql.Tx) error {
			var n int
			if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM meta WHERE name = 'decision_macs'`).Scan(&n); err != nil || n > 0 {
				done = err == nil
				return err
			}
			return s.sealSomeDecisions(ctx, tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sealSomeDecisions(ctx context.Context, tx *sql.Tx) error {
	old, err := ids(ctx, tx, `SELECT id FROM verifications WHERE state IN ('decided', 'redeemed') AND decision_mac IS NULL LIMIT $1`, batch)
	if err != nil {
		return err
	}
	for _, id := range old {
		var hash []byte
		err := tx.QueryRowContext(ctx, `SELECT hash FROM credentials WHERE verification_id = $1`, id).Scan(&hash)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := s.sealDecision(ctx, tx, id, hash); err != nil {
			return err
		}
	}
	if len(old) == batch {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('decision_macs', '1')`); err != nil {
		return err
	}
	return addAudit(ctx, tx, s.entry("", "decisions.sealed", "", ""))
}
