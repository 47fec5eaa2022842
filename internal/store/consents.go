package store

import (
	"context"
	"database/sql"
	"errors"

	"faceproof"
)

const consentColumns = `c.verification_id, c.app_id, c.receipt_hash, c.subject_index, c.person_index, c.notice, c.text_hash, c.guardian, c.given_at, c.proven, c.withdrawn_at,
	t.lang, t.wording, t.body`

// giveConsent keeps a consent and the words it is to, in the transaction that
// begins the capture. One without a receipt is not kept.
func giveConsent(ctx context.Context, tx *sql.Tx, c faceproof.Consent) error {
	if len(c.ReceiptHash) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO consent_texts (hash, lang, wording, body, first_at) VALUES (`+list(5)+`) ON CONFLICT (hash) DO NOTHING`,
		c.Text.Hash, c.Text.Lang, c.Text.Wording, c.Text.Body, c.GivenAt); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO consents (verification_id, app_id, receipt_hash, subject_index, person_index, notice, text_hash, guardian, given_at, proven, withdrawn_at)
		VALUES (`+list(9)+`, FALSE, 0)`, c.VerificationID, string(c.AppID), c.ReceiptHash, c.SubjectIndex, c.PersonIndex, c.Notice, c.Text.Hash, string(c.Guardian), c.GivenAt)
	return err
}

// proveConsent notes that a capture showed the person who was claimed.
func proveConsent(ctx context.Context, tx *sql.Tx, verification string) error {
	_, err := tx.ExecContext(ctx, `UPDATE consents SET proven = TRUE WHERE verification_id = $1`, verification)
	return err
}

// Consent finds the consent of a receipt, by its SHA-256. Errors: CodeNotFound.
func (s *Store) Consent(ctx context.Context, receiptHash []byte) (faceproof.Consent, error) {
	return scanConsent(s.reader.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents c JOIN consent_texts t ON t.hash = c.text_hash WHERE c.receipt_hash = $1`, receiptHash))
}

// ConsentOf finds the consent before a verification's capture. Errors:
// CodeNotFound.
func (s *Store) ConsentOf(ctx context.Context, verification string) (faceproof.Consent, error) {
	return scanConsent(s.reader.QueryRowContext(ctx, `SELECT `+consentColumns+` FROM consents c JOIN consent_texts t ON t.hash = c.text_hash WHERE c.verification_id = $1`, verification))
}

func scanConsent(row scanner) (c faceproof.Consent, err error) {
	err = row.Scan(&c.VerificationID, &c.AppID, &c.ReceiptHash, &c.SubjectIndex, &c.PersonIndex, &c.Notice, &c.Text.Hash, &c.Guardian, &c.GivenAt, &c.Proven, &c.WithdrawnAt,
		&c.Text.Lang, &c.Text.Wording, &c.Text.Body)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("consent")
	}
	return c, fail(err)
}

// WithdrawSession takes back one consent that speaks for nobody but its own
// session: nothing was shown to be of that person. The session ends. It gives
// the moment of the withdrawal, the first one's when it was withdrawn before.
func (s *Store) WithdrawSession(ctx context.Context, verification string, a faceproof.AuditEntry) (at int64, err error) {
	err = s.change(ctx, a, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE consents SET withdrawn_at = CASE WHEN withdrawn_at = 0 THEN $2 ELSE withdrawn_at END
			WHERE verification_id = $1 RETURNING withdrawn_at`, verification, a.At).Scan(&at)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("consent")
		}
		if err != nil {
			return err
		}
		return endSessions(ctx, tx, `id = $1`, []byte(nil), verification, a)
	})
	return at, err
}

