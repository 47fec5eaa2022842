package store

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

// A filing is kept with its audit row, checked in the transaction that writes it;
// while it stands a level that is reached is written down and not warned of.
func TestFilings(t *testing.T) {
	var log bytes.Buffer
	s, err := Open(ctx, Config{Path: filepath.Join(t.TempDir(), "db"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer s.Close()
	reach := func() (warned int) {
		must(t, s.write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(ctx, `DELETE FROM people_levels`); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, `UPDATE meta SET value = '80000' WHERE name = 'people'`)
			if err != nil {
				return err
			}
			return s.countPeople(ctx, tx, 0)
		}))
		warned = strings.Count(log.String(), "have reached a level")
		log.Reset()
		return warned
	}
	if n := reach(); n != 1 {
		t.Errorf("%d warnings before the filing", n)
	}
	refuse := errors.New("no")
	if err := s.RecordFiling(ctx, &faceproof.FilingRecord{Kind: faceproof.FilingNew}, "cli", func(faceproof.FilingKind) error { return refuse }); !errors.Is(err, refuse) {
		t.Error(err)
	}
	before, err := s.AuditLog(ctx, 1, 100)
	must(t, err)
	var saw []faceproof.FilingKind
	for _, k := range []faceproof.FilingKind{faceproof.FilingNew, faceproof.FilingChange} {
		f := faceproof.FilingRecord{Kind: k, Authority: "a", Number: "1", Date: "2026-11-20", Apps: map[faceproof.AppID]string{"wxa": "h"}}
		must(t, s.RecordFiling(ctx, &f, "cli", func(last faceproof.FilingKind) error { saw = append(saw, last); return nil }))
	}
	list, err := s.Filings(ctx)
	must(t, err)
	if len(list) != 2 || list[1].Apps["wxa"] != "h" || len(saw) != 2 || saw[0] != "" || saw[1] != faceproof.FilingNew {
		t.Errorf("%+v, saw %q", list, saw)
	}
	after, err := s.AuditLog(ctx, 1, 100)
	must(t, err)
	if len(after)-len(before) != 2 || after[len(after)-1].Action != "privacy.filed" || after[len(after)-1].Detail != "change" {
		t.Errorf("%d rows more, the last %+v", len(after)-len(before), after[len(after)-1])
	}
	if n := reach(); n != 0 {
		t.Errorf("%d warnings after the filing", n)
	}
	must(t, s.RecordFiling(ctx, &faceproof.FilingRecord{Kind: faceproof.FilingEnd}, "cli", func(faceproof.FilingKind) error { return nil }))
	if n := reach(); n != 1 {
		t.Errorf("%d warnings after its end", n)
	}
}
