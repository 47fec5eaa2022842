package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/imaging"
	"faceproof/internal/registry"
	"faceproof/internal/voicebank"
)

const uploadsSeed = 27

// decoding is a Registrar that reads each picture as enrolment does, before any
// network would look at it.
type decoding struct{ r Registrar }

func (d decoding) Enrol(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string, replace bool) (registry.Enrolled, error) {
	for _, p := range photos {
		if _, err := imaging.Decode(p, imaging.PhotoLimits); err != nil {
			return registry.Enrolled{}, err
		}
	}
	return d.r.Enrol(ctx, s, photos, actor, replace)
}

// files are uploads as they should be; the last two kinds have no place anywhere.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 48, 64))
	for i := range 48 * 64 {
		m.Set(i%48, i/48, color.RGBA{uint8(i), uint8(3 * i), uint8(i / 7), 255})
	}
	var j, p bytes.Buffer
	check(t, jpeg.Encode(&j, m, &jpeg.Options{Quality: 85}))
	check(t, png.Encode(&p, m))
	webm := append([]byte("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm\x42\x87\x81\x04\x42\x85\x81\x02\x18\x53\x80\x67\x01"), make([]byte, 600)...)
	return map[string][]byte{"jpeg": j.Bytes(), "png": p.Bytes(), "webm": webm, "m3u8": []byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")}
}

// spoil changes a file: bits, bytes, pieces left out, doubled, moved or of another
// file, lengths that lie, and ends too early.
func spoil(r *rand.Rand, data, other []byte) []byte {
	b := bytes.Clone(data)
	for range 1 + r.IntN(6) {
		if len(b) < 4 {
			return b
		}
		i := r.IntN(len(b))
		if r.IntN(3) == 0 {
			i = r.IntN(min(len(b), 64)) // headers
		}
		n := min(1+r.IntN(64), len(b)-i)
		switch r.IntN(9) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, '"', '{', 0xd8}[r.IntN(8)]
		case 2:
			b = slices.Delete(b, i, i+n)
		case 3:
			b = slices.Insert(b, i, b[i:i+n]...)
		case 4:
			b = b[:i]
		case 5:
			k := r.IntN(len(other))
			b = slices.Insert(b, i, other[k:min(len(other), k+n)]...)
		case 6:
			for k := range min(4, n) {
				b[i+k] = []byte{0, 0xff, 0x7f}[r.IntN(3)]
			}
		case 7:
			copy(b[i:i+n], b[r.IntN(len(b)-n+1):])
		case 8:
			b = append(b, other...)
		}
	}
	return b
}

// odd are values that JSON may hold where another was meant.
var odd = []string{`null`, `true`, `0`, `-1`, `1e999`, `9223372036854775808`, `0.1`, `""`, `[]`, `{}`, `[[[[[[[[]]]]]]]]`, `"\ud800"`, `"\u0000"`, `"\u202e"`, `"` + "\xff" + `"`,
	`"` + "\xd5\xc5\xc8\xfd" + `"`, `NaN`, `{"a":{"a":{"a":1}}}`, `"` + strings.Repeat("长", 3000) + `"`, `'x'`, `"x"`, `[1,"a",null]`, strings.Repeat("[", 3000), `""` + "\x00"}

// spoilJSON puts an odd value in a member's place, doubles or renames a member, or
// changes bytes.
func spoilJSON(r *rand.Rand, members map[string]any) []byte {
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	bad := keys[r.IntN(len(keys))]
	var b strings.Builder
	b.WriteString([]string{"{", "{", "{", "\ufeff{", " {", "[{", ""}[r.IntN(7)])
	for i, k := range keys {
		v, _ := json.Marshal(members[k])
		name := k
		if k == bad {
			switch r.IntN(5) {
			case 0, 1, 2:
				v = []byte(odd[r.IntN(len(odd))])
			case 3:
				name = strings.ToUpper(k)
			case 4:
				fmt.Fprintf(&b, `%q:%s,`, k, v)
			}
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, v)
	}
	b.WriteString([]string{"}", "}", "}", "}{}", "}x", "", "}]"}[r.IntN(7)])
	if out := []byte(b.String()); r.IntN(3) == 0 && len(out) > 4 {
		return spoil(r, out, []byte(`{"a":1}`))
	}
	return []byte(b.String())
}

// uploader asks a server in this process.
type uploader struct {
	f      *fixture
	r      *rand.Rand
	page   string
	access string
	code   string // of a speaker
	sound  map[string]any
	files  map[string][]byte
}

