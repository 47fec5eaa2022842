package store

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

// idle counts the statements that the one connection of db keeps.
func idle(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	must(t, c.Raw(func(d any) error { n = len(d.(*conn).idle); return nil }))
	return n
}

// A statement that is kept gives what a new one would: while rows of the same text are
// read, after an error, with other arguments, and after the table was changed.
func TestStatements(t *testing.T) {
	db, err := openSQLite(dsn(filepath.Join(t.TempDir(), "x.db")))
	must(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec := func(q string, args ...any) { t.Helper(); must(t, second(db.Exec(q, args...))) }
	exec(`CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT); CREATE TABLE b (x INTEGER)`) // several at once
	for i := range 50 {
		exec(`INSERT INTO a VALUES ($1, $2)`, i, fmt.Sprint(i))
	}
	if n := idle(t, db); n != 2 {
		t.Errorf("%d statements are kept, not 2", n)
	}
	if _, err := db.Exec(`INSERT INTO a VALUES ($1, $2)`, 7, "again"); err == nil {
		t.Error("a second 7 is taken")
	}
	exec(`INSERT INTO a VALUES ($1, $2)`, 50, nil)

	tx, err := db.Begin()
	must(t, err)
	const q = `SELECT y FROM a WHERE x < $1 ORDER BY x`
	rows, err := tx.Query(q, 10)
	must(t, err)
	read := 0
	for rows.Next() {
		var outer, inner string
		must(t, rows.Scan(&outer))
		must(t, tx.QueryRow(q, 1).Scan(&inner)) // the same text, while the first is read
		if outer != fmt.Sprint(read) || inner != "0" {
			t.Errorf("row %d: %q and %q", read, outer, inner)
		}
		read++
	}
	must(t, rows.Close())
	must(t, tx.Rollback())
	if read != 10 {
		t.Errorf("%d rows of 10", read)
	}
	exec(`ALTER TABLE a RENAME COLUMN y TO z`)
	if err := second(db.Exec(q, 1)); err == nil {
		t.Error("the old column is still there")
	}
	exec(`ALTER TABLE a RENAME COLUMN z TO y`)
	var y string
	must(t, db.QueryRow(q, 1).Scan(&y))
	for i := range 2 * maxStatements {
		must(t, db.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(&y))
	}
	if n := idle(t, db); n != maxStatements {
		t.Errorf("%d statements are kept, of at most %d", n, maxStatements)
	}
	must(t, db.QueryRow(q, 1).Scan(&y)) // long not used, and gone
	for i := range maxStatements - 1 {
		must(t, db.QueryRow(fmt.Sprintf(`SELECT %d`, i)).Scan(&y))
	}
	c, err := db.Conn(ctx)
	must(t, err)
	defer c.Close()
	must(t, c.Raw(func(d any) error {
		if _, ok := d.(*conn).idle[q]; !ok {
			t.Error("not the oldest statement went")
		}
		return nil
	}))
}
