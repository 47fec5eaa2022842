package store

import (
	"context"
	"database/sql"
	"errors"

	"faceproof"
)

const tokenColumns = `hash, app_id, kind, sealed, issued_at, expires_at`

// PutToken adds a token. For one that exists it changes the expiry alone: this
// is how a token that was replaced is given its last minutes.
func (s *Store) PutToken(ctx context.Context, t faceproof.TokenRecord) error {
	// The hash is no secret, but it names a bearer token: it stays out of the log.
	a := s.entry("app:"+string(t.AppID), "token.put", string(t.AppID), t.Kind)
	return s.change(ctx, a, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES (`+list(6)+`)
			ON CONFLICT (hash) DO UPDATE SET expires_at = $6 WHERE tokens.app_id = $2 AND tokens.kind = $3`,
			t.Hash, string(t.AppID), t.Kind, null(t.Sealed), t.IssuedAt, t.ExpiresAt)
		return one(r, err)("token")
	})
}

// EndTokens ends every token of a kind of an app at a time.
func (s *Store) EndTokens(ctx context.Context, app faceproof.AppID, kind string, at int64) error {
	return s.change(ctx, s.entry("app:"+string(app), "token.end", string(app), kind), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE tokens SET expires_at = $3 WHERE app_id = $1 AND kind = $2 AND expires_at > $3`, string(app), kind, at)
		return err
	})
}

// Token finds a token by its hash. One that has expired is still given, for a
// day: the caller compares ExpiresAt and can say which of the two it was.
// Errors: CodeNotFound.
func (s *Store) Token(ctx context.Context, hash []byte) (faceproof.TokenRecord, error) {
	return scanToken(s.reader.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1`, hash))
}

// CurrentToken gives the token of a kind that was issued last; the caller
// compares ExpiresAt. Errors: CodeNotFound when there was none.
func (s *Store) CurrentToken(ctx context.Context, app faceproof.AppID, kind string) (faceproof.TokenRecord, error) {
	return scanToken(s.reader.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE app_id = $1 AND kind = $2
		ORDER BY issued_at DESC LIMIT 1`, string(app), kind))
}

// UseToken uses a token that may be used once, before its expiry; one
// conditional UPDATE, so that one caller wins. The record stays, marked by its
// kind, until the sweep. Errors: CodeConflict when it was used before;
// CodeNotFound when it is unknown, expired, another app's or of another kind.
func (s *Store) UseToken(ctx context.Context, hash []byte, app faceproof.AppID, kind string, at int64) (t faceproof.TokenRecord, err error) {
	a := faceproof.AuditEntry{At: at, Actor: "app:" + string(app), Action: "token.use", Object: string(app), Detail: kind}
	used := "used " + kind
	err = s.change(ctx, a, func(tx *sql.Tx) error {
		t, err = scanToken(tx.QueryRowContext(ctx, `UPDATE tokens SET kind = $5 WHERE hash = $1 AND app_id = $2 AND kind = $3 AND expires_at > $4
			RETURNING `+tokenColumns, hash, string(app), kind, at, used))
		if faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM tokens WHERE hash = $1 AND app_id = $2 AND kind = $3`, hash, string(app), used).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return faceproof.Errorf(faceproof.CodeConflict, "", "the token was used before")
		}
		return err
	})
	if err != nil {
		return faceproof.TokenRecord{}, err
	}
	t.Kind = kind
	return t, nil
}

func scanToken(row scanner) (t faceproof.TokenRecord, err error) {
	err = row.Scan(&t.Hash, &t.AppID, &t.Kind, &t.Sealed, &t.IssuedAt, &t.ExpiresAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("token")
	}
	return t, fail(err)
}

// PutUserIDKey keeps a sealed subject under the hash of its user_id_key until
// expires, unix milliseconds. The same key again replaces it.
func (s *Store) PutUserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, sealed []byte, expires int64) error {
	a := s.entry("app:"+string(app), "user_id_key.create", string(app), "")
	return s.change(ctx, a, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO user_id_keys (hash, app_id, sealed, expires_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (hash) DO UPDATE SET sealed = $3, expires_at = $4 WHERE user_id_keys.app_id = $2`, hash, string(app), sealed, expires)
		return err
	})
}

// UserIDKey gives the sealed subject. Errors: CodeNotFound for an unknown and
// for another app's key; CodeExpired for the app's own after its time.
func (s *Store) UserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, now int64) ([]byte, error) {
	var sealed []byte
	var expires int64
	err := s.reader.QueryRowContext(ctx, `SELECT sealed, expires_at FROM user_id_keys WHERE hash = $1 AND app_id = $2`, hash, string(app)).Scan(&sealed, &expires)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, notFound("user_id_key")
	case err != nil:
		return nil, fail(err)
	case expires <= now:
		return nil, faceproof.Errorf(faceproof.CodeExpired, "", "the user_id_key has expired")
	}
	return sealed, nil
}

// null stores an empty value as NULL on both engines.
func null(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
