package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

// enrolMany adds or deletes persons as PutPerson and remove do, in one
// transaction: the count is made for each of them.
func enrolMany(t *testing.T, s *Store, from, to int) {
	t.Helper()
	must(t, s.write(ctx, func(tx *sql.Tx) error {
		for i := from; i != to; {
			delta := 1
			if to < from {
				delta = -1
				i--
			}
			id := fmt.Sprintf("p%06d", i)
			index := binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i))
			if delta > 0 {
				if _, err := tx.ExecContext(ctx, `INSERT INTO persons (id, subject_index, name_sealed, number_sealed, created_at, updated_at) VALUES ($1, $2, $2, $2, 1, 1)`, id, index); err != nil {
					return err
				}
				i++
			} else if _, err := tx.ExecContext(ctx, `DELETE FROM persons WHERE id = $1`, id); err != nil {
				return err
			}
			if err := s.countPeople(ctx, tx, delta); err != nil {
				return err
			}
		}
		return nil
	}))
}

// From 79,999 people to 100,001 and back, each level is told once, when it is
// reached, and again when it is reached again; the last one's time stays.
func TestPeopleLevels(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	var log bytes.Buffer
	now := time.UnixMilli(t0)
	s, err := Open(ctx, Config{Path: filepath.Join(t.TempDir(), "db"), Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer s.Close()
	// The first 79,999 are of no interest one by one.
	must(t, s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE meta SET value = '79999' WHERE name = 'people'`)
		return err
	}))
	at := 79_999
	alerts := 0
	for i, step := range []struct {
		to     int
		levels []int
		alerts int
	}{
		{79_999, nil, 0}, {80_000, []int{80_000}, 1}, {80_001, []int{80_000}, 1}, {79_999, nil, 1}, {80_000, []int{80_000}, 2},
		{94_999, []int{80_000}, 2}, {95_000, []int{80_000, 95_000}, 3}, {94_998, []int{80_000}, 3}, {99_999, []int{80_000, 95_000}, 4},
		{100_000, []int{80_000, 95_000, 100_000}, 5}, {100_001, []int{80_000, 95_000, 100_000}, 5}, {99_990, []int{80_000, 95_000, 100_000}, 5}, {100_001, []int{80_000, 95_000, 100_000}, 5},
	} {
		now = now.Add(24 * time.Hour)
		enrolMany(t, s, at, step.to)
		at = step.to
		n, levels, err := s.People(ctx)
		must(t, err)
		var got []int
		for _, l := range levels {
			got = append(got, l.Level)
		}
		alerts = strings.Count(log.String(), "have reached a level")
		if n != step.to || fmt.Sprint(got) != fmt.Sprint(step.levels) || alerts != step.alerts {
			t.Errorf("step %d: %d people, levels %v, %d alerts; want %+v", i, n, got, alerts, step)
		}
		if n >= 100_000 && levels[2].At != t0+10*24*3600*1000 {
			t.Errorf("step %d: the last level at %d", i, levels[2].At)
		}
	}
	rows, err := s.AuditLog(ctx, 1, 1000)
	must(t, err)
	told := 0
	for _, r := range rows {
		if r.Action == "people.level" {
			told++
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "100 k counter", N: 13, Failures: alerts - told, Result: fmt.Sprintf("%d moves over the levels from 79,999 to 100,001 and back, each person counted; %d alerts; the due dates: internal/privacy TestDueOverTwoYears", 13, alerts)})
	if told != alerts {
		t.Errorf("%d audit rows for %d alerts", told, alerts)
	}
}

// Enrolling and deleting count by themselves; replacing does not.
func TestPeopleAreCounted(t *testing.T) {
	s := open(t)
	count := func(want int) {
		t.Helper()
		if n, _, err := s.People(ctx); err != nil || n != want {
			t.Errorf("%d people, %v; want %d", n, err, want)
		}
	}
	before, _, err := s.People(ctx)
	must(t, err)
	p := person("counted-1", 0x31)
	must(t, s.PutPerson(ctx, p, false, entry("person.add")))
	count(before + 1)
	want(t, s.PutPerson(ctx, person("counted-2", 0x31), false, entry("person.add")), faceproof.CodeConflict)
	count(before + 1)
	must(t, s.PutPerson(ctx, p, true, entry("person.replace")))
	count(before + 1)
	must(t, deleteForTest(ctx, s, p.ID))
	count(before)
	want(t, deleteForTest(ctx, s, p.ID), faceproof.CodeNotFound)
	count(before)
}

func deleteForTest(ctx context.Context, s *Store, id string) error {
	return s.DeletePerson(ctx, faceproof.Deletion{PersonID: id, DeletedAt: t0}, entry("person.remove"))
}
