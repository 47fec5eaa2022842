package server

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"faceproof"
)

// access says who may use a route.
type access struct {
	who whose
	// roles of the admin API: one of them is needed. None: any log-in.
	roles []faceproof.Role
	// machine: the token of the data folder opens it too.
	machine bool
	// app: it belongs to the app of the path, so that an admin of other apps may not.
	// Routes of no app are for admins of all apps, unless own is set.
	app bool
	// own: the handler holds what it finds to the caller's apps itself.
	own bool
	// fresh: the person must have shown who they are within faceproof.FreshTime.
	fresh bool
	// cross: it is not held to pages of this server, because no cookie opens it:
	// the capture and the SDK are called by pages of the apps and hold their origin
	// to an app's themselves; a business server brings a secret or a token with
	// each call, and WeChat's clients take any status but 200 for a network error.
	cross bool
}

// whose is the kind of caller that a route is for.
type whose int

const (
	forAnyone  whose = iota // holds nothing of anybody
	forApp                  // a business server or page, by WeChat's tokens and signatures
	forCapture              // a person, by the token of the capture
	forPerson               // a person, by the receipt of their consent, in the body
	forDemo                 // whoever can reach a demo
	forAdmin                // the admin API
	forGuest                // the doors of the admin API: an invitation, a passkey or a provider's word is shown
)

var (
	operator  = []faceproof.Role{faceproof.RoleOperator}
	reviewer  = []faceproof.Role{faceproof.RoleReviewer}
	readers   = []faceproof.Role{faceproof.RoleOperator, faceproof.RoleReviewer, faceproof.RoleAuditor}
	overseers = []faceproof.Role{faceproof.RoleOperator, faceproof.RoleAuditor}
	custodian = []faceproof.Role{faceproof.RoleCustodian}
	seconds   = []faceproof.Role{faceproof.RoleOperator, faceproof.RoleCustodian}
)

// accesses is the table of who may do what. A route that is not here is not
// served: New fails. The matrix test asks every row as everybody.
var accesses = map[string]access{
	"GET /healthz":                {},
	"GET /v1/capture":             {who: forCapture, cross: true},
	"GET /sdk/faceproof.js":       {},
	"GET /sdk/faceproof.mjs":      {},
	"GET /sdk/faceproof-sound.js": {},
	"GET /sdk/faceproof.d.ts":     {},
	"/":                           {},
	"GET /{$}":                    {who: forDemo},
	"GET /demo/":                  {who: forDemo},
	"GET /record/":                {who: forDemo},
	"GET /record/api/consent":     {who: forDemo},

	"GET /consent/":      {},
	"POST /v1/consent":   {who: forPerson},
	"DELETE /v1/consent": {who: forPerson},

	"GET /admin/":                                {},
	"POST /v1/admin/enrol/begin":                 {who: forGuest},
	"POST /v1/admin/enrol/finish":                {who: forGuest},
	"POST /v1/admin/login/begin":                 {who: forGuest},
	"POST /v1/admin/login/finish":                {who: forGuest},
	"GET /v1/admin/login":                        {who: forGuest},
	"POST /v1/admin/oidc/begin":                  {who: forGuest},
	"GET " + OIDCCallback:                        {who: forGuest}, // a navigation from the provider's site; bound to the browser by a cookie and a state
	"GET /v1/admin/session":                      {who: forAdmin, own: true},
	"POST /v1/admin/logout":                      {who: forAdmin, own: true},
	"GET /v1/admin/admins":                       {who: forAdmin, roles: overseers},
	"POST /v1/admin/admins/{admin}/disable":      {who: forAdmin, roles: operator, fresh: true},
	"POST /v1/admin/invites":                     {who: forAdmin, roles: operator, fresh: true},
	"POST /v1/admin/imports":                     {who: forAdmin, roles: operator, fresh: true},
	"POST /v1/admin/admins/{admin}/recover":      {who: forAdmin, roles: custodian, fresh: true},
	"GET /v1/admin/proposals":                    {who: forAdmin, roles: append(slices.Clone(seconds), faceproof.RoleAuditor), own: true},
	"POST /v1/admin/proposals/{proposal}/decide": {who: forAdmin, roles: seconds, own: true, fresh: true},
	"GET /v1/admin/audit":                        {who: forAdmin, roles: []faceproof.Role{faceproof.RoleAuditor}, fresh: true},
	"GET /v1/admin/webhooks":                     {who: forAdmin, roles: overseers, own: true, machine: true},
	"POST /v1/admin/webhooks/{event}/replay":     {who: forAdmin, roles: operator, own: true, machine: true},

	"GET /v1/admin/categories":                           {who: forAdmin, roles: readers, machine: true, own: true},
	"GET /v1/admin/applications":                         {who: forAdmin, roles: readers, machine: true},
	"POST /v1/admin/applications":                        {who: forAdmin, roles: operator, machine: true},
	"GET /v1/admin/applications/{id}":                    {who: forAdmin, roles: readers, machine: true},
	"PUT /v1/admin/applications/{id}":                    {who: forAdmin, roles: operator, machine: true},
	"POST /v1/admin/applications/{id}/licences/{kind}":   {who: forAdmin, roles: operator, machine: true},
	"GET /v1/admin/applications/{id}/licences/{licence}": {who: forAdmin, roles: reviewer, machine: true, fresh: true},
	"POST /v1/admin/applications/{id}/submit":            {who: forAdmin, roles: operator, machine: true},
	"POST /v1/admin/applications/{id}/review":            {who: forAdmin, roles: reviewer, machine: true, fresh: true},
	"POST /v1/admin/apps/{app}/switch":                   {who: forAdmin, roles: operator, machine: true, app: true, fresh: true},
	"POST /v1/admin/apps/{app}/quota":                    {who: forAdmin, roles: operator, machine: true, app: true},
	"POST /v1/admin/apps/{app}/origins":                  {who: forAdmin, roles: operator, machine: true, app: true, fresh: true},
	"POST /v1/admin/apps/{app}/secret":                   {who: forAdmin, roles: operator, machine: true, app: true, fresh: true},
	"POST /v1/admin/apps/{app}/webhook":                  {who: forAdmin, roles: operator, machine: true, app: true, fresh: true},
	"POST /v1/admin/apps/{app}/reading":                  {who: forAdmin, roles: operator, app: true, fresh: true},
}

// access of a route; the paths of the WeChat-compatible interfaces and of the
// demo's backend come with their handlers.
func (s *Server) access(pattern string) (access, error) {
	switch a, ok := accesses[pattern]; {
	case ok:
		return a, nil
	case slices.Contains(s.cfg.WeChatPaths, pattern):
		return access{who: forApp, cross: true}, nil
	case s.cfg.Demo != nil && (strings.HasPrefix(pattern, "POST /demo/api/") || strings.HasPrefix(pattern, "POST /record/api/")):
		return access{who: forDemo}, nil
	}
	return access{}, fmt.Errorf("server: nobody has said who may use the route %q", pattern)
}

// sameSite refuses what a page of another site makes a browser send, in front of
// everything but the few routes that such pages call on purpose.
func (s *Server) sameSite(a access, next http.Handler) http.Handler {
	if a.cross {
		return next
	}
	p := http.NewCrossOriginProtection()
	if s.cfg.PublicOrigin != "" {
		_ = p.AddTrustedOrigin(s.cfg.PublicOrigin) // serve has checked its form
	}
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, faceproof.Errorf(faceproof.CodeForbidden, "", "a page of another site may not do this"))
	}))
	return p.Handler(next)
}
