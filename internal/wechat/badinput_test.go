package wechat

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// sent is a value that no answer and no log may repeat.
const sent = "k4nary"

// goodBodies are bodies that are accepted, of every interface with one.
func goodBodies() map[string]string {
	order := `"verify_id":"the-verify-id","out_seq_no":"order-1","openid":"user-1","cert_hash":"` + strings.Repeat("0", 64) + `"`
	person := `"name":"` + testName + `","id_card_number":"` + testNumber + `"`
	device := `"device":{"platform":"android","version":"8.0.49","model":"M1"}`
	return map[string]string{
		"/cgi-bin/stable_token":      `{"grant_type":"client_credential","appid":"` + string(appA) + `","secret":"` + secret + `","force_refresh":false}`,
		facePath + "getuseridkey":    `{` + person + `}`,
		facePath + "getinfo":         `{"verify_result":"cred","out_seq_no":"order-1"}`,
		facePath + "getimage":        `{"verify_result":"cred"}`,
		facePath + "getvideo":        `{` + order + `}`,
		facePath + "getverifyid":     `{"out_seq_no":"order-1","openid":"user-1","cert_info":{"cert_type":"IDENTITY_CARD","cert_name":"` + testName + `","cert_no":"` + testNumber + `"}}`,
		facePath + "queryverifyinfo": `{` + order + `}`,
		"/v1/sdk/config":             `{"appId":"` + string(appA) + `","timestamp":1,"nonceStr":"n","signature":"s","url":"https://shop.example/a","jsApiList":["startFacialRecognitionVerify"]}`,
		"/v1/sdk/support":            `{"check_alive_type":2,` + device + `}`,
		"/v1/sdk/sessions":           `{"api":"startFacialRecognitionVerify",` + person + `,"check_alive_type":2,"visitor":"",` + device + `}`,
		"/v1/sdk/code":               `{"visitor":""}`,
	}
}

const facePath = "/cityservice/face/identify/"

// mutations of one member: what a client, a proxy or an attacker may make of it.
var mutations = []struct{ name, value string }{
	{"null", `null`}, {"a number", `17`}, {"a fraction", `1.5`}, {"a bool", `true`}, {"an array", `["` + sent + `"]`}, {"an object", `{"` + sent + `":1}`},
	{"empty", `""`}, {"blank", `" \t"`}, {"a text", `"` + sent + `"`}, {"5,000 characters", `"` + strings.Repeat("x", 5000) + `"`},
	{"a lone surrogate", `"\ud800` + sent + `"`}, {"NUL", `"` + sent + `\u0000"`}, {"right-to-left", `"\u202e` + sent + `"`}, {"markup", `"<script>` + sent + `</script>"`},
	{"SQL", `"' OR 1=1 -- ` + sent + `"`}, {"a format", `"%s%n` + sent + `"`}, {"full width", `"ｋａｎａｒｙ"`},
}

// call sends a body to an interface as its own client would.
func (f *fixture) call(iface, body, token, page string, header ...string) *httptest.ResponseRecorder {
	switch {
	case strings.HasPrefix(iface, SDKPrefix):
		return f.do("POST", iface, body, append(header, "Authorization", "Bearer "+page)...)
	case iface == "/cgi-bin/stable_token":
		return f.do("POST", iface, body, header...)
	}
	return f.do("POST", iface+"?access_token="+token, body, header...)
}

// replaced gives a body with the member at path replaced; "" removes it.
func replaced(t *testing.T, body, path, value string) string {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	name, rest, deep := strings.Cut(path, ".")
	switch {
	case deep:
		o[name] = json.RawMessage(replaced(t, string(o[name]), rest, value))
	case value == "":
		delete(o, name)
	default:
		o[name] = json.RawMessage(value)
	}
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", k, o[k])
	}
	return "{" + b.String() + "}"
}

// paths lists every member of a body.
func paths(t *testing.T, body string) (out []string) {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	for _, k := range slices.Sorted(maps.Keys(o)) {
		out = append(out, k)
		if o[k][0] == '{' {
			for _, p := range paths(t, string(o[k])) {
				out = append(out, k+"."+p)
			}
		}
	}
	return out
}

