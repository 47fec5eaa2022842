package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/registry"
	"faceproof/internal/voicebank"
)

// Registrar enrols a person; *registry.Local is one.
type Registrar interface {
	Enrol(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string, replace bool) (registry.Enrolled, error)
}

// Demo is what the demo's backend stands on: an app as any business has one.
type Demo struct {
	AppID     faceproof.AppID
	Secret    faceproof.Token
	Registrar Registrar
	// Sign gives wx.config's signature (wechat.Signature).
	Sign func(ticket, nonce, timestamp, pageURL string) string
	// CertHash gives the contract's cert_hash (verify.CertHash).
	CertHash func(certType, name, number string) string
	// Voices collects recordings for training at /record/; nil: nothing is recorded.
	Voices *voicebank.Bank
}

// Limits of the demo's backend.
const (
	demoBody      = 8 << 20   // bytes, of a registration
	demoFrame     = 512 << 10 // bytes, of one picture
	demoMinFrames = 5
	demoMaxFrames = 10
	demoOrders    = 1000 // 2.0 orders kept in memory
)

// demo is a business backend in miniature. It holds an app's secret and calls
// the WeChat-compatible interfaces as a business would, but in-process.
type demo struct {
	s      *Server
	cfg    Demo
	enrols chan struct{} // registrations that run; each analyses several pictures

	mu     sync.Mutex
	token  string // access_token
	orders map[string]demoOrder
	oldest []string // verify_ids of orders, first in first out
}

// demoOrder is what a business keeps about a 2.0 verification.
type demoOrder struct{ outSeqNo, certHash, openID string }

func newDemo(s *Server, cfg *Demo) (*demo, error) {
	if cfg.Registrar == nil || cfg.Sign == nil || cfg.CertHash == nil {
		return nil, errors.New("server: the demo needs Registrar, Sign and CertHash")
	}
	return &demo{s: s, cfg: *cfg, enrols: make(chan struct{}, 2), orders: map[string]demoOrder{}}, nil
}

func (d *demo) routes() []route {
	guard := http.NewCrossOriginProtection() // pages of other sites can't drive the demo
	post := func(path string, do func(http.ResponseWriter, *http.Request) error) route {
		return route{"POST " + path, d.s.limited(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := do(w, r); err != nil {
				if faceproof.ErrorCode(err) == faceproof.CodeInternal {
					d.s.cfg.Log.ErrorContext(r.Context(), "demo failed", "route", r.Pattern, "error", faceproof.LogText(err))
				}
				writeError(w, err)
			}
		})))}
	}
	table := []route{
		post("/demo/api/config", d.config),
		post("/demo/api/register", d.register),
		post("/demo/api/redeem", d.redeem),
		post("/demo/api/verifyid", d.verifyID),
		post("/demo/api/query", d.query),
	}
	if d.cfg.Voices != nil {
		v := &voices{bank: d.cfg.Voices, takes: make(chan struct{}, takesAtOnce)}
		table = append(table, route{"GET /record/api/consent", http.HandlerFunc(v.consent)},
			post("/record/api/begin", v.begin), post("/record/api/state", v.state), post("/record/api/string", v.take), post("/record/api/delete", v.withdraw))
	}
	return table
}

// config signs wx.config for a page of the demo.
func (d *demo) config(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		URL string `json:"url"`
	}
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	page, _, _ := strings.Cut(q.URL, "#")
	u, err := url.Parse(page)
	if err != nil || !strings.EqualFold(u.Host, r.Host) || !strings.HasPrefix(u.Path, "/demo/") {
		return faceproof.Errorf(faceproof.CodeInvalid, "url", "must be the address of a page of this demo")
	}
	raw, err := d.api(r.Context(), http.MethodGet, "/cgi-bin/ticket/getticket", url.Values{"type": {"jsapi"}}, nil)
	if err != nil {
		return err
	}
	var t struct {
		Ticket string `json:"ticket"`
	}
	if err := json.Unmarshal(raw, &t); err != nil || t.Ticket == "" {
		return errors.New("demo: no ticket")
	}
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails
	n, now := hex.EncodeToString(nonce[:]), d.s.cfg.Now().Unix()
	stamp := jsonNumber(now)
	writeJSON(w, http.StatusOK, map[string]any{
		"appId": d.cfg.AppID, "timestamp": now, "nonceStr": n, "signature": d.cfg.Sign(t.Ticket, n, stamp, page),
		"jsApiList": []string{"checkIsSupportFacialRecognition", "startFacialRecognitionVerify", "requestFacialVerify"},
	})
	return nil
}

