package audit

import (
	"context"
	"errors"
	"testing"

	"faceproof"
)

// failing is a log whose next record fails when it is told so.
type failing struct {
	err  error
	rows []faceproof.AuditEntry
}

func (f *failing) Audit(_ context.Context, e faceproof.AuditEntry) error {
	if f.err == nil {
		f.rows = append(f.rows, e)
	}
	return f.err
}

// The number of refusals that were not recorded one by one outlives a log that
// cannot be written.
func TestDenialsKeepTheirCount(t *testing.T) {
	log := &failing{}
	d := NewDenials(log)
	record := func(at int64) error {
		return d.Record(t.Context(), faceproof.AuditEntry{At: at, Actor: "anyone", Object: "token", Detail: "40125"}, false)
	}
	for range 1000 {
		if err := record(t0); err != nil {
			t.Fatal(err)
		}
	}
	log.err = errors.New("full")
	if err := record(t0 + 2000); err == nil {
		t.Fatal("recorded in a log that is full")
	}
	log.err = nil
	if err := record(t0 + 4000); err != nil {
		t.Fatal(err)
	}
	if last := log.rows[len(log.rows)-1]; len(log.rows) != 121 || last.Detail != "40125, 880 more before" {
		t.Errorf("%d rows, then %+v", len(log.rows), last)
	}
}
