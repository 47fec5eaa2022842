package store

import (
	"context"
	"database/sql"
	"os"

	"faceproof"
)

// Copy writes a consistent copy of the database file from, which may be in use,
// to the new file to, 0600, and makes it durable. What was deleted is not in it.
// Errors: CodeConflict when to is not empty; CodeUnavailable.
func Copy(ctx context.Context, from, to string) error {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE, 0o600) // the engine would take the umask's mode
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "backup", Message: "cannot be written: " + err.Error(), Err: err}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		return faceproof.Errorf(faceproof.CodeConflict, "backup", "%s exists already", to)
	}
	db, err := sql.Open("sqlite", dsn(from))
	if err != nil {
		return fail(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, to); err != nil {
		return fail(err)
	}
	if err := f.Sync(); err != nil {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "backup", Message: "cannot be written: " + err.Error(), Err: err}
	}
	return nil
}

// Check reads the whole database file and says whether it is sound. Errors:
// CodeConflict when it is not.
func Check(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return fail(err)
	}
	defer db.Close()
	var said string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&said); err != nil || said != "ok" {
		return faceproof.Errorf(faceproof.CodeConflict, "backup", "the database in it is damaged")
	}
	return nil
}