// bodies are the members of a good request of each address.
func (u *uploader) bodies() map[string]map[string]any {
	id := map[string]any{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": testNumber}
	m := map[string]map[string]any{
		"/v1/sdk/sessions":      {"api": "startFacialRecognitionVerify", "name": testName, "id_card_number": testNumber, "check_alive_type": 2},
		"/v1/sdk/support":       {"api": "checkIsSupportFaceDetect", "check_alive_type": 2},
		"/v1/sdk/config":        {"appId": string(demoID), "timestamp": 1, "nonceStr": "n", "signature": strings.Repeat("0", 40), "url": "http://example.com/", "jsApiList": []string{"a"}},
		"/cgi-bin/stable_token": {"grant_type": "client_credential", "appid": string(demoID), "secret": testSecret},
		"/demo/api/config":      {"url": "http://example.com/demo/"},
		"/demo/api/redeem":      {"verifyResult": strings.Repeat("A", 96)},
		"/demo/api/verifyid":    {"name": testName, "idCardNumber": testNumber},
		"/demo/api/query":       {"verifyId": strings.Repeat("a", 32)},
		"/record/api/begin":     {"lang": "zh", "say": "", "facts": map[string]string{"age": "30-44"}, "consent": map[string]any{"version": "x", "voice": true}},
		"/record/api/state":     {"code": u.code},
	}
	for _, name := range []string{"getuseridkey", "getinfo", "getimage", "getverifyid", "queryverifyinfo", "getvideo"} {
		m["/cityservice/face/identify/"+name+"?access_token="+u.access] = map[string]any{"name": testName, "id_card_number": testNumber, "out_seq_no": "order-1", "openid": "u",
			"cert_info": id, "verify_result": strings.Repeat("A", 96), "verify_id": strings.Repeat("a", 32), "cert_hash": strings.Repeat("a", 40)}
	}
	return m
}

// draw makes one upload: its kind, its address and its body.
func (u *uploader) draw(paths []string, bodies map[string]map[string]any) (kind, path string, body []byte) {
	names := []string{"jpeg", "png", "webm", "m3u8"}
	other := u.files[names[u.r.IntN(len(names))]]
	switch k := u.r.IntN(100); {
	case k < 30: // pictures to enrol
		kind = names[min(u.r.IntN(6), 3)]
		if k < 12 {
			kind = "jpeg"
		}
		data := spoil(u.r, u.files[kind], other)
		frame := base64.StdEncoding.EncodeToString(data)
		if u.r.IntN(8) == 0 {
			frame = string(spoil(u.r, []byte(frame), other))
		}
		frames := slices.Repeat([]string{base64.StdEncoding.EncodeToString(u.files["jpeg"])}, 4)
		body, _ = json.Marshal(map[string]any{"name": testName, "idCardNumber": testNumber, "frames": append(frames, "data:image/jpeg;base64,"+frame)})
		return kind, "/demo/api/register", body
	case k < 33: // sound and film
		q := map[string]any{"code": u.code, "n": 1, "t0": 1000, "shown": u.sound["shown"], "film": []any{}}
		wav, _ := base64.StdEncoding.DecodeString(u.sound["wav"].(string))
		q["wav"] = base64.StdEncoding.EncodeToString(spoil(u.r, wav[:2000+u.r.IntN(len(wav)-2000)], other))
		if u.r.IntN(4) == 0 {
			q["film"] = []any{map[string]any{"t": 1, "jpeg": base64.StdEncoding.EncodeToString(spoil(u.r, u.files["jpeg"], other))}}
		}
		body, _ = json.Marshal(q)
		return "wav", "/record/api/string", body
	case k < 40: // a file where JSON is due
		kind = names[u.r.IntN(len(names))]
		return kind, paths[u.r.IntN(len(paths))], spoil(u.r, u.files[kind], other)
	}
	path = paths[u.r.IntN(len(paths))]
	return "json", path, spoilJSON(u.r, bodies[path])
}

// send gives the status, the code of a refusal ("" for none), and how long it took.
func (u *uploader) send(path string, body []byte) (status int, code string, took time.Duration, answer string) {
	r := httptest.NewRequest("POST", path, bytes.NewReader(body))
	a := u.r.Uint32()
	r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, byte(a), byte(a >> 8), byte(a >> 16)}), 9).String() // each its own rate
	r.Host = "example.com"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+u.page)
	w := httptest.NewRecorder()
	begin := time.Now()
	u.f.server.ServeHTTP(w, r)
	took = time.Since(begin)
	var e struct {
		Code    string `json:"code"`
		ErrCode int    `json:"errcode"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &e)
	if code = e.Code; e.ErrCode != 0 {
		code = fmt.Sprint("errcode ", e.ErrCode)
	}
	return w.Code, code, took, w.Body.String()
}

// security.md T27: uploads that are spoiled are answered with a code, never with a
// failure of ours. FACEPROOF_MEASURE=1 sends 100,000.
func TestSpoiledUploads(t *testing.T) {
	n := 400
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 100_000
	}
	f, _ := recording(t, func(c *Config) { c.Demo.Registrar = decoding{c.Demo.Registrar} })
	u := &uploader{f: f, r: rand.New(rand.NewPCG(uploadsSeed, 1)), page: f.pageToken(), files: files(t)}
	_, text := f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(demoID)+"&secret="+testSecret, "")
	var a struct {
		Token string `json:"access_token"`
	}
	check(t, json.Unmarshal([]byte(text), &a))
	u.access = a.Token
	u.speaker(t)
	bodies := u.bodies()
	paths := make([]string, 0, len(bodies))
	for p := range bodies {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	codes, kinds, taken, bad := map[string]int{}, map[string]int{}, 0, 0
	times := make([]time.Duration, 0, n)
	for i := range n {
		kind, path, body := u.draw(paths, bodies)
		status, code, took, answer := u.send(path, body)
		times = append(times, took)
		kinds[kind]++
		refused := status != 200 || code != ""
		if wrongAnswer(status, code, answer) {
			bad++
			t.Errorf("upload %d, %s to %s: %d %q", i, kind, strings.Split(path, "?")[0], status, code)
		}
		if !refused {
			taken++
		}
		codes[fmt.Sprintf("%d %s", status, code)]++
	}
	if strings.Contains(f.log.String(), `"panic"`) {
		t.Error("a handler panicked")
		bad++
	}
	slices.Sort(times)
	p99 := times[n*99/100]
	result := fmt.Sprintf("%d uploads (%v): 0 answers 5xx wanted, %d found; %d taken, the others refused with one of %d codes; p99 %.1f ms, longest %.0f ms",
		n, kinds, bad, taken, len(codes)-1, float64(p99.Microseconds())/1000, float64(times[n-1].Microseconds())/1000)
	t.Log(result, codes)
	if taken == n || len(codes) < 4 {
		t.Errorf("nothing is refused: %v", codes)
	}
	acceptance.Record(t, acceptance.Row{Area: "Fuzz uploads", Seed: uploadsSeed, N: n, Failures: bad, Result: result})
}

// wrongAnswer says whether an answer to a spoiled upload must not be given: it is a
// failure of ours, has no code of the closed set, or quotes a person.
func wrongAnswer(status int, code, answer string) bool {
	known := status == 200 && code == "" || strings.HasPrefix(code, "errcode ") && code != "errcode -1" ||
		slices.Contains([]string{"invalid", "unauthenticated", "forbidden", "not_found", "conflict", "expired", "rate_limited"}, code)
	return status >= 500 || !known || strings.Contains(answer, testNumber)
}

// A server that fails on what it does not expect is found out.
func TestSpoiledUploadsControl(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		wechat := c.WeChat
		c.WeChat = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(b))
			var m map[string]any
			if json.Unmarshal(b, &m) == nil && len(m) > 0 {
				_ = m["name"].(string)
			}
			wechat.ServeHTTP(w, r)
		})
	})
	u := &uploader{f: f, r: rand.New(rand.NewPCG(uploadsSeed, 2)), files: files(t)}
	found, n := 0, 200
	for range n {
		status, code, _, answer := u.send("/v1/sdk/sessions", spoilJSON(u.r, u.bodies()["/v1/sdk/sessions"]))
		if wrongAnswer(status, code, answer) {
			found++
		}
	}
	if found == 0 || !strings.Contains(f.log.String(), `"panic"`) {
		t.Errorf("%d of %d answers are wrong", found, n)
	}
	missed := 0
	if found == 0 {
		missed = 1
	}
	acceptance.Record(t, acceptance.Row{Area: "Fuzz uploads", Control: true, Seed: uploadsSeed, N: 1, Failures: missed, Number: "a handler that trusts its input is noticed",
		Result: fmt.Sprintf("%d of %d spoiled bodies make it fail", found, n)})
}

// speaker begins a recording, so that sound has somebody to belong to.
func (u *uploader) speaker(t *testing.T) {
	t.Helper()
	_, text := u.f.do("GET", "/record/api/consent", "")
	var notice voicebank.Notice
	check(t, json.Unmarshal([]byte(text), &notice))
	var s voicebank.Session
	u.f.post("/record/api/begin", map[string]any{"lang": "zh", "say": "", "facts": map[string]string{"age": "30-44"},
		"consent": map[string]any{"version": notice.Version, "lang": "en", "voice": true, "adult": true, "film": true}}, &s)
	if s.Code == "" {
		t.Fatal("no speaker")
	}
	u.code = s.Code
	q := reading(s.Plan[0], s.Code)
	u.sound = map[string]any{"wav": q.WAV, "shown": q.Shown}
}
