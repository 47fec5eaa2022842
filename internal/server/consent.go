package server

import (
	"context"
	"net/http"

	"faceproof"
	"faceproof/internal/consent"
)

// Consents is where a person reads their consent and takes it back;
// *consent.Desk is one.
type Consents interface {
	Read(ctx context.Context, receipt string) (faceproof.Consent, error)
	Withdraw(ctx context.Context, receipt, actor string) (consent.Taken, error)
}

// receiptBody is the whole body of both calls: the receipt opens the consent,
// so it stays out of addresses.
type receiptBody struct {
	Receipt string `json:"receipt"`
}

const maxReceiptBody = 1 << 10 // bytes

// consentAnswer is a consent as its person may see it.
type consentAnswer struct {
	AppName     string `json:"app_name"`
	GivenAt     int64  `json:"given_at"`     // unix milliseconds
	WithdrawnAt int64  `json:"withdrawn_at"` // unix milliseconds; 0: it stands
	Method      string `json:"method"`       // "ticks", "ticks:parent" or "ticks:guardian"
	Lang        string `json:"lang"`
	TextHash    string `json:"text_hash"` // SHA-256 of text, hex
	Text        string `json:"text"`
}

// consentRoutes are /v1/consent and its page. The receipt is the only
// credential, and each address is limited in its rate.
func (s *Server) consentRoutes(pages http.Handler) []route {
	answer := func(do func(r *http.Request, receipt string) (any, error)) http.Handler {
		return s.limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var q receiptBody
			err := readStrict(w, r, maxReceiptBody, &q)
			var v any
			if err == nil {
				v, err = do(r, q.Receipt)
			}
			if err != nil {
				if faceproof.ErrorCode(err) == faceproof.CodeInternal {
					s.cfg.Log.ErrorContext(r.Context(), "consent failed", "route", r.Pattern, "error", faceproof.LogText(err))
				}
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, v)
		}))
	}
	return []route{
		{"GET /consent/", pages},
		{"POST /v1/consent", answer(s.readConsent)},
		{"DELETE /v1/consent", answer(func(r *http.Request, receipt string) (any, error) {
			return s.cfg.Consents.Withdraw(r.Context(), receipt, "person")
		})},
	}
}

func (s *Server) readConsent(r *http.Request, receipt string) (any, error) {
	c, err := s.cfg.Consents.Read(r.Context(), receipt)
	if err != nil {
		return nil, err
	}
	name, err := s.cfg.AppName(r.Context(), c.AppID)
	return consentAnswer{AppName: name, GivenAt: c.GivenAt, WithdrawnAt: c.WithdrawnAt, Method: c.Method(), Lang: c.Text.Lang, TextHash: c.Text.Hash, Text: c.Text.Body}, err
}
