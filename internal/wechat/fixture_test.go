package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/verify"
)

// Invented people: area 990000 does not exist, the check characters are right.
const (
	testName   = "古丽·测试"
	testNumber = "99000019900307003X"
	badNumber  = "990000199003070030"
)

const (
	appA   = faceproof.AppID("wx00000000000000aa")
	appB   = faceproof.AppID("wx00000000000000bb")
	secret = "3f9c1d0e5b7a48629c0d1e2f3a4b5c6d"

	earlierSecret = "0b8a7f6e5d4c3b2a19087f6e5d4c3b2a"
)

// memStore is a Store in memory.
type memStore struct {
	mu      sync.Mutex
	apps    map[faceproof.AppID]faceproof.App
	tokens  map[string]faceproof.TokenRecord
	broken  error
	earlier int64  // unix milliseconds
	stored  func() // called when a token was stored; nil: nothing
}

func (m *memStore) App(_ context.Context, id faceproof.AppID) (faceproof.App, []byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return faceproof.App{}, nil, m.broken
	}
	a, ok := m.apps[id]
	if !ok {
		return a, nil, faceproof.Errorf(faceproof.CodeNotFound, "", "app")
	}
	return a, hashToken(secret), nil
}

// EarlierSecret is earlierSecret until m.earlier.
func (m *memStore) EarlierSecret(_ context.Context, _ faceproof.AppID, at int64) ([]byte, error) {
	if at < m.earlier {
		return hashToken(earlierSecret), nil
	}
	return nil, nil
}

func (m *memStore) EndTokens(_ context.Context, app faceproof.AppID, kind string, at int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, t := range m.tokens {
		if t.AppID == app && t.Kind == kind && t.ExpiresAt > at {
			t.ExpiresAt = at
			m.tokens[k] = t
		}
	}
	return nil
}

func (m *memStore) PutToken(_ context.Context, t faceproof.TokenRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.tokens[string(t.Hash)]; ok {
		old.ExpiresAt = t.ExpiresAt
		t = old
	}
	m.tokens[string(t.Hash)] = t
	if m.stored != nil {
		m.stored()
	}
	return nil
}

func (m *memStore) Token(_ context.Context, hash []byte) (faceproof.TokenRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t, ok := m.tokens[string(hash)]; ok {
		return t, nil
	}
	return faceproof.TokenRecord{}, faceproof.Errorf(faceproof.CodeNotFound, "", "token")
}

func (m *memStore) CurrentToken(_ context.Context, app faceproof.AppID, kind string) (faceproof.TokenRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var best *faceproof.TokenRecord
	for _, t := range m.tokens {
		if t.AppID == app && t.Kind == kind && (best == nil || t.IssuedAt > best.IssuedAt) {
			best = &t
		}
	}
	if best == nil {
		return faceproof.TokenRecord{}, faceproof.Errorf(faceproof.CodeNotFound, "", "token")
	}
	return *best, nil
}

func (m *memStore) UseToken(_ context.Context, hash []byte, app faceproof.AppID, kind string, at int64) (faceproof.TokenRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tokens[string(hash)]
	switch {
	case ok && t.AppID == app && t.Kind == "used "+kind:
		return faceproof.TokenRecord{}, faceproof.Errorf(faceproof.CodeConflict, "", "used")
	case !ok || t.AppID != app || t.Kind != kind || t.ExpiresAt <= at:
		return faceproof.TokenRecord{}, faceproof.Errorf(faceproof.CodeNotFound, "", "token")
	}
	used := t
	used.Kind = "used " + kind
	m.tokens[string(hash)] = used
	return t, nil
}

// fakeVerify answers by what a test put into it.
type fakeVerify struct {
	created  []verify.CreateRequest
	started  []faceproof.Subject
	openIDs  []string
	subjects map[string]faceproof.Subject // by app ‖ user_id_key
	infos    map[string]verify.Info       // by app ‖ credential or verify_id
	used     map[string]string            // the same: the out_seq_no of the first answer
	bound    string                       // openid of the-verify-id
	portrait []byte
	digits   bool  // can be read
	err      error // of every method
	n        int
}

