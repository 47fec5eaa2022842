package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"

	"faceproof"
)

// countPeople adds delta to the number of people holding face data, in the
// transaction that enrols or deletes them, and notes which level was reached or
// left. A level that is left may be reached again and is told again; the last
// one stays, because the duty to file that it begins does not end by deleting.
func (s *Store) countPeople(ctx context.Context, tx *sql.Tx, delta int) error {
	var text string
	err := tx.QueryRowContext(ctx, `UPDATE meta SET value = CAST(CAST(value AS BIGINT) + $1 AS TEXT) WHERE name = 'people' RETURNING value`, delta).Scan(&text)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeInternal, Message: "the number of people is damaged", Err: err}
	}
	levels := faceproof.PeopleLevels
	// Most enrolments are far from every level.
	if delta != 0 && !slices.ContainsFunc(levels, func(l int) bool { return n-delta < l != (n < l) }) {
		return nil
	}
	for i, level := range levels {
		if n >= level {
			err = s.reachLevel(ctx, tx, level)
		} else if i < len(levels)-1 {
			_, err = tx.ExecContext(ctx, `DELETE FROM people_levels WHERE level = $1`, level)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reachLevel notes a level, once, with an audit row and a warning in the log.
func (s *Store) reachLevel(ctx context.Context, tx *sql.Tx, level int) error {
	now := s.c.Now().UnixMilli()
	r, err := tx.ExecContext(ctx, `INSERT INTO people_levels (level, at) VALUES ($1, $2) ON CONFLICT (level) DO NOTHING`, level, now)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	made, err := filings(ctx, tx)
	if err != nil {
		return err
	}
	if !faceproof.FilingStands(made) { // what was filed is not warned of
		s.c.Log.Warn("people holding face data have reached a level; see faceproof privacy report", "level", level)
	}
	return addAudit(ctx, tx, s.entry("", "people.level", strconv.Itoa(level), ""))
}

// People gives the number of people holding face data, and the levels that
// were reached, lowest first.
func (s *Store) People(ctx context.Context) (n int, levels []faceproof.PeopleLevel, err error) {
	var text string
	if err = s.reader.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'people'`).Scan(&text); err != nil {
		return 0, nil, fail(err)
	}
	if n, err = strconv.Atoi(text); err != nil {
		return 0, nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the number of people is damaged", Err: err}
	}
	rows, err := s.reader.QueryContext(ctx, `SELECT level, at FROM people_levels ORDER BY level`)
	if err != nil {
		return 0, nil, fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var l faceproof.PeopleLevel
		if err := rows.Scan(&l.Level, &l.At); err != nil {
			return 0, nil, fail(err)
		}
		levels = append(levels, l)
	}
	return n, levels, fail(rows.Err())
}