func jsonNumber(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// register enrols a person from pictures of the webcam, or enrols them anew.
func (d *demo) register(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		Name         string   `json:"name"`
		IDCardNumber string   `json:"idCardNumber"`
		Frames       []string `json:"frames"` // JPEG in Base64, with or without "data:image/jpeg;base64,"
	}
	select { // before the body is read: it is megabytes
	case d.enrols <- struct{}{}:
		defer func() { <-d.enrols }()
	case <-r.Context().Done():
		return faceproof.Errorf(faceproof.CodeUnavailable, "", "the caller left")
	}
	if err := readJSON(w, r, demoBody, &q); err != nil {
		return err
	}
	subject, err := d.subject(q.Name, q.IDCardNumber)
	if err != nil {
		return err
	}
	if len(q.Frames) < demoMinFrames || len(q.Frames) > demoMaxFrames {
		return faceproof.Errorf(faceproof.CodeInvalid, "frames", "must be %d to %d pictures", demoMinFrames, demoMaxFrames)
	}
	photos := make([][]byte, len(q.Frames))
	for i, f := range q.Frames {
		f = strings.TrimPrefix(f, "data:image/jpeg;base64,")
		if base64.StdEncoding.DecodedLen(len(f)) > demoFrame {
			return faceproof.Errorf(faceproof.CodeInvalid, "frames", "picture %d is over %d bytes", i+1, demoFrame)
		}
		if photos[i], err = base64.StdEncoding.DecodeString(f); err != nil {
			return faceproof.Errorf(faceproof.CodeInvalid, "frames", "picture %d must be a JPEG in Base64", i+1)
		}
	}
	e, err := d.cfg.Registrar.Enrol(r.Context(), subject, photos, "demo", true)
	if err != nil {
		var e *faceproof.Error
		if errors.As(err, &e) && e.Field == "photo" {
			return &faceproof.Error{Code: e.Code, Field: "frames", Message: e.Message, Err: err}
		}
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"personId": e.ID, "frames": len(photos), "maskedName": subject.Name.Masked(), "quality": components(e.Photos)})
	return nil
}

// components are those of ISO/IEC 29794-5 for each picture.
func components(photos []faceproof.Quality) []*faceproof.Components {
	out := make([]*faceproof.Components, len(photos))
	for i, q := range photos {
		out[i] = q.Components
	}
	return out
}

// subject names the fields as the demo's page does.
func (d *demo) subject(name, number string) (s faceproof.Subject, err error) {
	if s.Name, err = faceproof.ParseName(name, "name"); err != nil {
		return s, err
	}
	s.IDNumber, err = faceproof.ParseIDNumber(number, "idCardNumber", d.s.cfg.Now())
	return s, err
}

// redeem is what a business backend does with a verifyResult, and the page
// sees the very answer.
func (d *demo) redeem(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		VerifyResult string `json:"verifyResult"`
	}
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	raw, err := d.api(r.Context(), http.MethodPost, "/cityservice/face/identify/getinfo", nil, map[string]string{"verify_result": q.VerifyResult})
	return passOn(w, raw, err)
}

