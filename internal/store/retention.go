package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"faceproof"
)

// tableClasses says of each table what it keeps, and so for how long. A table
// that is not here fails TestEveryTableHasAClass: nothing is kept that nobody
// has thought about.
var tableClasses = map[string][]faceproof.RetentionClass{
	"verifications":     {faceproof.RetainDecision, faceproof.RetainEvidence}, // the column evidence goes first
	"credentials":       {faceproof.RetainTokens},
	"tokens":            {faceproof.RetainTokens},
	"user_id_keys":      {faceproof.RetainTokens},
	"traces":            {faceproof.RetainMarks},
	"attempts":          {faceproof.RetainCounters},
	"calls":             {faceproof.RetainCounters},
	"failures":          {faceproof.RetainLocks},
	"audit":             {faceproof.RetainAudit},
	"audit_tree":        {faceproof.RetainProof},
	"audit_head":        {faceproof.RetainProof},
	"audit_checkpoints": {faceproof.RetainProof},
	"consents":          {faceproof.RetainConsent},
	"consent_texts":     {faceproof.RetainConsent},  // while a consent is to them
	"withdrawals":       {faceproof.RetainRegistry}, // until the person is enrolled anew
	"webhooks":          {faceproof.RetainSettings},
	"webhook_events":    {faceproof.RetainMarks}, // ids of a capture, and whether its app was told
	"admins":            {faceproof.RetainSettings},
	"admin_credentials": {faceproof.RetainSettings},
	"admin_invites":     {faceproof.RetainTokens},
	"admin_sessions":    {faceproof.RetainTokens},
	"admin_proposals":   {faceproof.RetainTokens}, // who proposed and approved stays in the audit log
	"people_levels":     {faceproof.RetainSettings},
	"persons":           {faceproof.RetainRegistry},
	"templates":         {faceproof.RetainRegistry},
	"apps":              {faceproof.RetainSettings},
	"applications":      {faceproof.RetainSettings},
	"meta":              {faceproof.RetainSettings},
	"goose_db_version":  {faceproof.RetainSettings},
}

// dated is a table whose rows go at a time that they carry themselves.
type dated struct {
	class        faceproof.RetentionClass
	table        string
	key          string // names a row, or a few of the same age
	at           string // the column, in milliseconds since 1970 or in unit
	grace        time.Duration
	unit, offset time.Duration // of the column; offset: how much later than 1970 its 0 begins
	silent       bool          // counters have no audit rows: the decision that they count has one
}

// dated lists those tables. Rows of a credential or a user_id_key open nothing
// after their expiry and go at once; an expired token is told from an unknown
// one for a day.
func (s *Store) dated() []dated {
	limit := s.c.Retention.Limit
	return []dated{
		{class: faceproof.RetainTokens, table: "credentials", key: "hash", at: "expires_at"},
		{class: faceproof.RetainTokens, table: "user_id_keys", key: "hash", at: "expires_at"},
		{class: faceproof.RetainTokens, table: "tokens", key: "hash", at: "expires_at", grace: limit(faceproof.RetainTokens)},
		{class: faceproof.RetainTokens, table: "admin_invites", key: "hash", at: "expires_at", grace: limit(faceproof.RetainTokens)},
		{class: faceproof.RetainTokens, table: "admin_sessions", key: "hash", at: "seen_at", grace: limit(faceproof.RetainTokens)},
		{class: faceproof.RetainTokens, table: "admin_proposals", key: "id", at: "expires_at", grace: limit(faceproof.RetainTokens)},
		{class: faceproof.RetainMarks, table: "webhook_events", key: "id", at: "created_at", grace: limit(faceproof.RetainMarks)},
		{class: faceproof.RetainMarks, table: "traces", key: "ref", at: "at", grace: limit(faceproof.RetainMarks), silent: true},
		{class: faceproof.RetainCounters, table: "attempts", key: "ref", at: "at", grace: limit(faceproof.RetainCounters), silent: true},
		// A day of calls counts from its end, in China.
		{class: faceproof.RetainCounters, table: "calls", key: "day", at: "day", grace: limit(faceproof.RetainCounters), unit: 24 * time.Hour, offset: 24*time.Hour - chinaTime, silent: true},
		{class: faceproof.RetainLocks, table: "failures", key: "key", at: "at", grace: limit(faceproof.RetainLocks)},
	}
}

