package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"

	"faceproof"
)

// asset is one built file, ready to be served.
type asset struct {
	data    []byte
	zipped  []byte // nil when it does not pay
	etag    string
	typ     string
	changed time.Time // zero: embedded files have none, the ETag tells versions apart
}

// assets are all built files, by their path in the file system.
type assets map[string]asset

// types of the files that a build makes; the system's table may lack them.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8", ".ts": "text/plain; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
	".map": "application/json", ".ico": "image/x-icon", ".webmanifest": "application/manifest+json",
}

// newAssets reads every file once; there are few, and they never change.
func newAssets(files fs.FS) (assets, error) {
	all := assets{}
	if files == nil {
		return all, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		a := asset{data: data, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, typ: types[path.Ext(name)]}
		if a.typ == "" {
			a.typ = mime.TypeByExtension(path.Ext(name))
		}
		if a.typ == "" {
			a.typ = "application/octet-stream"
		}
		if strings.HasPrefix(a.typ, "text/") || strings.Contains(a.typ, "json") || strings.Contains(a.typ, "svg") {
			a.zipped = zip(data)
		}
		all[name] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("server: assets: %w", err)
	}
	return all, nil
}

func zip(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = w.Write(data)
	_ = w.Close()
	if b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// serve answers with the asset; a browser asks again each time and mostly gets
// "not modified".
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.typ)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	data := a.data
	if a.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		h.Set("ETag", strings.TrimSuffix(a.etag, `"`)+`-gz"`)
		data = a.zipped
	}
	http.ServeContent(w, r, "", a.changed, bytes.NewReader(data))
}

// notBuilt explains a binary without its browser part.
func notBuilt(w http.ResponseWriter) {
	writeError(w, faceproof.Errorf(faceproof.CodeUnavailable, "assets", "this binary was built without the browser SDK; run make build"))
}

// script serves the SDK to any page: it holds nothing secret, and pages of the
// apps' own origins load it.
func (all assets) script(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := all[name]
		if !ok {
			notBuilt(w)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		a.serve(w, r)
	})
}

// pages serves the files of a folder under the path of the same name, with the
// policy that binds a page that opens the camera.
func (all assets) pages(folder string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if strings.HasSuffix(name, "/") {
			name += "index.html"
		}
		a, ok := all[name]
		if !ok && name == folder+"/index.html" {
			notBuilt(w)
			return
		}
		if !ok {
			writeError(w, faceproof.Errorf(faceproof.CodeNotFound, "path", "nothing is here"))
			return
		}
		pageHeaders(w.Header(), r.Host)
		a.serve(w, r)
	})
}

var hostForm = regexp.MustCompile(`^[0-9A-Za-z.:\[\]-]{1,255}$`)

// pageHeaders binds a page: scripts and styles of this server only, nothing
// inline, no frames around it, and camera and microphone for itself alone.
// script-src stands for the part of the SDK that runs in the audio thread, too.
func pageHeaders(h http.Header, host string) {
	connect := "'self'"
	if hostForm.MatchString(host) {
		// Safari before 15.4 does not count ws: as 'self'.
		connect += " ws://" + host + " wss://" + host
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "+
		"media-src 'self' blob: mediastream:; font-src 'self'; connect-src "+connect+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), geolocation=(), display-capture=(), payment=(), usb=()")
}