// Withdraw takes back every consent of a person: their sessions end, no other
// begins until they are enrolled anew, and w says that their face data is to be
// deleted. It gives the withdrawal, the first one's when there was one, and the
// ids of verifications whose kept pictures must be deleted now.
func (s *Store) Withdraw(ctx context.Context, personIndex, subjectIndex []byte, w faceproof.Withdrawal, a faceproof.AuditEntry) (out faceproof.Withdrawal, pictures []string, err error) {
	err = s.change(ctx, a, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO withdrawals (person_index, subject_index, receipt, at, deleted_at) VALUES ($1, $2, $3, $4, 0)
			ON CONFLICT (person_index) DO NOTHING`, personIndex, subjectIndex, w.Receipt, w.At); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT receipt, at, deleted_at FROM withdrawals WHERE person_index = $1`, personIndex).Scan(&out.Receipt, &out.At, &out.DeletedAt)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE consents SET withdrawn_at = $2 WHERE subject_index = $1 AND withdrawn_at = 0`, subjectIndex, w.At); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, `subject_index = $1`, subjectIndex, "", a); err != nil {
			return err
		}
		portraits, err := ids(ctx, tx, `UPDATE verifications SET portrait = 2, portrait_due = $2 WHERE subject_index = $1 AND portrait = 1 RETURNING id`, subjectIndex, w.At)
		for _, id := range portraits {
			if err == nil {
				err = addAudit(ctx, tx, faceproof.AuditEntry{At: a.At, Actor: a.Actor, Action: "portrait.delete", Object: id})
			}
		}
		if err != nil {
			return err
		}
		// A recording for getvideo is no column; whoever was captured may have one.
		pictures, err = ids(ctx, tx, `SELECT id FROM verifications WHERE subject_index = $1 AND state IN ('decided', 'redeemed')`, subjectIndex)
		return err
	})
	return out, pictures, err
}

// endSessions ends what has begun and is not decided: of a subject, or one.
func endSessions(ctx context.Context, tx *sql.Tx, where string, subject []byte, id string, a faceproof.AuditEntry) error {
	var key any = id
	if id == "" {
		key = subject
	}
	ended, err := ids(ctx, tx, `UPDATE verifications SET state = 'ended', end_reason = $2, finished_at = $3
		WHERE `+where+` AND state IN ('created', 'capturing', 'captured') RETURNING id`, key, string(faceproof.ReasonCancelled), a.At)
	for _, id := range ended {
		if err == nil {
			err = addEvent(ctx, tx, id, faceproof.EventEnded, a.At)
		}
	}
	for _, id := range ended {
		if err == nil {
			err = addAudit(ctx, tx, faceproof.AuditEntry{At: a.At, Actor: a.Actor, Action: "verification.end", Object: id, Detail: "withdrawn"})
		}
	}
	return err
}

// Withdrawn says whether the person of a verification's index has taken their
// consent back and was not enrolled since.
func (s *Store) Withdrawn(ctx context.Context, subjectIndex []byte) (bool, error) {
	var n int
	err := s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM withdrawals WHERE subject_index = $1`, subjectIndex).Scan(&n)
	return n > 0, fail(err)
}

// WithdrawalDone notes that the person's face data is gone.
func (s *Store) WithdrawalDone(ctx context.Context, personIndex []byte, a faceproof.AuditEntry) error {
	return s.change(ctx, a, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE withdrawals SET deleted_at = $2 WHERE person_index = $1 AND deleted_at = 0`, personIndex, a.At)
		return err
	})
}

// PendingWithdrawals gives the persons whose face data is still to be deleted:
// the server was stopped between.
func (s *Store) PendingWithdrawals(ctx context.Context) (personIndexes [][]byte, err error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT person_index FROM withdrawals WHERE deleted_at = 0 LIMIT 100`)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var index []byte
		if err := rows.Scan(&index); err != nil {
			return nil, fail(err)
		}
		personIndexes = append(personIndexes, index)
	}
	return personIndexes, fail(rows.Err())
}

// liftWithdrawal lets a person who is enrolled anew, by a consent of its own,
// begin sessions again.
func liftWithdrawal(ctx context.Context, tx *sql.Tx, p faceproof.Person, a faceproof.AuditEntry) error {
	r, err := tx.ExecContext(ctx, `DELETE FROM withdrawals WHERE person_index = $1`, p.SubjectIndex)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return addAudit(ctx, tx, faceproof.AuditEntry{At: a.At, Actor: a.Actor, Action: "consent.renew", Object: p.ID})
}
