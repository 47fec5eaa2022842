package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// WeChat's clients take any status but 200 for a network error: through the
// whole server, whatever is sent to its paths is answered with an errcode. A
// base URL that ends with a slash makes two of them.
func TestWeChatPathsAnswer200(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{
		"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/ticket/getticket", "/sns/jscode2session", "/cgi-bin/", "/cgi-bin/no/such", "/cityservice/", "/sns/x",
		"/cityservice/face/identify/getinfo", "/cityservice/face/identify/getimage", "/cityservice/face/identify/queryverifyinfo", "/cityservice/face/identify/getinfo/",
	} {
		for _, before := range []string{"", "/"} {
			for _, query := range []string{"", "?access_token=x&access_token=y", "?a;b=%zz&appid=" + strings.Repeat("x", 1000)} {
				for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
					for _, body := range []string{"", "{", "name=x", strings.Repeat("x", 2<<10)} {
						resp, text := f.do(method, before+path+query, body, "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example")
						var e struct {
							Code    *int   `json:"errcode"`
							Message string `json:"errmsg"`
						}
						if err := json.Unmarshal([]byte(text), &e); resp.StatusCode != 200 || err != nil || e.Code == nil || *e.Code == 0 || *e.Code == -1 || !strings.Contains(e.Message, " rid: ") {
							t.Fatalf("%s %s%s%.20s: %d %.200s", method, before, path, query, resp.StatusCode, text)
						}
					}
				}
			}
		}
	}
	var a struct {
		Token string `json:"access_token"`
	}
	resp, text := f.do("POST", "//cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"`+string(demoID)+`","secret":"`+testSecret+`"}`)
	if err := json.Unmarshal([]byte(text), &a); resp.StatusCode != 200 || err != nil || a.Token == "" {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
