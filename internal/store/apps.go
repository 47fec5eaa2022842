package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"faceproof"
)

const appColumns = `id, name, secret_hash, notice, permissions, origins, alive, reading, retain, minors, daily_calls, revoked, created_at`

// CreateApp adds an app by the operator's own short way: with it goes an
// application, approved at once, so that every app has one. secretHash is the
// SHA-256 of its secret; the secret itself is never stored. Errors:
// CodeConflict when the id exists, or a permission may not be on: see
// Application.MaySwitchOn.
func (s *Store) CreateApp(ctx context.Context, a faceproof.App, secretHash []byte) error {
	application := faceproof.Application{ID: "ap_" + strings.TrimPrefix(string(a.ID), "wx"), State: faceproof.ApplicationApproved, Source: faceproof.SourceOperator,
		Name: a.Name, Notice: a.Notice, Category: faceproof.CategoryOther, Interfaces: a.Permissions, Origins: a.Origins, Alive: a.Alive,
		AppID: a.ID, Version: 1, CreatedAt: a.CreatedAt, UpdatedAt: a.CreatedAt}
	for _, p := range a.Permissions {
		if err := application.MaySwitchOn(a, p); err != nil {
			return err
		}
	}
	return s.change(ctx, s.entry("", "app.create", string(a.ID), ""), func(tx *sql.Tx) error {
		if err := insertApp(ctx, tx, a, secretHash); err != nil {
			return err
		}
		if err := addAudit(ctx, tx, s.entry("", "application.approve", application.ID, faceproof.SourceOperator)); err != nil {
			return err
		}
		return insertApplication(ctx, tx, application)
	})
}

func insertApp(ctx context.Context, tx *sql.Tx, a faceproof.App, secretHash []byte) error {
	t, err := appJSON(a)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO apps (`+appColumns+`, retention_days) VALUES (`+list(14)+`)`,
		string(a.ID), a.Name, secretHash, t.notice, t.permissions, t.origins, int64(a.Alive), t.reading, t.retain, minors(a.Minors), a.DailyCalls, a.Revoked, a.CreatedAt, a.Notice.RetentionDays)
	return err
}

// UpdateApp replaces everything but the id, the day of creation, and what has
// a method of its own: permissions, quota, origins, reading, retention, minors, secret. Errors: CodeNotFound.
func (s *Store) UpdateApp(ctx context.Context, a faceproof.App) error {
	t, err := appJSON(a)
	if err != nil {
		return err
	}
	return s.change(ctx, s.entry("", "app.update", string(a.ID), ""), func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE apps SET name = $2, notice = $3, alive = $4, revoked = $5, retention_days = $6 WHERE id = $1`,
			string(a.ID), a.Name, t.notice, int64(a.Alive), a.Revoked, a.Notice.RetentionDays))("app")
	})
}

// SetDailyCalls changes an app's quota. Errors: CodeInvalid, CodeNotFound.
func (s *Store) SetDailyCalls(ctx context.Context, id faceproof.AppID, n int, actor string) (faceproof.App, error) {
	if err := faceproof.CheckDailyCalls(n, "daily_calls"); err != nil {
		return faceproof.App{}, err
	}
	return s.setApp(ctx, s.entry(actor, "app.quota", string(id), strconv.Itoa(n)), `UPDATE apps SET daily_calls = $2 WHERE id = $1 RETURNING `+appColumns, string(id), n)
}

// SetOrigins replaces the origins whose pages may run the SDK. Errors:
// CodeNotFound.
func (s *Store) SetOrigins(ctx context.Context, id faceproof.AppID, origins []string, actor string) (faceproof.App, error) {
	t, err := appJSON(faceproof.App{Origins: origins})
	if err != nil {
		return faceproof.App{}, err
	}
	return s.setApp(ctx, s.entry(actor, "app.origins", string(id), strconv.Itoa(len(origins))), `UPDATE apps SET origins = $2 WHERE id = $1 RETURNING `+appColumns, string(id), t.origins)
}

// SetReading replaces what an app's policy says of reading digits aloud.
// Errors: CodeInvalid, CodeNotFound.
func (s *Store) SetReading(ctx context.Context, id faceproof.AppID, r faceproof.Reading, actor string) (faceproof.App, error) {
	if err := r.Check(); err != nil {
		return faceproof.App{}, err
	}
	t, err := appJSON(faceproof.App{Reading: r})
	if err != nil {
		return faceproof.App{}, err
	}
	return s.setApp(ctx, s.entry(actor, "app.reading", string(id), t.reading), `UPDATE apps SET reading = $2 WHERE id = $1 RETURNING `+appColumns, string(id), t.reading)
}

// SetRetention replaces what an app asks to keep for less time than the server
// keeps it. Errors: CodeInvalid, CodeNotFound.
func (s *Store) SetRetention(ctx context.Context, id faceproof.AppID, r faceproof.Retention, actor string) (faceproof.App, error) {
	if err := faceproof.CheckRetention(r, true, "retain"); err != nil {
		return faceproof.App{}, err
	}
	t, err := appJSON(faceproof.App{Retain: r})
	if err != nil {
		return faceproof.App{}, err
	}
	return s.setApp(ctx, s.entry(actor, "app.retain", string(id), t.retain), `UPDATE apps SET retain = $2 WHERE id = $1 RETURNING `+appColumns, string(id), t.retain)
}

