package consent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
)

// half is a store and a registry in which a withdrawal got half-way.
type half struct {
	Store
	full    error // the registry's
	pending [][]byte
	removed []string
}

func (h *half) PendingWithdrawals(context.Context) ([][]byte, error) { return h.pending, nil }
func (h *half) PersonNear(_ context.Context, index []byte) (faceproof.Person, error) {
	return faceproof.Person{ID: "p", SubjectIndex: index}, nil
}
func (h *half) Remove(_ context.Context, id, actor string) error {
	if h.full == nil {
		h.removed = append(h.removed, id+" by "+actor)
	}
	return h.full
}
func (h *half) WithdrawalDone(context.Context, []byte, faceproof.AuditEntry) error {
	h.pending = nil
	return nil
}

// A deletion that failed is tried again while the server runs, until it is done.
func TestWithdrawalIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &half{full: errors.New("no space left"), pending: [][]byte{{1}}}
		told := 0
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			NewDesk(Config{Store: h, Registry: h}).Run(ctx, func(error) { told++ })
		}()
		time.Sleep(2*finishEvery + time.Second)
		synctest.Wait()
		if told != 2 || len(h.removed) != 0 || len(h.pending) != 1 {
			t.Fatalf("%d failures told, removed %v", told, h.removed)
		}
		h.full = nil
		time.Sleep(2 * finishEvery)
		synctest.Wait()
		if told != 2 || len(h.removed) != 1 || h.removed[0] != "p by retention" || h.pending != nil {
			t.Errorf("%d failures told, removed %v", told, h.removed)
		}
		stop()
		<-ended
	})
}
