package modelpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"faceproof"
)

// Time limits of a download. Connecting is short, so that a machine without the
// network falls back in seconds.
const (
	connectTimeout = 3 * time.Second
	answerTimeout  = 15 * time.Second
	fileTimeout    = 3 * time.Minute
	maxRedirects   = 5
)

// newClient makes the HTTP client of an installation.
func newClient() *http.Client {
	return &http.Client{
		Timeout: fileTimeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:   connectTimeout,
			ResponseHeaderTimeout: answerTimeout,
			DisableCompression:    true, // the size limit counts the file's own bytes
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return errors.New("redirected away from https")
			}
			return nil
		},
	}
}

// mirror is where an operator keeps the files that have a pinned URL, under
// their base names: a folder, or the URL of one.
type mirror struct {
	dir string
	url *url.URL
}

// parseMirror reads the --mirror flag. Errors: CodeInvalid, field "mirror".
func parseMirror(s string) (mirror, error) {
	if s == "" {
		return mirror{}, nil
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return mirror{}, invalid("mirror", "is not the URL of a folder")
		}
		return mirror{url: u}, nil
	}
	if info, err := os.Stat(s); err != nil || !info.IsDir() {
		return mirror{}, invalid("mirror", "%.200q is neither a folder nor an http(s) URL", s)
	}
	return mirror{dir: s}, nil
}

// fetch stores the pinned file from the first place that has it: the mirror,
// then the pinned URL. A place that has another file under that name is an
// error, not a reason to look further: somebody must know. Errors: CodeInvalid
// for such a file, CodeUnavailable when no place answers.
func (in *installer) fetch(ctx context.Context, p pinned, pinnedURL string) error {
	var reasons []string
	try := func(what string, open func() (io.ReadCloser, error)) (bool, error) {
		r, err := open()
		if err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			reasons = append(reasons, what+": "+reason(err))
			return false, nil
		}
		defer r.Close()
		err = in.to.put(p, r)
		if faceproof.ErrorCode(err) == faceproof.CodeUnavailable && ctx.Err() == nil { // cut short
			reasons = append(reasons, what+": "+reason(errors.Unwrap(err)))
			return false, nil
		}
		if err == nil {
			in.say("%s: %s from %s", p.name, size(p.bytes), what)
		}
		return err == nil, err
	}
	if in.mirror.dir != "" {
		if ok, err := try("the mirror folder", func() (io.ReadCloser, error) { return os.Open(filepath.Join(in.mirror.dir, p.name)) }); ok || err != nil {
			return err
		}
	}
	for _, place := range []struct {
		what string
		url  string
	}{{"the mirror", in.mirror.join(p.name)}, {"its pinned address", pinnedURL}} {
		if place.url == "" {
			continue
		}
		in.say("%s: asking %s", p.name, hostOf(place.url))
		if ok, err := try(place.what, func() (io.ReadCloser, error) { return in.get(ctx, place.url) }); ok || err != nil {
			return err
		}
	}
	return unavailable(p.name, "cannot be had: "+strings.Join(reasons, "; "), nil)
}

// join gives the address of a file in a mirror that is a URL, else "".
func (m mirror) join(name string) string {
	if m.url == nil {
		return ""
	}
	return m.url.JoinPath(name).String()
}

// get asks for a file.
func (in *installer) get(ctx context.Context, address string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := in.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, fmt.Errorf("HTTP %d", res.StatusCode)
	}
	return res.Body, nil
}

// reason shortens an error for the progress: without the URL, whose host the
// operator has just been told.
func reason(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not have it"
	case errors.As(err, &dns):
		return "its host name cannot be resolved"
	}
	return err.Error()
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return "?"
}

// size prints a number of bytes for people.
func size(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
