package wechat

import (
	"context"
	"fmt"
	"testing"

	"faceproof"
)

// dayCalls counts calls of one day.
type dayCalls map[string]int

func (c dayCalls) Call(_ context.Context, app faceproof.AppID, iface string, _ int64, limit int) (bool, error) {
	k := string(app) + iface
	c[k]++
	return c[k] <= limit, nil
}

// Each limit has its own code on each side.
func TestLimits(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	start := toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber})
	for field, want := range map[string]int{"subject": 10052, "device": 10042, "ip": 10042, "app": 45009, "": 10042} {
		f.verify.err = faceproof.Errorf(faceproof.CodeRateLimited, field, "too many")
		w := f.sdk("sessions", page, start)
		var e sdkError
		f.decode(w, &e)
		if w.Code != 429 || e.ErrCode != want || e.ErrMsg == "" {
			t.Errorf("%q: %d %s", field, w.Code, w.Body)
		}
		server := 45011
		if field == "app" {
			server = 45009
		}
		if code := f.errcode(f.face(appA, "getinfo", `{"verify_result":"x"}`)); code != server {
			t.Errorf("%q: errcode %d, want %d", field, code, server)
		}
	}
}

// A quota is of one app and one interface, and begins after the permission.
func TestDailyCalls(t *testing.T) {
	f := newFixture(t)
	f.api.cfg.DailyCalls, f.api.cfg.Calls = 3, dayCalls{}
	var got []int
	for range 4 {
		got = append(got, f.errcode(f.face(appA, "getinfo", `{"verify_result":"x"}`)))
	}
	got = append(got, f.errcode(f.face(appA, "getimage", `{"verify_result":"x"}`)), f.errcode(f.face(appB, "getinfo", `{"verify_result":"x"}`)))
	if fmt.Sprint(got) != "[84001 84001 84001 45009 84001 84001]" {
		t.Error(got)
	}
	// An app's own number stands before the server's, whichever is larger.
	for want, own := range map[string]int{"[84001 84001 84001 45009]": 0, "[84001 45009]": 1, "[84001 84001 84001 84001 84001 45009]": 5} {
		f.api.cfg.Calls = dayCalls{}
		a := f.store.apps[appB]
		a.DailyCalls = own
		f.store.apps[appB] = a
		var got []int
		for len(got) == 0 || got[len(got)-1] == 84001 {
			got = append(got, f.errcode(f.face(appB, "getinfo", `{"verify_result":"x"}`)))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("own quota %d: %v", own, got)
		}
	}
	f.api.cfg.Calls = dayCalls{}
	page := f.page(appA, "https://shop.example/a")
	start := toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber})
	for i, want := range []int{200, 200, 200, 429} {
		if w := f.sdk("sessions", page, start); w.Code != want {
			t.Errorf("start %d: %d %s", i, w.Code, w.Body)
		}
	}
	if _, err := New(Config{Store: f.store, Verify: f.verify, Keys: f.api.cfg.Keys, DailyCalls: 1}); err == nil {
		t.Error("a limit without a counter")
	}
}

// An app forces twenty new stable tokens a day; the twenty-first is refused and
// the token of before lives on.
func TestForcedRefreshes(t *testing.T) {
	f := newFixture(t)
	f.api.cfg.Calls = dayCalls{}
	last := f.token(appA)
	force := toJSON(map[string]any{"grant_type": "client_credential", "appid": appA, "secret": secret, "force_refresh": true})
	for i := range 22 {
		f.now = f.now.Add(forceSpacing)
		w := f.do("POST", "/cgi-bin/stable_token", force)
		if i >= forceDaily {
			if code := f.errcode(w); code != codeDailyQuota {
				t.Errorf("refresh %d: %s", i, w.Body)
			}
			continue
		}
		var a tokenAnswer
		f.decode(w, &a)
		if a.AccessToken == "" || a.AccessToken == last {
			t.Fatalf("refresh %d: %s", i, w.Body)
		}
		last = a.AccessToken
	}
	if got := f.token(appA); got != last {
		t.Error("the last token is gone")
	}
}
