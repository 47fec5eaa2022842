package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"faceproof"
)

const applicationColumns = `id, state, source, reason, name, notice, category, daily_volume, peak, interfaces, image_basis, origins, alive, licences, app_id, version, created_at, updated_at`

// maxApplications bounds a list.
const maxApplications = 1000

// CreateApplication adds an application. Errors: CodeConflict when the id, or
// another application of the app, exists.
func (s *Store) CreateApplication(ctx context.Context, a faceproof.Application, e faceproof.AuditEntry) error {
	return s.change(ctx, e, func(tx *sql.Tx) error { return insertApplication(ctx, tx, a) })
}

func insertApplication(ctx context.Context, tx *sql.Tx, a faceproof.Application) error {
	v, err := applicationValues(a)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO applications (`+applicationColumns+`) VALUES (`+list(len(v))+`)`, v...)
	return err
}

// UpdateApplication replaces everything but the id and the day of creation,
// when the row's version is still a.Version; the new one is a.Version + 1.
// Errors: CodeConflict when somebody else was first, or there is none.
func (s *Store) UpdateApplication(ctx context.Context, a faceproof.Application, e faceproof.AuditEntry) error {
	return s.change(ctx, e, func(tx *sql.Tx) error { return updateApplication(ctx, tx, a) })
}

func updateApplication(ctx context.Context, tx *sql.Tx, a faceproof.Application) error {
	old := a.Version
	a.Version++
	v, err := applicationValues(a)
	if err != nil {
		return err
	}
	var set []string
	for i, column := range strings.Split(applicationColumns, ", ")[1:] {
		set = append(set, fmt.Sprintf("%s = $%d", column, i+2))
	}
	err = one(tx.ExecContext(ctx, `UPDATE applications SET `+strings.Join(set, ", ")+fmt.Sprintf(` WHERE id = $1 AND version = $%d`, len(v)+1), append(v, old)...))("application")
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return faceproof.Errorf(faceproof.CodeConflict, "application", "was changed by somebody else meanwhile; read it again")
	}
	return err
}

// ApproveApplication saves the approved application and adds its app, which
// has no permissions yet, in one transaction. Errors as UpdateApplication's.
func (s *Store) ApproveApplication(ctx context.Context, a faceproof.Application, app faceproof.App, secretHash []byte, e faceproof.AuditEntry) error {
	return s.change(ctx, e, func(tx *sql.Tx) error {
		if err := updateApplication(ctx, tx, a); err != nil {
			return err
		}
		if err := insertApp(ctx, tx, app, secretHash); err != nil {
			return err
		}
		return addAudit(ctx, tx, faceproof.AuditEntry{At: e.At, Actor: e.Actor, Action: "app.create", Object: string(app.ID)})
	})
}

// Application finds an application. Errors: CodeNotFound.
func (s *Store) Application(ctx context.Context, id string) (faceproof.Application, error) {
	return findApplication(s.reader.QueryRowContext(ctx, `SELECT `+applicationColumns+` FROM applications WHERE id = $1`, id))
}

// Applications gives the applications in a state, or with "" all of them,
// newest first, a thousand at most.
func (s *Store) Applications(ctx context.Context, state faceproof.ApplicationState) ([]faceproof.Application, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+applicationColumns+` FROM applications WHERE state = $1 OR $1 = '' ORDER BY created_at DESC, id LIMIT $2`,
		string(state), maxApplications)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.Application
	for rows.Next() {
		a, err := scanApplication(rows)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, a)
	}
	return out, fail(rows.Err())
}

// SwitchPermissions switches interfaces of an app on or off, one audit row for
// each that changes. On, each must be one that Application.MaySwitchOn allows;
// one that is not takes all back. Errors: its own, CodeNotFound.
func (s *Store) SwitchPermissions(ctx context.Context, id faceproof.AppID, which []faceproof.Permission, on bool, actor string) (faceproof.App, error) {
	var app faceproof.App
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		app, _, err = scanApp(tx.QueryRowContext(ctx, `SELECT `+appColumns+` FROM apps WHERE id = $1`, string(id)))
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("app")
		}
		if err != nil {
			return err
		}
		var application faceproof.Application
		if on { // off needs nobody's leave
			application, err = findApplication(tx.QueryRowContext(ctx, `SELECT `+applicationColumns+` FROM applications WHERE app_id = $1 AND app_id <> ''`, string(id)))
			if err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
				return err
			}
		}
		old, err := appJSON(app)
		if err != nil {
			return err
		}
		action := map[bool]string{true: "app.enable", false: "app.disable"}[on]
		var switched []faceproof.Permission
		for _, p := range which {
			if on {
				if err := application.MaySwitchOn(app, p); err != nil {
					return err
				}
			}
			if slices.Contains(app.Permissions, p) == on {
				continue
			}
			switched = append(switched, p)
			app.Permissions = slices.DeleteFunc(faceproof.Permissions(), func(q faceproof.Permission) bool {
				return (q != p && !slices.Contains(app.Permissions, q)) || (q == p && !on)
			})
		}
		changed, err := appJSON(app)
		if err != nil {
			return err
		}
		if err := one(tx.ExecContext(ctx, `UPDATE apps SET permissions = $2 WHERE id = $1 AND permissions = $3`, string(id), changed.permissions, old.permissions))("app"); err != nil {
			return err
		}
		for _, p := range switched { // last: see addAudit
			if err := addAudit(ctx, tx, s.entry(actor, action, string(id), string(p))); err != nil {
				return err
			}
		}
		return nil
	})
	return app, err
}

func findApplication(row *sql.Row) (faceproof.Application, error) {
	a, err := scanApplication(row)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("application")
	}
	return a, fail(err)
}

func scanApplication(row scanner) (a faceproof.Application, err error) {
	var notice, interfaces, origins, licences []byte
	if err = row.Scan(&a.ID, &a.State, &a.Source, &a.Reason, &a.Name, &notice, &a.Category, &a.DailyVolume, &a.Peak, &interfaces, &a.ImageBasis,
		&origins, &a.Alive, &licences, &a.AppID, &a.Version, &a.CreatedAt, &a.UpdatedAt); err != nil {
		return faceproof.Application{}, err
	}
	for _, f := range []struct {
		text []byte
		to   any
	}{{notice, &a.Notice}, {interfaces, &a.Interfaces}, {origins, &a.Origins}, {licences, &a.Licences}} {
		if err = json.Unmarshal(f.text, f.to); err != nil {
			return faceproof.Application{}, &faceproof.Error{Code: faceproof.CodeInternal, Message: "an application's row is damaged", Err: err}
		}
	}
	return a, nil
}

// applicationValues are in the order of applicationColumns.
func applicationValues(a faceproof.Application) ([]any, error) {
	var texts [4]string
	for i, v := range []any{a.Notice, append([]faceproof.Permission{}, a.Interfaces...), append([]string{}, a.Origins...), append([]faceproof.Licence{}, a.Licences...)} {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "an application cannot be stored", Err: err}
		}
		texts[i] = string(b)
	}
	return []any{a.ID, string(a.State), a.Source, a.Reason, a.Name, texts[0], a.Category, a.DailyVolume, a.Peak, texts[1], a.ImageBasis,
		texts[2], int64(a.Alive), texts[3], string(a.AppID), a.Version, a.CreatedAt, a.UpdatedAt}, nil
}
