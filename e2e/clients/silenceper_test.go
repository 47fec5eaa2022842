package clients

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/credential"
	"github.com/silenceper/wechat/v2/miniprogram/auth"
	"github.com/silenceper/wechat/v2/miniprogram/config"
	mini "github.com/silenceper/wechat/v2/miniprogram/context"
	"github.com/silenceper/wechat/v2/util"
)

// move points the SDK at the running server: the one change to it.
func move(t *testing.T) {
	t.Helper()
	need(t)
	util.SetURIModifier(func(uri string) string {
		path, ok := strings.CutPrefix(uri, "https://api.weixin.qq.com")
		if !ok {
			t.Errorf("the SDK calls another host than WeChat's: %.40s", uri)
			return "http://127.0.0.1:1"
		}
		return world.URL + path
	})
}

func TestSilenceperTokens(t *testing.T) {
	move(t)
	token, err := credential.NewDefaultAccessToken(world.AppID, world.Secret, "test", cache.NewMemory()).GetAccessToken()
	if err != nil || token == "" {
		t.Fatal(err)
	}
	stable := credential.NewStableAccessToken(world.AppID, world.Secret, "test", cache.NewMemory())
	first, err := stable.GetAccessToken()
	if err != nil || first == token {
		t.Fatalf("the stable token is not apart: %v", err)
	}
	again, err := credential.NewStableAccessToken(world.AppID, world.Secret, "test", cache.NewMemory()).GetAccessToken()
	if err != nil || again != first {
		t.Errorf("two stable tokens differ: %v", err)
	}
	for _, tok := range []string{token, first} {
		b, err := util.PostJSON("https://api.weixin.qq.com/cityservice/face/identify/getuseridkey?access_token="+tok,
			map[string]string{"name": person.Name, "id_card_number": person.No})
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			util.CommonError
			Key string `json:"user_id_key"`
		}
		if err := util.DecodeWithError(b, &a, "getuseridkey"); err != nil || len(a.Key) != 32 {
			t.Errorf("getuseridkey: %v", err)
		}
	}
	_, err = credential.NewStableAccessToken(world.AppID, "wrong", "test", cache.NewMemory()).GetAccessToken()
	if err == nil || !strings.Contains(err.Error(), "40125") {
		t.Errorf("a wrong secret: %v", err)
	}
	_, err = credential.NewDefaultAccessToken("wx0000000000000000", world.Secret, "test", cache.NewMemory()).GetAccessToken()
	if err == nil || !strings.Contains(err.Error(), "40013") {
		t.Errorf("an unknown app: %v", err)
	}
}

// The SDK's signature lets a page in, the page gets a js_code, and the SDK
// turns it into an openid, once.
func TestSilenceperLogin(t *testing.T) {
	move(t)
	token, err := credential.NewStableAccessToken(world.AppID, world.Secret, "test", cache.NewMemory()).GetAccessToken()
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := credential.NewDefaultJsTicket(world.AppID, "test", cache.NewMemory()).GetTicket(token)
	if err != nil || ticket == "" {
		t.Fatal(err)
	}
	page := world.URL + "/pay"
	signature := util.Signature("jsapi_ticket=" + ticket + "&noncestr=nonce&timestamp=1790000000&url=" + page)
	var c struct {
		PageToken string `json:"page_token"`
	}
	sdk(t, "config", "", map[string]any{"appId": world.AppID, "timestamp": 1790000000, "nonceStr": "nonce", "signature": signature, "url": page, "jsApiList": []string{}}, &c)
	openID := func(visitor string) (openid, kept string) {
		t.Helper()
		var code struct{ Code, Visitor string }
		sdk(t, "code", c.PageToken, map[string]string{"visitor": visitor}, &code)
		login := auth.NewAuth(&mini.Context{Config: &config.Config{AppID: world.AppID, AppSecret: world.Secret}})
		a, err := login.Code2Session(code.Code)
		if err != nil || len(a.OpenID) != 28 || a.SessionKey == "" {
			t.Fatalf("jscode2session: %v %+v", err, a)
		}
		if _, err := login.Code2Session(code.Code); err == nil || !strings.Contains(err.Error(), "40163") {
			t.Errorf("a used code: %v", err)
		}
		if _, err := login.Code2Session("nobody's"); err == nil || !strings.Contains(err.Error(), "40029") {
			t.Errorf("an unknown code: %v", err)
		}
		return a.OpenID, code.Visitor
	}
	first, visitor := openID("")
	if again, _ := openID(visitor); again != first {
		t.Error("the same browser has another openid")
	}
	if other, _ := openID(""); other == first {
		t.Error("another browser has the same openid")
	}
}

// sdk calls what the browser SDK calls.
func sdk(t *testing.T, name, token string, body, into any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, world.URL+"/v1/sdk/"+name, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != 200 {
		t.Fatalf("/v1/sdk/%s: %d %v", name, resp.StatusCode, err)
	}
}