// Every member of every interface, made wrong in every way: a stable answer,
// written down in the golden file, that repeats nothing that was sent, is
// never the server's fault, and changes nothing.
func TestBadInput(t *testing.T) {
	f := newFixture(t)
	token, page := f.token(appA), f.page(appA, "https://shop.example/a")
	f.passed("cred")
	bodies := goodBodies()
	for _, e := range endpoints() {
		if _, ok := bodies[e.path]; e.post && !ok {
			t.Errorf("%s is not tried", e.path)
		}
	}
	var got strings.Builder
	try := func(iface, what, body string, header ...string) {
		f.log.Reset()
		w := f.call(iface, body, token, page, header...)
		answer := withoutRID(w.Body.String())
		sdk := strings.HasPrefix(iface, SDKPrefix)
		if w.Code >= 500 || !sdk && w.Code != 200 || strings.Contains(answer, `"errcode":-1`) {
			t.Errorf("%s, %s: %d %s", iface, what, w.Code, answer)
		}
		if strings.Contains(answer, sent) || strings.Contains(f.log.String(), sent) || strings.Contains(answer, testNumber) {
			t.Errorf("%s, %s: repeated in %s or the log", iface, what, answer)
		}
		fmt.Fprintf(&got, "  %s: %s\n", what, outline(t, w))
	}
	for _, iface := range slices.Sorted(maps.Keys(bodies)) {
		good := bodies[iface]
		fmt.Fprintf(&got, "%s\n", iface)
		try(iface, "an unknown member", replaced(t, good, sent, `"`+sent+`"`))
		for _, p := range paths(t, good) {
			first, _, deep := strings.Cut(p, ".")
			if !deep {
				try(iface, p+" twice", strings.TrimSuffix(good, "}")+`,"`+first+`":"`+sent+`"}`)
				try(iface, p+" twice in another case", strings.TrimSuffix(good, "}")+`,"`+strings.ToUpper(first)+`":"`+sent+`"}`)
			}
			try(iface, p+" missing", replaced(t, good, p, ""))
			for _, m := range mutations {
				try(iface, p+" is "+m.name, replaced(t, good, p, m.value))
			}
		}
		for _, b := range []struct{ what, body string }{
			{"empty", ""}, {"cut off", good[:len(good)-2]}, {"GBK", "{\"name\":\"\xd5\xc5\xc8\xfd\"}"}, {"UTF-16", "\xff\xfe{\x00}\x00"}, {"an array", "[" + good + "]"},
			{"a string", `"` + sent + `"`}, {"two objects", good + good}, {"deep", strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)}, {"a comment", "/*" + sent + "*/" + good},
		} {
			try(iface, "the body is "+b.what, b.body)
		}
		try(iface, "the body is a form", "name="+sent+"&verify_result="+sent, "Content-Type", "application/x-www-form-urlencoded")
		if w := f.do("GET", iface+"?access_token="+token, good); strings.HasPrefix(iface, SDKPrefix) && w.Code != 405 || !strings.HasPrefix(iface, SDKPrefix) && f.errcode(w) != codeNeedPOST {
			t.Errorf("GET %s: %d %s", iface, w.Code, w.Body)
		}
		if strings.HasPrefix(iface, facePath) {
			for _, h := range [][]string{{"Authorization", "Bearer " + token}, {"access_token", token}, {"Cookie", "access_token=" + token}} {
				if w := f.do("POST", iface, good, h...); f.errcode(w) != codeTokenMissing {
					t.Errorf("%s with the token in %s: %s", iface, h[0], w.Body)
				}
			}
		}
	}
	golden(t, "testdata/badinput.golden", got.String())
}

// outline is the answer without what differs from run to run.
func outline(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var a struct {
		Code    *int   `json:"errcode"`
		Client  *int   `json:"errCode"`
		Message string `json:"errmsg"`
		Says    string `json:"errMsg"`
	}
	if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		return "accepted: " + ct
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	switch {
	case a.Client != nil && *a.Client != 0:
		return fmt.Sprintf("%d %d %s", w.Code, *a.Client, a.Says)
	case a.Code != nil && *a.Code != 0:
		return withoutRID(fmt.Sprintf("%d %s", *a.Code, a.Message))
	}
	return "accepted"
}

// malformed makes an ID number that is none.
func malformed(r *rand.Rand) string {
	good := []rune(testNumber)
	switch r.IntN(12) {
	case 0: // length
		return string(good[:r.IntN(18)])
	case 1:
		return testNumber + fmt.Sprint(r.IntN(1000))
	case 2: // month or day
		return fmt.Sprintf("990000%04d%02d%02d%04d", 1900+r.IntN(100), 13+r.IntN(87), r.IntN(100), r.IntN(10000))
	case 3: // not born yet, or long ago
		return fmt.Sprintf("990000%04d0101%04d", []int{1000, 1849, 2027, 9999}[r.IntN(4)]+0, r.IntN(10000))
	case 4: // check character
		c := []rune("0123456789")
		good[17] = c[r.IntN(10)] // the right one is X
	case 5: // letters
		good[r.IntN(17)] = rune('A' + r.IntN(26))
	case 6: // Arabic-Indic digits
		i := r.IntN(17)
		good[i] = good[i] - '0' + '٠'
	case 7: // right-to-left mark
		good[r.IntN(18)] = '\u200f'
	case 8:
		good[r.IntN(18)] = 0
	case 9: // X in the middle
		good[r.IntN(17)] = 'X'
	case 10: // first generation
		return testNumber[:6] + testNumber[8:17]
	case 11: // spaces inside
		good[1+r.IntN(16)] = ' '
	}
	return string(good)
}

