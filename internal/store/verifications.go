package store

import (
	"cmp"
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"faceproof"
	"faceproof/internal/failpoint"
)

const verificationColumns = `id, app_id, generation, state, alive, out_seq_no, openid, subject_sealed, subject_index, cert_hash,
	verify_id_hash, token_hash, created_at, expires_at, consent, started_at, finished_at, decision, evidence, end_reason, portrait, redeemed_at,
	mismatches`

// Values of the column portrait.
const (
	portraitNone = 0
	portraitKept = 1 // 2: the sweep has ordered its deletion
)

// CreateVerification adds a verification. Errors: CodeConflict, Field
// "out_seq_no", when the app has used that number before.
func (s *Store) CreateVerification(ctx context.Context, v faceproof.Verification, a faceproof.AuditEntry) error {
	return s.change(ctx, a, func(tx *sql.Tx) error {
		portrait := portraitNone
		if v.HasPortrait {
			portrait = portraitKept
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO verifications (`+verificationColumns+`, portrait_due) VALUES (`+list(23)+`, 0)
			ON CONFLICT (app_id, out_seq_no) WHERE out_seq_no <> '' DO NOTHING`,
			v.ID, string(v.AppID), int64(v.Generation), string(v.State), int64(v.Alive), v.OutSeqNo, v.OpenID, v.SubjectSealed, v.SubjectIndex, v.CertHash,
			null(v.VerifyIDHash), null(v.TokenHash), v.CreatedAt, v.ExpiresAt, v.Consent, v.StartedAt, v.FinishedAt, text(v.Decision), text(v.Evidence),
			string(v.EndReason), portrait, v.RedeemedAt, v.Mismatches)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return faceproof.Errorf(faceproof.CodeConflict, "out_seq_no", "this app has used the number before")
	})
}

// Verification finds one by any of its keys. Errors: CodeNotFound.
func (s *Store) Verification(ctx context.Context, by faceproof.VerificationKey) (faceproof.Verification, error) {
	where, args := `id = $1`, []any{by.ID}
	switch {
	case len(by.CredentialHash) > 0:
		where, args = `id = (SELECT verification_id FROM credentials WHERE hash = $1)`, []any{by.CredentialHash}
	case len(by.VerifyIDHash) > 0:
		where, args = `verify_id_hash = $1`, []any{by.VerifyIDHash}
	case by.OutSeqNo != "":
		// The second condition lets the partial index serve the look-up.
		where, args = `app_id = $1 AND out_seq_no = $2 AND out_seq_no <> ''`, []any{string(by.AppID), by.OutSeqNo}
	}
	v, err := scanVerification(s.reader.QueryRowContext(ctx, `SELECT `+verificationColumns+` FROM verifications WHERE `+where, args...))
	if err != nil {
		return v, err
	}
	return s.checkDecision(ctx, s.reader, v, by.CredentialHash)
}

// RotateToken replaces the capture token while the capture has not begun; the
// old one is worthless from then on. by is a keyed index of the browser that
// asks: the first one opens the verification, and only it may ask again; nil
// names none. Errors: CodeNotFound; CodeExpired; CodeConflict when another
// browser was first, the capture has begun or the verification is over.
func (s *Store) RotateToken(ctx context.Context, id string, tokenHash, by []byte, at int64) error {
	a := faceproof.AuditEntry{At: at, Actor: "capture", Action: "verification.token", Object: id}
	return s.change(ctx, a, func(tx *sql.Tx) error {
		_, err := scanVerification(tx.QueryRowContext(ctx, `UPDATE verifications SET token_hash = $2, opened_by = COALESCE(opened_by, $4)
			WHERE id = $1 AND state = 'created' AND expires_at > $3 AND (opened_by IS NULL OR opened_by = $4) RETURNING `+verificationColumns, id, tokenHash, at, null(by)))
		return s.why(ctx, tx, err, id, nil, at)
	})
}

// BeginCapture gives the verification to the socket that brings its token:
// created → capturing, once; the token is used up. What the person agreed to is
// kept with it. Errors: CodeNotFound for an
// unknown id and for a wrong token alike; CodeConflict for a second socket;
// CodeExpired.
func (s *Store) BeginCapture(ctx context.Context, id string, tokenHash []byte, consent faceproof.Consent, at int64, a faceproof.AuditEntry) (v faceproof.Verification, err error) {
	if len(tokenHash) == 0 {
		return v, notFound("verification")
	}
	err = s.change(ctx, a, func(tx *sql.Tx) error {
		v, err = scanVerification(tx.QueryRowContext(ctx, `UPDATE verifications SET state = 'capturing', consent = $3, started_at = $4
			WHERE id = $1 AND token_hash = $2 AND state = 'created' AND expires_at > $4 RETURNING `+verificationColumns,
			id, tokenHash, consent.Notice, at))
		if err := s.why(ctx, tx, err, id, tokenHash, at); err != nil {
			return err
		}
		return giveConsent(ctx, tx, consent)
	})
	if err != nil {
		return faceproof.Verification{}, err
	}
	return v, nil
}

// why says why a conditional UPDATE of a verification in state created found
// nothing. With a token, a wrong one looks like an unknown id.
func (s *Store) why(ctx context.Context, tx *sql.Tx, err error, id string, tokenHash []byte, at int64) error {
	if faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		return err
	}
	v, err := scanVerification(tx.QueryRowContext(ctx, `SELECT `+verificationColumns+` FROM verifications WHERE id = $1`, id))
	switch {
	case err != nil:
		return err
	case tokenHash != nil && subtle.ConstantTimeCompare(v.TokenHash, tokenHash) != 1:
		return notFound("verification")
	case v.State == faceproof.StateCreated && v.ExpiresAt <= at, v.State == faceproof.StateEnded && v.EndReason == faceproof.ReasonTimeout:
		return faceproof.Errorf(faceproof.CodeExpired, "", "the verification had to start before")
	}
	return faceproof.Errorf(faceproof.CodeConflict, "", "the verification is %s", v.State)
}

// Advance moves a verification from one state to another if it is still in the
// first; evidence replaces what was there unless nil, reason is kept when the
// verification ends. Decisions and redemptions of credentials do not come this
// way; only a verification of generation 2, which has no credential to redeem,
// may be marked redeemed. Errors: CodeNotFound; CodeConflict when it is in
// another state, or such a step does not exist.
func (s *Store) Advance(ctx context.Context, id string, from, to faceproof.State, evidence []byte, reason faceproof.Reason, at int64, a faceproof.AuditEntry) error {
	if !from.Can(to) || to == faceproof.StateDecided {
		return faceproof.Errorf(faceproof.CodeConflict, "state", "no step leads from %s to %s", from, to)
	}
	var finished, redeemed int64
	switch to {
	case faceproof.StateEnded:
		finished = at
	case faceproof.StateRedeemed:
		redeemed = at
	}
	if to != faceproof.StateEnded {
		reason = ""
	}
	return s.change(ctx, a, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE verifications SET state = $3, evidence = COALESCE($4, evidence), end_reason = $5,
				finished_at = CASE WHEN $6 <> 0 THEN $6 ELSE finished_at END, redeemed_at = $7
			WHERE id = $1 AND state = $2 AND ($3 <> 'redeemed' OR generation = 2)`,
			id, string(from), string(to), text(evidence), string(reason), finished, redeemed)
		if err := s.swapped(ctx, tx, r, err, id); err != nil || to != faceproof.StateEnded {
			return err
		}
		return addEvent(ctx, tx, id, faceproof.EventEnded, at)
	})
}

