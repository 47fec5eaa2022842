package wechat

import (
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"faceproof"
)

// ticketAnswer is the answer of getticket.
type ticketAnswer struct {
	Code      int    `json:"errcode"`
	Message   string `json:"errmsg"`
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// getTicket gives the ticket with which a business backend signs wx.config. It
// is the same one until its last five minutes; the earlier one then stays
// valid to its end.
func (a *API) getTicket(c *call) (any, error) {
	if c.r.URL.Query().Get("type") != "jsapi" {
		return nil, fail(codeInvalidArgs, "type must be jsapi")
	}
	ctx := c.r.Context()
	a.issue.Lock()
	defer a.issue.Unlock()
	cur, plain, err := a.openTicket(ctx, c.app.ID, kindTicket)
	if err != nil {
		return nil, err
	}
	left := time.UnixMilli(cur.ExpiresAt).Sub(a.cfg.Now())
	if plain != "" && left > tokenOverlap {
		return ticketAnswer{0, "ok", plain, int(left / time.Second)}, nil
	}
	if plain != "" && left > 0 {
		if err := a.keepEarlier(ctx, cur, plain); err != nil {
			return nil, err
		}
	}
	ticket, err := a.newToken()
	if err != nil {
		return nil, err
	}
	if err := a.put(ctx, c.app.ID, kindTicket, ticket, ticket); err != nil {
		return nil, err
	}
	return ticketAnswer{0, "ok", ticket, int(tokenTTL / time.Second)}, nil
}

// keepEarlier files the current ticket as the earlier one.
func (a *API) keepEarlier(ctx context.Context, cur faceproof.TokenRecord, plain string) error {
	sealed, err := a.cfg.Keys.Seal([]byte(plain), tokenAAD(kindLastTicket, cur.AppID))
	if err != nil {
		return err
	}
	cur.Kind, cur.Sealed = kindLastTicket, sealed
	cur.Hash = hashToken(kindLastTicket + "\x00" + plain) // a record of its own
	return a.cfg.Store.PutToken(ctx, cur)
}

// openTicket reads the app's ticket of a kind; "" when there is none.
func (a *API) openTicket(ctx context.Context, app faceproof.AppID, kind string) (faceproof.TokenRecord, string, error) {
	rec, err := a.cfg.Store.CurrentToken(ctx, app, kind)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return rec, "", nil
	}
	if err != nil {
		return rec, "", err
	}
	plain, err := a.cfg.Keys.Open(rec.Sealed, tokenAAD(kind, app))
	if err != nil {
		return rec, "", nil // sealed under a key that is gone: as good as none
	}
	return rec, string(plain), nil
}

// tickets gives the app's valid tickets, one or two.
func (a *API) tickets(ctx context.Context, app faceproof.AppID) ([]string, error) {
	var out []string
	for _, kind := range []string{kindTicket, kindLastTicket} {
		rec, plain, err := a.openTicket(ctx, app, kind)
		if err != nil {
			return nil, err
		}
		if plain != "" && a.cfg.Now().UnixMilli() < rec.ExpiresAt {
			out = append(out, plain)
		}
	}
	return out, nil
}

// Signature is WeChat's signature of wx.config: SHA-1, hex, over the ticket,
// the nonce, the timestamp and the page's address without its fragment.
func Signature(ticket, nonce, timestamp, pageURL string) string {
	sum := sha1.Sum([]byte("jsapi_ticket=" + ticket + "&noncestr=" + nonce + "&timestamp=" + timestamp + "&url=" + pageURL))
	return hex.EncodeToString(sum[:])
}

// signatureMatches tries every ticket, in a time that does not depend on the
// signature.
func signatureMatches(tickets []string, signature, nonce, timestamp, pageURL string) bool {
	ok := 0
	for _, t := range tickets {
		ok |= subtle.ConstantTimeCompare([]byte(Signature(t, nonce, timestamp, pageURL)), []byte(signature))
	}
	return ok == 1
}

// originOf gives the origin of a page's address in its normal form
// ("https://host", with the port when it is not the scheme's own).
func originOf(address string) (string, bool) {
	if len(address) > 4096 {
		return "", false
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return "", false
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host, true
}

// OriginAllowed says whether pages of an origin may use the SDK for an app:
// the server's own pages, and those that the app lists. publicOrigin is
// Config.PublicOrigin.
func OriginAllowed(r *http.Request, publicOrigin string, app faceproof.App, origin string) bool {
	origin, ok := originOf(origin)
	if !ok {
		return false
	}
	if publicOrigin != "" {
		if own, ok := originOf(publicOrigin); ok && own == origin {
			return true
		}
	} else if _, host, _ := strings.Cut(origin, "://"); host == ownHost(r, origin) {
		return true
	}
	for _, allowed := range app.Origins {
		if o, ok := originOf(allowed); ok && o == origin {
			return true
		}
	}
	return false
}

// ownHost is the Host of the request without the default port of the origin's
// scheme. A proxy in front may end TLS, so the scheme is not compared.
func ownHost(r *http.Request, origin string) string {
	own, _ := originOf(strings.SplitN(origin, "://", 2)[0] + "://" + r.Host)
	_, host, _ := strings.Cut(own, "://")
	return host
}

func (a *API) originAllowed(r *http.Request, app faceproof.App, origin string) bool {
	return OriginAllowed(r, a.cfg.PublicOrigin, app, origin)
}

// sameOrigin says whether the browser, when it names an origin, names this one.
func sameOrigin(r *http.Request, origin string) bool {
	header := r.Header.Get("Origin")
	if header == "" {
		return true // not a browser, or a request that needs no check
	}
	got, ok := originOf(header)
	return ok && got == origin
}