func (f *fakeVerify) Create(_ context.Context, r verify.CreateRequest) (verify.Created, error) {
	if f.err != nil {
		return verify.Created{}, f.err
	}
	for _, c := range f.created {
		if c.OutSeqNo == r.OutSeqNo && c.App.ID == r.App.ID {
			return verify.Created{}, faceproof.Errorf(faceproof.CodeConflict, "out_seq_no", "was used before")
		}
	}
	f.created = append(f.created, r)
	return verify.Created{ID: "id", VerifyID: faceproof.NewToken("the-verify-id"), ExpiresIn: time.Hour}, nil
}

func (f *fakeVerify) UserIDKey(_ context.Context, app faceproof.App, s faceproof.Subject) (faceproof.Token, time.Duration, error) {
	if f.err != nil {
		return faceproof.Token{}, 0, f.err
	}
	f.n++
	key := fmt.Sprintf("%032x", f.n)
	f.subjects[string(app.ID)+key] = s
	return faceproof.NewToken(key), time.Hour, nil
}

func (f *fakeVerify) SubjectOf(_ context.Context, app faceproof.AppID, key string) (faceproof.Subject, error) {
	s, ok := f.subjects[string(app)+key]
	if !ok {
		return s, faceproof.Errorf(faceproof.CodeNotFound, "user_id_key", "unknown")
	}
	return s, nil
}

func (f *fakeVerify) Start1(_ context.Context, app faceproof.App, s faceproof.Subject, alive faceproof.AliveType, openID string, video bool) (verify.Started, error) {
	if f.err != nil {
		return verify.Started{}, f.err
	}
	methods, err := faceproof.MethodsOf(app.Alive, alive, f.digits)
	if err != nil {
		return verify.Started{}, err
	}
	f.started, f.openIDs = append(f.started, s), append(f.openIDs, openID)
	return verify.Started{SessionID: strings.Repeat("ab", 16), CaptureToken: faceproof.NewToken("cap"), ExpiresIn: 180 * time.Second,
		Methods: methods, MaskedName: s.Name.Masked(), OpenID: openID, Video: video}, nil
}

func (f *fakeVerify) Start2(_ context.Context, app faceproof.App, verifyID string, mayStart func(string) bool, video bool) (verify.Started, error) {
	if f.err != nil {
		return verify.Started{}, f.err
	}
	if verifyID != "the-verify-id" || app.ID != appA || !mayStart(f.bound) {
		return verify.Started{}, faceproof.Errorf(faceproof.CodeNotFound, "verify_id", "unknown")
	}
	methods, err := faceproof.MethodsOf(app.Alive, faceproof.AliveAuto, f.digits)
	if err != nil {
		return verify.Started{}, err
	}
	return verify.Started{SessionID: strings.Repeat("cd", 16), CaptureToken: faceproof.NewToken("cap2"), ExpiresIn: 180 * time.Second, Methods: methods, MaskedName: "*三", Video: video}, nil
}

func (f *fakeVerify) Redeem(ctx context.Context, app faceproof.App, credential, outSeqNo string) (verify.Info, error) {
	if f.err != nil {
		return verify.Info{}, f.err
	}
	k := string(app.ID) + credential
	info, ok := f.infos[k]
	under, used := f.used[k]
	if !ok || used && (outSeqNo == "" || under != outSeqNo) {
		return verify.Info{}, faceproof.Errorf(faceproof.CodeNotFound, "verify_result", "unknown")
	}
	if !used {
		f.used[k] = outSeqNo
		info.UserIDKey, _, _ = f.UserIDKey(ctx, app, info.Subject)
		f.infos[k] = info
	}
	info.Replayed = used
	return info, nil
}

func (f *fakeVerify) Query(_ context.Context, app faceproof.App, verifyID, outSeqNo, certHash, openID string) (verify.Info, error) {
	if f.err != nil {
		return verify.Info{}, f.err
	}
	info, ok := f.infos[string(app.ID)+verifyID]
	if !ok || info.Verification.OutSeqNo != outSeqNo || info.Verification.OpenID != openID || info.Verification.CertHash != certHash {
		return verify.Info{}, faceproof.Errorf(faceproof.CodeNotFound, "verify_id", "unknown")
	}
	if info.Decision.Outcome != "" && info.Verification.State != faceproof.StateEnded {
		_, info.Replayed = f.used[string(app.ID)+verifyID]
		f.used[string(app.ID)+verifyID] = ""
	}
	return info, nil
}