// swapped says why a compare-and-swap changed nothing.
func (s *Store) swapped(ctx context.Context, tx *sql.Tx, r sql.Result, err error, id string) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var state faceproof.State
	err = tx.QueryRowContext(ctx, `SELECT state FROM verifications WHERE id = $1`, id).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound("verification")
	}
	if err != nil {
		return err
	}
	return faceproof.Errorf(faceproof.CodeConflict, "state", "the verification is %s", state)
}

// Decide makes a decision final: captured → decided, its credential and its
// audit row, all or nothing. An empty c.Hash adds no credential.
// Errors: CodeNotFound; CodeConflict when the verification is in another state;
// CodeInternal when the credential is another verification's or app's.
func (s *Store) Decide(ctx context.Context, id string, decision, evidence []byte, hasPortrait bool, c faceproof.Credential, at int64, a faceproof.AuditEntry) error {
	portrait := portraitNone
	if hasPortrait {
		portrait = portraitKept
	}
	return s.change(ctx, a, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE verifications SET state = 'decided', decision = $2, evidence = $3, portrait = $4, finished_at = $5
			WHERE id = $1 AND state = 'captured'`, id, text(decision), text(evidence), portrait, at)
		if err := s.swapped(ctx, tx, r, err, id); err != nil {
			return err
		}
		if err := s.sealDecision(ctx, tx, id, c.Hash); err != nil {
			return err
		}
		if passed(decision) {
			if err := proveConsent(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := addEvent(ctx, tx, id, faceproof.EventDecided, at); err != nil || len(c.Hash) == 0 {
			return err
		}
		if c.VerificationID != id {
			return faceproof.Errorf(faceproof.CodeInternal, "", "a credential of another verification")
		}
		// The app is taken from the verification, so that no credential can
		// name another one.
		r, err = tx.ExecContext(ctx, `INSERT INTO credentials (hash, verification_id, app_id, expires_at, used_at)
			SELECT $2, id, app_id, $4, 0 FROM verifications WHERE id = $1 AND app_id = $3`, id, c.Hash, string(c.AppID), c.ExpiresAt)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return faceproof.Errorf(faceproof.CodeInternal, "", "a credential of another app")
	})
}

// passed says whether a decision let the person in.
func passed(decision []byte) bool {
	var d faceproof.Decision
	return json.Unmarshal(decision, &d) == nil && d.Outcome == faceproof.OutcomePass
}

// Redeem uses a credential: one conditional UPDATE, so that of any number of
// callers one wins, once, and only its own app. The verification becomes
// redeemed in the same transaction. seq, when not empty, is the business's own
// number, under which Replay gives it again. Errors: CodeNotFound, the same for
// an unknown, foreign, expired or used one.
func (s *Store) Redeem(ctx context.Context, credentialHash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (v faceproof.Verification, err error) {
	if failpoint.On && failpoint.Broken("store.naive") {
		return s.redeemNaively(ctx, credentialHash, app, at, a)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `UPDATE credentials SET used_at = $3, redeem_seq = $4, expires_at = CASE WHEN $4 <> '' THEN $5 ELSE expires_at END
			WHERE hash = $1 AND app_id = $2 AND used_at = 0 AND expires_at > $3 RETURNING verification_id`,
			credentialHash, string(app), at, seq, at+replayTime.Milliseconds()).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("credential")
		}
		if err != nil {
			return err
		}
		v, err = scanVerification(tx.QueryRowContext(ctx, `UPDATE verifications SET state = 'redeemed', redeemed_at = $3
			WHERE id = $1 AND app_id = $2 AND state = 'decided' RETURNING `+verificationColumns, id, string(app), at))
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			return notFound("credential")
		}
		if err != nil {
			return err
		}
		if v, err = s.checkDecision(ctx, tx, v, credentialHash); err != nil {
			return err
		}
		if before, err := redeemedBefore(ctx, tx, id, a.Action); err != nil || before || v.FinishedAt+s.c.PortraitLimit.Milliseconds() <= at {
			return cmp.Or(err, notFound("credential")) // the row was set back, or given more time
		}
		if a.Object == "" {
			a.Object = id // the caller knows only the credential
		}
		return addAudit(ctx, tx, a)
	})
	if err != nil {
		return faceproof.Verification{}, err
	}
	return v, nil
}

// replayTime is how long after its use a credential may be read again under the
// number that it was used with (security.md section 2.2).
const replayTime = 24 * time.Hour

// Replay gives a verification again whose credential the app has used under
// seq, within 24 hours of that; it changes nothing. Errors: CodeNotFound, the
// same for an unknown or foreign credential, one that was not used or not under
// seq, and one whose time is over.
func (s *Store) Replay(ctx context.Context, credentialHash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (v faceproof.Verification, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		v, err = scanVerification(tx.QueryRowContext(ctx, `SELECT `+verificationColumns+` FROM verifications WHERE app_id = $2 AND state = 'redeemed' AND id =
			(SELECT verification_id FROM credentials WHERE hash = $1 AND app_id = $2 AND used_at <> 0 AND redeem_seq = $3 AND redeem_seq <> '' AND expires_at > $4)`,
			credentialHash, string(app), seq, at))
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			return notFound("credential")
		}
		if err != nil {
			return err
		}
		if v, err = s.checkDecision(ctx, tx, v, credentialHash); err != nil {
			return err
		}
		if a.Object == "" {
			a.Object = v.ID
		}
		return addAudit(ctx, tx, a)
	})
	if err != nil {
		return faceproof.Verification{}, err
	}
	return v, nil
}

// Mismatch records a question that did not fit its verification. It counts
// towards limit, and the one that reaches it has a second audit row. An id that
// is unknown, or empty, is the same work but for the count.
func (s *Store) Mismatch(ctx context.Context, id string, limit int, a faceproof.AuditEntry) error {
	return s.change(ctx, a, func(tx *sql.Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, `UPDATE verifications SET mismatches = mismatches + 1 WHERE id = $1 AND mismatches < $2 RETURNING mismatches`,
			id, limit).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil || n < limit {
			return err
		}
		return addAudit(ctx, tx, faceproof.AuditEntry{At: a.At, Actor: a.Actor, Action: "verification.revoke", Object: id, Detail: "mismatches"})
	})
}

func scanVerification(row scanner) (v faceproof.Verification, err error) {
	var portrait int64
	var decision, evidence sql.NullString
	err = row.Scan(&v.ID, &v.AppID, &v.Generation, &v.State, &v.Alive, &v.OutSeqNo, &v.OpenID, &v.SubjectSealed, &v.SubjectIndex, &v.CertHash,
		&v.VerifyIDHash, &v.TokenHash, &v.CreatedAt, &v.ExpiresAt, &v.Consent, &v.StartedAt, &v.FinishedAt, &decision, &evidence, &v.EndReason, &portrait, &v.RedeemedAt,
		&v.Mismatches)
	if errors.Is(err, sql.ErrNoRows) {
		return faceproof.Verification{}, notFound("verification")
	}
	if err != nil {
		return faceproof.Verification{}, fail(err)
	}
	if decision.Valid {
		v.Decision = []byte(decision.String)
	}
	if evidence.Valid {
		v.Evidence = []byte(evidence.String)
	}
	v.HasPortrait = portrait == portraitKept
	return v, nil
}

// text stores JSON as TEXT, nil as NULL.
func text(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}
