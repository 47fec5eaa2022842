package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/consent"
	"faceproof/internal/pace"
)

type paperDesk struct{ withdrawn int }

const paperReceipt = "0000-1111-2222-3333-4444-5555"

func (d *paperDesk) Read(_ context.Context, receipt string) (faceproof.Consent, error) {
	if _, err := consent.HashReceipt(receipt, "receipt"); err != nil {
		return faceproof.Consent{}, err
	}
	if receipt != paperReceipt {
		return faceproof.Consent{}, faceproof.Errorf(faceproof.CodeNotFound, "receipt", "is unknown")
	}
	return faceproof.Consent{AppID: "wx00000000000000a1", Text: faceproof.ConsentText{Hash: "hash", Lang: "zh", Body: "全文"}, GivenAt: 7}, nil
}

func (d *paperDesk) Withdraw(ctx context.Context, receipt, actor string) (consent.Taken, error) {
	if _, err := d.Read(ctx, receipt); err != nil || actor != "person" {
		return consent.Taken{}, err
	}
	d.withdrawn++
	return consent.Taken{Receipt: "W-1", At: 9, Deleted: true, DeletedAt: 9}, nil
}

func TestConsentRoutes(t *testing.T) {
	desk := &paperDesk{}
	s := &Server{cfg: Config{Consents: desk, AppName: func(context.Context, faceproof.AppID) (string, error) { return "图书", nil }}}
	s.cfg.Log = slog.New(slog.DiscardHandler)
	s.cfg.Now, s.rates = time.Now, pace.New[netip.Addr](subscriberPace, maxSubscribers)
	mux := http.NewServeMux()
	for _, r := range s.consentRoutes(http.NotFoundHandler()) {
		mux.Handle(r.pattern, r.handler)
	}
	for _, c := range []struct {
		method, body string
		status       int
		field, has   string
	}{
		{"POST", `{"receipt":"` + paperReceipt + `"}`, 200, "", `"text":"全文"`},
		{"DELETE", `{"receipt":"` + paperReceipt + `"}`, 200, "", `"deleted":true`},
		{"DELETE", `{"receipt":"0000-1111-2222-3333-4444-0000"}`, 404, "receipt", "unknown"},
		{"DELETE", `{"receipt":"short"}`, 400, "receipt", "24"},
		{"DELETE", `{"receipt":7}`, 400, "receipt", "type"},
		{"DELETE", `{}`, 400, "receipt", "24"},
		{"DELETE", `{"receipt":"a","receipt":"b"}`, 400, "body", "once"},
		{"DELETE", `{"receipt":"a","all":true}`, 400, "body", "known"},
		{"POST", ``, 400, "body", "object"},
		{"POST", `{"receipt":"` + strings.Repeat("0", 2000) + `"}`, 400, "body", "bytes"},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(c.method, "/v1/consent", strings.NewReader(c.body)))
		var e errorAnswer
		_ = json.Unmarshal(w.Body.Bytes(), &e)
		if w.Code != c.status || e.Field != c.field || !strings.Contains(w.Body.String(), c.has) {
			t.Errorf("%s %.60s: %d %s", c.method, c.body, w.Code, w.Body)
		}
	}
	if desk.withdrawn != 1 {
		t.Errorf("%d withdrawals", desk.withdrawn)
	}
}
