package store

import (
	"context"
	"database/sql"
	"fmt"

	"faceproof"
)

// Traces have no audit rows: they are part of the attempt, whose decision has
// one.

const (
	maxTraces  = 512 // of one attempt and kind
	traceQuery = 100 // marks a statement
)

// Recall asks which of the marks of an attempt came with an earlier one, and
// adds them: found counts the marks of a kind that any other attempt had,
// closest is the most of them that one other attempt had. One transaction: of
// two captures with the same frames at the same time, the later one is found.
// ref names the attempt; since is the oldest time that counts.
func (s *Store) Recall(ctx context.Context, kind faceproof.TraceKind, ref string, marks [][]byte, since, at int64) (found, closest int, err error) {
	if len(marks) > maxTraces {
		marks = marks[:maxTraces]
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		seen, refs := map[string]bool{}, map[string]int{}
		for from := 0; from < len(marks); from += traceQuery {
			part := marks[from:min(from+traceQuery, len(marks))]
			if err := recall(ctx, tx, kind, ref, part, since, seen, refs); err != nil {
				return err
			}
		}
		found = len(seen)
		for _, n := range refs {
			closest = max(closest, n)
		}
		for _, m := range marks {
			_, err := tx.ExecContext(ctx, `INSERT INTO traces (kind, mark, ref, at) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, mark, ref) DO NOTHING`,
				string(kind), m, ref, at)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return found, closest, nil
}

// recall looks up some marks.
func recall(ctx context.Context, tx *sql.Tx, kind faceproof.TraceKind, ref string, marks [][]byte, since int64, seen map[string]bool, refs map[string]int) error {
	args := make([]any, 0, len(marks)+3)
	for _, m := range marks {
		args = append(args, m)
	}
	n := len(marks)
	args = append(args, string(kind), ref, since)
	rows, err := tx.QueryContext(ctx, fmt.Sprintf(`SELECT mark, ref FROM traces
		WHERE mark IN (%s) AND kind = $%d AND ref <> $%d AND at > $%d`, list(n), n+1, n+2, n+3), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var mark []byte
		var other string
		if err := rows.Scan(&mark, &other); err != nil {
			return err
		}
		seen[string(mark)] = true
		refs[other]++
	}
	return rows.Err()
}