// verifyID opens a 2.0 verification.
func (d *demo) verifyID(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		Name         string `json:"name"`
		IDCardNumber string `json:"idCardNumber"`
	}
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	s, err := d.subject(q.Name, q.IDCardNumber)
	if err != nil {
		return err
	}
	const certType = "IDENTITY_CARD"
	name, number := s.Name.Reveal(), s.IDNumber.Reveal()
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	seq := hex.EncodeToString(b[:])
	// A business gives its own user's id here; the demo has no log-in.
	o := demoOrder{"demo-" + seq, d.cfg.CertHash(certType, name, number), "demo-user-" + seq[:8]}
	raw, err := d.api(r.Context(), http.MethodPost, "/cityservice/face/identify/getverifyid", nil, map[string]any{
		"out_seq_no": o.outSeqNo, "openid": o.openID,
		"cert_info": map[string]string{"cert_type": certType, "cert_name": name, "cert_no": number},
	})
	if err != nil {
		return err
	}
	var a struct {
		VerifyID  string `json:"verify_id"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.VerifyID == "" {
		return passOn(w, raw, err)
	}
	d.remember(a.VerifyID, o)
	writeJSON(w, http.StatusOK, map[string]any{"verifyId": a.VerifyID, "outSeqNo": o.outSeqNo, "expiresIn": a.ExpiresIn})
	return nil
}

func (d *demo) remember(verifyID string, o demoOrder) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.orders[verifyID] = o
	d.oldest = append(d.oldest, verifyID)
	if len(d.oldest) > demoOrders {
		delete(d.orders, d.oldest[0])
		d.oldest = d.oldest[1:]
	}
}

// query is what a business backend asks after requestFacialVerify.
func (d *demo) query(w http.ResponseWriter, r *http.Request) error {
	var q struct {
		VerifyID string `json:"verifyId"`
	}
	if err := readJSON(w, r, 8<<10, &q); err != nil {
		return err
	}
	d.mu.Lock()
	o, ok := d.orders[q.VerifyID]
	d.mu.Unlock()
	if !ok {
		return faceproof.Errorf(faceproof.CodeNotFound, "verifyId", "is not an order of this demo")
	}
	raw, err := d.api(r.Context(), http.MethodPost, "/cityservice/face/identify/queryverifyinfo", nil, map[string]string{
		"verify_id": q.VerifyID, "out_seq_no": o.outSeqNo, "cert_hash": o.certHash, "openid": o.openID,
	})
	return passOn(w, raw, err)
}

// scoreMember is the backend's alone: a page that sees it can be told by it how to
// come nearer.
var scoreMember = regexp.MustCompile(`,"match_score":[0-9]+`)

// passOn shows the page what the interface answered, byte for byte but for the
// score.
func passOn(w http.ResponseWriter, raw []byte, err error) error {
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(scoreMember.ReplaceAll(raw, nil))
	return nil
}

// api calls an interface with the app's access token, and once more with a
// fresh one when the token is refused, as the SDKs of WeChat do.
func (d *demo) api(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	for try := 0; ; try++ {
		token, err := d.accessToken(ctx, try > 0)
		if err != nil {
			return nil, err
		}
		q := url.Values{"access_token": {token}}
		for k, v := range query {
			q[k] = v
		}
		raw, err := d.roundTrip(ctx, method, path+"?"+q.Encode(), body)
		if err != nil {
			return nil, err
		}
		var a struct {
			Code int `json:"errcode"`
		}
		_ = json.Unmarshal(raw, &a) // an image is no JSON, and no error
		if try > 0 || (a.Code != 40001 && a.Code != 40014 && a.Code != 42001) {
			return raw, nil
		}
	}
}

func (d *demo) accessToken(ctx context.Context, fresh bool) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.token != "" && !fresh {
		return d.token, nil
	}
	raw, err := d.roundTrip(ctx, http.MethodPost, "/cgi-bin/stable_token", map[string]string{
		"grant_type": "client_credential", "appid": string(d.cfg.AppID), "secret": d.cfg.Secret.Reveal(),
	})
	if err != nil {
		return "", err
	}
	var a struct {
		Token string `json:"access_token"`
		Code  int    `json:"errcode"`
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.Token == "" {
		return "", faceproof.Errorf(faceproof.CodeUnavailable, "", "the demo app got no access token (errcode %d)", a.Code)
	}
	d.token = a.Token
	return a.Token, nil
}

// roundTrip calls the WeChat handler in-process.
func (d *demo) roundTrip(ctx context.Context, method, target string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	w := &buffer{header: http.Header{}}
	d.s.cfg.WeChat.ServeHTTP(w, r)
	return w.Bytes(), nil
}

// buffer is a ResponseWriter in memory.
type buffer struct {
	bytes.Buffer
	header http.Header
}

func (b *buffer) Header() http.Header { return b.header }
func (b *buffer) WriteHeader(int)     {}

// readJSON reads one JSON object of our own API: known members only, at most
// limit bytes.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	var tooLarge *http.MaxBytesError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &tooLarge):
		return faceproof.Errorf(faceproof.CodeInvalid, "body", "is over %d bytes", limit)
	case errors.As(err, &wrong) && wrong.Field != "":
		return faceproof.Errorf(faceproof.CodeInvalid, wrong.Field, "has the wrong type")
	case err != nil || dec.More():
		return faceproof.Errorf(faceproof.CodeInvalid, "body", "must be one JSON object with known members")
	}
	return nil
}
