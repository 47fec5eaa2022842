package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/pace"
)

// sessionCookie holds a log-in. The prefix makes browsers refuse it from any
// other host and over plain HTTP (but for localhost).
const sessionCookie = "__Host-faceproof-admin"

// who is the caller of the admin API.
type who struct {
	faceproof.Admin
	machine bool // the token of the data folder
	token   string
}

// actor is who the audit log names.
func (w who) actor() string {
	if w.machine {
		return adminActor
	}
	return adminActor + ":" + w.ID
}

// may says whether the caller may touch an app; "" belongs to none.
func (w who) may(app faceproof.AppID) bool { return w.machine || w.May(app) }

type whoKey struct{}

// caller gives who the guard has found.
func caller(r *http.Request) who {
	w, _ := r.Context().Value(whoKey{}).(who)
	return w
}

// Guesses: how many wrong credentials a network may show at once, and how long
// it waits for one more then.
const (
	guessesAtOnce = 20
	guessEvery    = 3 * time.Second
)

var guessPace = pace.Rate{PerSecond: 1 / guessEvery.Seconds(), Burst: guessesAtOnce}

// guesses counts wrong credentials by network. It never counts by account, so
// that nobody can lock the owner out; and a credential that was right within the
// hour is looked at even while its network is over the limit, so that somebody
// who guesses behind the same address stops no session.
type guesses struct {
	now func() time.Time
	per *pace.Buckets[netip.Addr]

	mu    sync.Mutex
	right map[[sha256.Size]byte]time.Time
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, per: pace.New[netip.Addr](guessPace, maxSubscribers), right: map[[sha256.Size]byte]time.Time{}}
}

// mayTry says whether a network may show a credential now.
func (g *guesses) mayTry(ip netip.Addr, credential string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if at, ok := g.right[sha256.Sum256([]byte(credential))]; ok && credential != "" && now.Sub(at) < time.Hour {
		return true
	}
	return g.per.Has(network(ip), now)
}

// wrong counts one. Too many networks are forgotten: ten thousand of them guess
// no 256 bits either.
func (g *guesses) wrong(ip netip.Addr) { g.per.Take(network(ip), g.now()) }

// good remembers a right credential.
func (g *guesses) good(credential string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.right) > 1000 {
		for h, at := range g.right {
			if now.Sub(at) >= time.Hour {
				delete(g.right, h)
			}
		}
	}
	g.right[sha256.Sum256([]byte(credential))] = now
}

// tooMany is the answer over the limit.
func tooMany() error {
	return faceproof.Errorf(faceproof.CodeRateLimited, "", "too many wrong credentials from one address; wait a few seconds")
}

// identify finds the caller by a session's cookie or the machine's token. There
// is one answer to none, a wrong, and an old one.
func (a *admin) identify(r *http.Request) (who, error) {
	none := faceproof.Errorf(faceproof.CodeUnauthenticated, "authorization", "the admin token is missing or wrong")
	ip := a.s.clientIP(r)
	if cookie, err := r.Cookie(sessionCookie); err == nil && a.cfg.Gate != nil && r.Header.Get("Authorization") == "" {
		if !a.guesses.mayTry(ip, cookie.Value) {
			return who{}, tooMany()
		}
		found, err := a.cfg.Gate.Who(r.Context(), cookie.Value)
		if faceproof.ErrorCode(err) == faceproof.CodeUnauthenticated {
			a.guesses.wrong(ip)
			return who{}, none
		}
		if err != nil {
			return who{}, err
		}
		a.guesses.good(cookie.Value)
		return who{Admin: found, token: cookie.Value}, nil
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		return who{}, none
	}
	if !a.guesses.mayTry(ip, token) {
		return who{}, tooMany()
	}
	hash := sha256.Sum256([]byte(token))
	if len(a.cfg.TokenHash) != sha256.Size || subtle.ConstantTimeCompare(hash[:], a.cfg.TokenHash) != 1 {
		a.guesses.wrong(ip)
		return who{}, none
	}
	a.guesses.good(token)
	return who{machine: true}, nil
}

// allowed says whether a caller may use a route.
func (x access) allowed(w who, r *http.Request) bool {
	switch {
	case x.who != forAdmin:
		return false
	case w.machine:
		return x.machine
	case w.Disabled || len(x.roles) > 0 && !w.Has(x.roles...):
		return false
	case x.app:
		return w.May(faceproof.AppID(r.PathValue("app")))
	}
	return x.own || w.May("")
}

// with puts the caller into the request.
func with(r *http.Request, w who) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), whoKey{}, w))
}