// deleteDated deletes a batch of rows some time after the one that they carry.
// One audit row counts them.
func (s *Store) deleteDated(d dated) func(context.Context, int64) (int, error) {
	unit := max(d.unit.Milliseconds(), 1)
	return func(ctx context.Context, now int64) (int, error) {
		var n int64
		err := s.write(ctx, func(tx *sql.Tx) error {
			before := (now - d.grace.Milliseconds() - d.offset.Milliseconds()) / unit
			r, err := tx.ExecContext(ctx, `DELETE FROM `+d.table+` WHERE `+d.key+` IN (SELECT `+d.key+` FROM `+d.table+` WHERE `+d.at+` <= $1 LIMIT $2) AND `+d.at+` <= $1`,
				before, batch)
			if err != nil {
				return err
			}
			if n, err = r.RowsAffected(); err != nil || n == 0 || d.silent {
				return err
			}
			return addAudit(ctx, tx, retention(now, "expired.delete", d.table, strconv.FormatInt(n, 10)))
		})
		return int(n), err
	}
}

// forget deletes the evidence, and later the whole, of finished verifications
// when the time that their app, its notice and the server allow is over. One
// with a portrait waits until that is gone.
func (s *Store) forget(ctx context.Context, now int64) error {
	apps, err := s.ListApps(ctx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		before := func(c faceproof.RetentionClass) int64 { return now - s.c.Retention.LimitOf(a, c).Milliseconds() }
		if err := repeat(ctx, now, s.forgetEvidence(a.ID, before(faceproof.RetainEvidence))); err != nil {
			return err
		}
		if err := repeat(ctx, now, s.forgetVerifications(a.ID, before(faceproof.RetainDecision))); err != nil {
			return err
		}
		if err := repeat(ctx, now, s.forgetConsents(a.ID, before(faceproof.RetainConsent))); err != nil {
			return err
		}
	}
	return nil
}

// forgetEvidence empties the evidence of an app's verifications that finished
// before a time.
func (s *Store) forgetEvidence(app faceproof.AppID, before int64) func(context.Context, int64) (int, error) {
	return func(ctx context.Context, now int64) (int, error) {
		n := 0
		err := s.write(ctx, func(tx *sql.Tx) error {
			gone, err := ids(ctx, tx, `UPDATE verifications SET evidence = NULL WHERE id IN (SELECT id FROM verifications
				WHERE app_id = $1 AND evidence IS NOT NULL AND finished_at > 0 AND finished_at <= $2 LIMIT $3) RETURNING id`, string(app), before, batch)
			if n = len(gone); err != nil || n == 0 {
				return err
			}
			return addAudit(ctx, tx, retention(now, "evidence.delete", string(app), strconv.Itoa(n)))
		})
		return n, err
	}
}

// forgetVerifications deletes an app's verifications that finished before a
// time, with an audit row each: who asks for one must learn that it is gone.
func (s *Store) forgetVerifications(app faceproof.AppID, before int64) func(context.Context, int64) (int, error) {
	return func(ctx context.Context, now int64) (int, error) {
		n := 0
		err := s.write(ctx, func(tx *sql.Tx) error {
			gone, err := ids(ctx, tx, `DELETE FROM verifications WHERE id IN (SELECT id FROM verifications
				WHERE app_id = $1 AND finished_at > 0 AND finished_at <= $2 AND portrait = 0 LIMIT $3) RETURNING id`, string(app), before, batch)
			n = len(gone)
			for _, id := range gone {
				if err == nil {
					err = addAudit(ctx, tx, retention(now, "verification.delete", id, ""))
				}
			}
			return err
		})
		return n, err
	}
}

// forgetConsents deletes an app's consents that were given before a time, and
// the texts that none is to any more.
func (s *Store) forgetConsents(app faceproof.AppID, before int64) func(context.Context, int64) (int, error) {
	return func(ctx context.Context, now int64) (int, error) {
		n := 0
		err := s.write(ctx, func(tx *sql.Tx) error {
			texts, err := ids(ctx, tx, `DELETE FROM consents WHERE verification_id IN (SELECT verification_id FROM consents
				WHERE app_id = $1 AND given_at <= $2 LIMIT $3) RETURNING text_hash`, string(app), before, batch)
			if n = len(texts); err != nil || n == 0 {
				return err
			}
			for _, hash := range slices.Compact(slices.Sorted(slices.Values(texts))) {
				if _, err := tx.ExecContext(ctx, `DELETE FROM consent_texts WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM consents WHERE text_hash = $1)`, hash); err != nil {
					return err
				}
			}
			return addAudit(ctx, tx, retention(now, "consent.delete", string(app), strconv.Itoa(n)))
		})
		return n, err
	}
}
