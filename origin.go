package faceproof

import (
	"net"
	"net/url"
	"strings"
)

// ParseOrigin gives an origin as a browser writes it (RFC 6454): lower case,
// without a path and without the scheme's own port. A browser opens the camera
// on https pages and on this machine's own only. Errors: CodeInvalid with field.
func ParseOrigin(s, field string) (string, error) {
	u, err := url.Parse(strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "/")))
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.ContainsAny(s, "*?#") {
		return "", Errorf(CodeInvalid, field, "must be https://host[:port] and nothing more")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", Errorf(CodeInvalid, field, "must begin with https:// (http:// for localhost): a browser gives no camera otherwise")
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.Scheme + "://" + u.Host, nil
}

// ParseOrigins gives an app's origins, each as ParseOrigin does, in a slice of
// its own. Errors: CodeInvalid with field, for more than MaxOrigins too.
func ParseOrigins(list []string, field string) ([]string, error) {
	if len(list) > MaxOrigins {
		return nil, Errorf(CodeInvalid, field, "must be at most %d", MaxOrigins)
	}
	out := make([]string, len(list))
	for i, o := range list {
		var err error
		if out[i], err = ParseOrigin(o, field); err != nil {
			return nil, err
		}
	}
	return out, nil
}
