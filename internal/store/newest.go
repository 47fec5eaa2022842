package store

import (
	"context"
	"database/sql"
	"errors"
)

// NewestAudit is the time of the newest audit entry, unix milliseconds: the
// latest moment that this database has seen. 0: there is none.
func (s *Store) NewestAudit(ctx context.Context) (at int64, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT at FROM audit ORDER BY seq DESC LIMIT 1`).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return at, fail(err)
}
