package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"faceproof"
)

// What two people agreed to is done although the second has closed the page.
func TestAgreedAndGone(t *testing.T) {
	p := newPeople(t)
	x, y := p.invited("甲", []faceproof.Role{faceproof.RoleOperator}), p.invited("乙", []faceproof.Role{faceproof.RoleCustodian})
	code, m := x.ask("POST", "/v1/admin/apps/"+string(demoID)+"/reading", `{"reading":{"min_level":"low"},"reason":"试点"}`)
	if code != http.StatusAccepted {
		t.Fatal(code, m)
	}
	ctx, gone := context.WithCancel(t.Context())
	p.db.OnAudit(gone) // the first thing that the call writes is that y agrees
	r := httptest.NewRequestWithContext(ctx, "POST", "/v1/admin/proposals/"+m["id"].(string)+"/decide", strings.NewReader(`{"agree":true}`))
	r.RemoteAddr = p.from
	r.Header.Set("Cookie", y.cookie)
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	app, _, err := p.db.App(t.Context(), demoID)
	check(t, err)
	if ctx.Err() == nil || app.Reading.MinLevel != faceproof.LevelLow || !strings.Contains(w.Body.String(), `"done"`) {
		t.Errorf("level %q: %d %s", app.Reading.MinLevel, w.Code, w.Body)
	}
}

// Nobody is asked to agree to what cannot be done.
func TestProposalsAreChecked(t *testing.T) {
	p := newPeople(t)
	x := p.invited("甲", []faceproof.Role{faceproof.RoleOperator})
	for _, c := range []struct{ path, body, field string }{
		{"invites", `{"name":"丁","roles":["operator"],"apps":["wx1"],"reason":"轮班"}`, "apps"},
		{"invites", `{"name":"丁","roles":["root"],"reason":"轮班"}`, "roles"},
		{"invites", `{"name":"","roles":["operator"],"reason":"轮班"}`, "name"},
		{"apps/" + string(demoID) + "/switch", `{"permissions":["getimage","everything"],"on":true,"reason":"取证"}`, "permissions"},
	} {
		if code, m := x.ask("POST", "/v1/admin/"+c.path, c.body); code != http.StatusBadRequest || m["field"] != c.field {
			t.Errorf("%s: %d %v", c.body, code, m)
		}
	}
}
