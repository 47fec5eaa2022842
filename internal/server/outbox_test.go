package server

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"

	"faceproof"
)

// outbox has many events of one app and then, older, two of another.
type outbox struct{ Webhooks }

func (outbox) List(_ context.Context, app faceproof.AppID, _ faceproof.WebhookState, limit int) (out []faceproof.WebhookEvent, err error) {
	for i := range maxList + 2 {
		e := faceproof.WebhookEvent{ID: fmt.Sprint(i), AppID: demoID, CreatedAt: int64(10_000 - i)}
		if i >= maxList {
			e.AppID = otherID
		}
		if (app == "" || app == e.AppID) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

// An admin of one app sees its events however busy the others are.
func TestOwnEvents(t *testing.T) {
	a := &admin{cfg: Admin{Webhooks: outbox{}}}
	for _, c := range []struct {
		apps []faceproof.AppID
		n    int
	}{{[]faceproof.AppID{otherID}, 2}, {[]faceproof.AppID{otherID, demoID}, maxList}, {nil, maxList}} {
		r := with(httptest.NewRequest("GET", "/v1/admin/webhooks", nil), who{Admin: faceproof.Admin{Apps: c.apps}})
		_, answer, err := a.webhooks(nil, r)
		check(t, err)
		list := answer.(map[string]any)["events"].([]EventJSON)
		if len(list) != c.n {
			t.Errorf("admin of %v: %d events, want %d", c.apps, len(list), c.n)
		}
		for i, e := range list {
			if i > 0 && e.CreatedAt > list[i-1].CreatedAt {
				t.Fatalf("admin of %v: event %d is newer than the one before", c.apps, i)
			}
		}
	}
}