// SetMinors says what an app does when a person is under 14. Errors:
// CodeInvalid, CodeNotFound.
func (s *Store) SetMinors(ctx context.Context, id faceproof.AppID, p faceproof.MinorPolicy, actor string) (faceproof.App, error) {
	if _, err := faceproof.ParseMinorPolicy(string(p), "minors"); err != nil {
		return faceproof.App{}, err
	}
	return s.setApp(ctx, s.entry(actor, "app.minors", string(id), string(p)), `UPDATE apps SET minors = $2 WHERE id = $1 RETURNING `+appColumns, string(id), string(p))
}

// minors is the column of a policy; whoever says nothing refuses.
func minors(p faceproof.MinorPolicy) string {
	if p == "" {
		p = faceproof.MinorsRefuse
	}
	return string(p)
}

// setApp runs a statement that changes one app and gives it.
func (s *Store) setApp(ctx context.Context, e faceproof.AuditEntry, query string, args ...any) (a faceproof.App, err error) {
	err = s.change(ctx, e, func(tx *sql.Tx) (err error) {
		a, _, err = scanApp(tx.QueryRowContext(ctx, query, args...))
		if errors.Is(err, sql.ErrNoRows) {
			err = notFound("app")
		}
		return err
	})
	return a, err
}

// ReplaceSecret gives an app another secret. The one before stays valid for
// faceproof.SecretOverlap, or, when everything is ended, for no moment more,
// and neither do the app's tokens: then whoever has them gets nothing by them.
// Errors: CodeNotFound; CodeConflict when the app is revoked.
func (s *Store) ReplaceSecret(ctx context.Context, id faceproof.AppID, secretHash []byte, endAll bool, actor string) error {
	now := s.c.Now().UnixMilli()
	until, detail := now+faceproof.SecretOverlap.Milliseconds(), ""
	if endAll {
		until, detail = now, "tokens ended"
	}
	return s.change(ctx, s.entry(actor, "app.secret", string(id), detail), func(tx *sql.Tx) error {
		var revoked bool
		err := tx.QueryRowContext(ctx, `UPDATE apps SET earlier_secret_hash = secret_hash, earlier_secret_until = $3, secret_hash = $2
			WHERE id = $1 RETURNING revoked`, string(id), secretHash, until).Scan(&revoked)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("app")
		case err != nil:
			return err
		case revoked:
			return faceproof.Errorf(faceproof.CodeConflict, "app_id", "the app is revoked for good")
		case endAll:
			_, err = tx.ExecContext(ctx, `UPDATE tokens SET expires_at = $2 WHERE app_id = $1 AND expires_at > $2`, string(id), now)
		}
		return err
	})
}

// EarlierSecret gives the hash of the secret that was replaced, while it is
// valid; nil after.
func (s *Store) EarlierSecret(ctx context.Context, id faceproof.AppID, at int64) (hash []byte, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT earlier_secret_hash FROM apps WHERE id = $1 AND earlier_secret_until > $2`, string(id), at).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return hash, fail(err)
}

// App finds an app, a revoked one too, and the hash of its secret. Errors:
// CodeNotFound.
func (s *Store) App(ctx context.Context, id faceproof.AppID) (faceproof.App, []byte, error) {
	a, hash, err := scanApp(s.reader.QueryRowContext(ctx, `SELECT `+appColumns+` FROM apps WHERE id = $1`, string(id)))
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("app")
	}
	return a, hash, fail(err)
}

// ListApps gives every app, oldest first.
func (s *Store) ListApps(ctx context.Context) ([]faceproof.App, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+appColumns+` FROM apps ORDER BY created_at, id`)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.App
	for rows.Next() {
		a, _, err := scanApp(rows)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, a)
	}
	return out, fail(rows.Err())
}

type scanner interface{ Scan(...any) error }

func scanApp(row scanner) (a faceproof.App, hash []byte, err error) {
	var notice, permissions, origins, reading, retain []byte
	if err = row.Scan(&a.ID, &a.Name, &hash, &notice, &permissions, &origins, &a.Alive, &reading, &retain, &a.Minors, &a.DailyCalls, &a.Revoked, &a.CreatedAt); err != nil {
		return faceproof.App{}, nil, err
	}
	if a.Minors == faceproof.MinorsRefuse {
		a.Minors = "" // the one spelling of the default
	}
	for _, f := range []struct {
		text []byte
		to   any
	}{{notice, &a.Notice}, {permissions, &a.Permissions}, {origins, &a.Origins}, {reading, &a.Reading}, {retain, &a.Retain}} {
		if err = json.Unmarshal(f.text, f.to); err != nil {
			return faceproof.App{}, nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "an app's row is damaged", Err: err}
		}
	}
	return a, hash, nil
}

// appTexts are the columns of an app that hold JSON.
type appTexts struct{ notice, permissions, origins, reading, retain string }

func appJSON(a faceproof.App) (t appTexts, err error) {
	if a.Retain == nil {
		a.Retain = faceproof.Retention{}
	}
	for _, c := range []struct {
		column *string
		value  any
	}{
		{&t.notice, a.Notice}, {&t.permissions, append([]faceproof.Permission{}, a.Permissions...)},
		{&t.origins, append([]string{}, a.Origins...)}, {&t.reading, a.Reading}, {&t.retain, a.Retain},
	} {
		b, err := json.Marshal(c.value)
		if err != nil {
			return appTexts{}, &faceproof.Error{Code: faceproof.CodeInternal, Message: "an app cannot be stored", Err: err}
		}
		*c.column = string(b)
	}
	return t, nil
}

// one wants exactly one row changed; the function it gives says what is missing
// otherwise.
func one(r sql.Result, err error) func(what string) error {
	return func(what string) error {
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		if err != nil {
			return err
		}
		if n != 1 {
			return notFound(what)
		}
		return nil
	}
}