// 10,000 malformed ID numbers end before anything is asked: no person is looked
// up, no key made, no verification begun.
func TestMalformedNumbers(t *testing.T) {
	f := newFixture(t)
	token, page := f.token(appA), f.page(appA, "https://shop.example/a")
	r := rand.New(rand.NewPCG(3, 9))
	answers := map[string]int{}
	for i := range 10_000 {
		n := malformed(r)
		var w *httptest.ResponseRecorder
		switch i % 3 {
		case 0:
			w = f.call(facePath+"getuseridkey", toJSON(map[string]string{"name": testName, "id_card_number": n}), token, page)
		case 1:
			w = f.call(facePath+"getverifyid", toJSON(map[string]any{"out_seq_no": "order-1", "openid": "u",
				"cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": n}}), token, page)
		case 2:
			w = f.call("/v1/sdk/sessions", toJSON(map[string]string{"api": apiStart, "name": testName, "id_card_number": n}), token, page)
		}
		line := outline(t, w)
		if code, _, _ := strings.Cut(line, " "); code != "40097" && code != "84006" && code != "400" {
			t.Fatalf("%q: %s", n, line)
		}
		answers[line]++
	}
	if f.verify.n != 0 || len(f.verify.created) != 0 || len(f.verify.started) != 0 || len(f.verify.subjects) != 0 {
		t.Error("a malformed number went on")
	}
	if len(answers) > 20 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
}

// nameParts build names that are hard for somebody: rare Han of the extensions
// B to H, Uyghur, Tibetan, Yi, the five separators, composed and decomposed.
var nameParts = [][]string{
	{"张", "𠮷", "𡈽", "𪜶", "𫝀", "𬎆", "𭁨", "𰀀", "𱁬", "㐂", "﨑"},
	{"买买提", "阿卜杜", "古丽", "ئابدۇللا", "ئەخمەت", "བསྟན་འཛིན", "ཚེ་རིང", "ꆈꌠ", "José", "Jose\u0301", "Nguyễn", "Nguye\u0302\u0303n"},
	{"", "·", "•", "・", "‧", "∙", "・"},
}

// 5,000 hard names: taken or refused by a documented code, and what is taken is
// what the person was called.
func TestHardNames(t *testing.T) {
	f := newFixture(t)
	token, page := f.token(appA), f.page(appA, "https://shop.example/a")
	r := rand.New(rand.NewPCG(5, 9))
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	taken := 0
	for range 5000 {
		name := pick(nameParts[r.IntN(2)])
		for range r.IntN(5) {
			name += pick(nameParts[2]) + pick(nameParts[r.IntN(2)])
		}
		if r.IntN(10) == 0 {
			name += pick([]string{"\u200d", "\u202e", "\x7f", strings.Repeat("长", 70), " "})
		}
		before := len(f.verify.started)
		w := f.call("/v1/sdk/sessions", toJSON(map[string]string{"api": apiStart, "name": name, "id_card_number": testNumber}), token, page)
		switch line := outline(t, w); {
		case line == "accepted":
			taken++
			if got := f.verify.started[before].Name.Reveal(); got != strings.TrimSpace(name) {
				t.Errorf("%q became %q", name, got)
			}
		case !strings.HasPrefix(line, "400 10001 startFacialRecognitionVerify:fail name must "):
			t.Errorf("%q: %s", name, line)
		}
	}
	if taken < 4000 || taken == 5000 {
		t.Errorf("%d of 5000 taken", taken)
	}
}

// members takes what encoding/json takes, and the same values, unless a name
// comes twice.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":{"a":2}}`, `{"a":1,"A":2}`, `{"a":1,"\u0061":2}`, `[]`, `null`, `{"a":1}{}`, `{"a":[{"b":"c"}]} `, ` {"":0}`, `{"a"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, twice, err := members(data)
		var want map[string]json.RawMessage
		if ok := json.Unmarshal(data, &want) == nil && want != nil; ok != (err == nil) {
			t.Fatalf("taken %v, %v", ok, err)
		}
		if err != nil || twice {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%d members, %d", len(got), len(want))
		}
		for k, v := range want {
			if string(got[k]) != string(v) {
				t.Fatalf("%q: %s, %s", k, got[k], v)
			}
		}
	})
}