func (f *fakeVerify) Portrait(_ context.Context, app faceproof.App, by verify.PortraitKey) ([]byte, error) {
	if f.err != nil {
		return nil, f.err
	}
	if f.portrait == nil || app.ID != appA || (by.Credential != "cred" && by.VerifyID != "the-verify-id") {
		return nil, faceproof.Errorf(faceproof.CodeNotFound, "", "no portrait")
	}
	return f.portrait, nil
}

func (f *fakeVerify) Video(ctx context.Context, app faceproof.App, by verify.PortraitKey) ([]byte, error) {
	b, err := f.Portrait(ctx, app, by)
	return append([]byte("PK"), b...), err
}

// fixture is an API with two apps and a clock that a test moves.
type fixture struct {
	t      testing.TB
	api    *API
	store  *memStore
	verify *fakeVerify
	now    time.Time
	log    bytes.Buffer
}

func testNotice() faceproof.Notice {
	return faceproof.Notice{Handler: "示例公司", Contact: "privacy@example.com", Purpose: "开户", Necessity: "法律要求实名", RetentionDays: 30, Alternative: "到柜台办理"}
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{t: t, now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	f.store = &memStore{apps: map[faceproof.AppID]faceproof.App{}, tokens: map[string]faceproof.TokenRecord{}}
	for _, id := range []faceproof.AppID{appA, appB} {
		f.store.apps[id] = faceproof.App{ID: id, Name: "示例 " + string(id[16:]), Notice: testNotice(),
			Permissions: faceproof.Permissions(), Origins: []string{"https://shop.example"}, Alive: faceproof.AliveAuto}
	}
	f.verify = &fakeVerify{subjects: map[string]faceproof.Subject{}, infos: map[string]verify.Info{}, used: map[string]string{}}
	ring, err := keys.Open(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	f.api, err = New(Config{Store: f.store, Verify: f.verify, Keys: ring, Now: func() time.Time { return f.now },
		Log: slog.New(slog.NewJSONHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// withDigits makes the server one with a recogniser.
func (f *fixture) withDigits() { f.api.cfg.Digits, f.verify.digits = true, true }

func (f *fixture) subject() faceproof.Subject {
	n, err := faceproof.ParseName(testName, "name")
	if err != nil {
		f.t.Fatal(err)
	}
	id, err := faceproof.ParseIDNumber(testNumber, "id", f.now)
	if err != nil {
		f.t.Fatal(err)
	}
	return faceproof.Subject{Name: n, IDNumber: id}
}

// do sends a request with a raw body.
func (f *fixture) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "face.example"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	return w
}

// token gives an access token of an app.
func (f *fixture) token(app faceproof.AppID) string {
	f.t.Helper()
	w := f.do("POST", "/cgi-bin/stable_token", toJSON(map[string]any{"grant_type": "client_credential", "appid": app, "secret": secret}))
	var a struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	f.decode(w, &a)
	if a.Token == "" || a.ExpiresIn <= 0 {
		f.t.Fatalf("no token: %s", w.Body)
	}
	return a.Token
}

func (f *fixture) face(app faceproof.AppID, name, body string) *httptest.ResponseRecorder {
	return f.do("POST", "/cityservice/face/identify/"+name+"?access_token="+url.QueryEscape(f.token(app)), body)
}

func (f *fixture) decode(w *httptest.ResponseRecorder, into any) {
	f.t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		f.t.Fatalf("%v in %s", err, w.Body)
	}
}

type wechatError struct {
	Code    *int   `json:"errcode"`
	Message string `json:"errmsg"`
}

// errcode is the answer's errcode; 0 when it has none.
func (f *fixture) errcode(w *httptest.ResponseRecorder) int {
	f.t.Helper()
	if w.Code != http.StatusOK {
		f.t.Fatalf("status %d: WeChat's clients take that for a network error", w.Code)
	}
	var e wechatError
	f.decode(w, &e)
	if e.Code == nil {
		return 0
	}
	return *e.Code
}

var ridForm = regexp.MustCompile(` rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}`)

// withoutRID replaces the request id, which differs each time.
func withoutRID(s string) string { return ridForm.ReplaceAllString(s, " rid: RID") }

func toJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return b.String()
}
