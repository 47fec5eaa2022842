// Package buckettest is an object store for tests that speaks as much of S3 as
// anchors need, over TLS on this machine, with versions and object lock.
package buckettest

import (
	"crypto/md5"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What opens every test's store, and its bucket.
const (
	ID     = "AKIDOFATEST"
	Secret = "secret-of-a-test"
	Name   = "anchors"
)

// Version is one of an object.
type Version struct {
	Key, ID, Data string
	Deleted       bool // a mark of deletion
	Mode          string
	Until         time.Time
}

// Store answers requests. Lock its fields with Change while it serves.
type Store struct {
	mu       sync.Mutex
	srv      *httptest.Server
	Versions []Version // oldest first
	// ObjectLock is "", "enabled" or "rule".
	ObjectLock string
	// Forgetful stores do not know If-None-Match.
	Forgetful bool
	Down      bool // every answer is 503
	Lost      bool // what is written is kept, and the answer is 500
	Denied    bool // every answer is 403
	Page      int  // entries of a listing; 0: 1000
	Requests  map[string]int
	Bad       []string // requests that no store would take
}

// New starts a store; Close ends it.
func New() *Store {
	s := &Store{Requests: map[string]int{}}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that go away
	s.srv.StartTLS()
	return s
}

// Close stops it.
func (s *Store) Close() { s.srv.Close() }

// Address is where anchors go.
func (s *Store) Address() string {
	return "s3+" + s.srv.URL + "/" + Name + "/audit"
}

// Change changes the store between requests.
func (s *Store) Change(f func(*Store)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// Transport knows its certificate.
func (s *Store) Transport() *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(s.srv.Certificate())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
}

var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + ID + `/\d{8}/us-east-1/s3/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`)

func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	kind := r.Method
	for _, k := range []string{"object-lock", "versions", "list-type"} {
		if q.Has(k) {
			kind += " " + k
		}
	}
	s.Requests[kind]++
	if m := signature.FindStringSubmatch(r.Header.Get("Authorization")); m == nil || !slices.Contains(strings.Split(m[1], ";"), "host") || !slices.Contains(strings.Split(m[1], ";"), "x-amz-date") {
		s.Bad = append(s.Bad, "not signed: "+kind)
		fail(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	switch {
	case s.Down:
		fail(w, http.StatusServiceUnavailable, "SlowDown")
	case s.Denied:
		fail(w, http.StatusForbidden, "AccessDenied")
	case bucket != Name:
		fail(w, http.StatusNotFound, "NoSuchBucket")
	case kind == "GET object-lock":
		s.lock(w)
	case kind == "GET versions", kind == "GET list-type":
		s.list(w, q.Get("prefix"), max(q.Get("start-after"), q.Get("continuation-token"), q.Get("key-marker")), kind == "GET versions")
	case r.Method == http.MethodPut:
		s.put(w, r, key)
	case r.Method == http.MethodGet:
		s.get(w, key, q.Get("versionId"))
	default:
		s.Bad = append(s.Bad, r.Method)
		fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<Error><Code>%s</Code><Message>m</Message></Error>`, code)
}

func (s *Store) lock(w http.ResponseWriter) {
	switch s.ObjectLock {
	case "":
		fail(w, http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
	case "enabled":
		fmt.Fprint(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
	default:
		fmt.Fprint(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>`)
	}
}

// newest of an object, nil when there is none or it is marked as deleted.
func (s *Store) newest(key string) *Version {
	for i := len(s.Versions) - 1; i >= 0; i-- {
		if v := &s.Versions[i]; v.Key == key {
			if v.Deleted {
				return nil
			}
			return v
		}
	}
	return nil
}

func (s *Store) put(w http.ResponseWriter, r *http.Request, key string) {
	data, _ := io.ReadAll(r.Body)
	sum := md5.Sum(data)
	if r.Header.Get("If-None-Match") != "*" || r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]) || r.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		s.Bad = append(s.Bad, fmt.Sprintf("put %v", r.Header))
		fail(w, http.StatusBadRequest, "InvalidRequest")
		return
	}
	v := Version{Key: key, ID: strconv.Itoa(len(s.Versions) + 1), Data: string(data), Mode: r.Header.Get("X-Amz-Object-Lock-Mode")}
	v.Until, _ = time.Parse(time.RFC3339, r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	switch {
	case v.Mode != "" && s.ObjectLock == "":
		fail(w, http.StatusBadRequest, "InvalidRequest")
	case s.newest(key) != nil && !s.Forgetful:
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		s.Versions = append(s.Versions, v)
		if s.Lost {
			fail(w, http.StatusInternalServerError, "InternalError")
			return
		}
		w.Header().Set("ETag", `"e"`)
	}
}

func (s *Store) get(w http.ResponseWriter, key, version string) {
	v := s.newest(key)
	if version != "" {
		v = nil
		for i := range s.Versions {
			if s.Versions[i].Key == key && s.Versions[i].ID == version {
				v = &s.Versions[i]
			}
		}
	}
	if v == nil {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", `"e"`)
	w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
	fmt.Fprint(w, v.Data)
}

// entry of a listing.
type entry struct {
	XMLName            xml.Name
	Key, LastModified  string
	VersionId          string `xml:",omitempty"` // as the protocol spells it
	IsLatest           bool
	ETag, StorageClass string
	Size               int
}

func (s *Store) list(w http.ResponseWriter, prefix, after string, versions bool) {
	page := s.Page
	if page == 0 {
		page = 1000
	}
	all := slices.Clone(s.Versions)
	slices.SortStableFunc(all, func(a, b Version) int { return strings.Compare(a.Key, b.Key) })
	type result struct {
		XMLName               xml.Name
		Name, Prefix          string
		KeyCount              int `xml:",omitempty"` // of the listing without versions alone
		MaxKeys               int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		NextKeyMarker         string `xml:",omitempty"`
		Entries               []entry
	}
	out := result{XMLName: xml.Name{Local: map[bool]string{true: "ListVersionsResult", false: "ListBucketResult"}[versions]}, Name: Name, Prefix: prefix, MaxKeys: page}
	last := ""
	for _, v := range all {
		if !strings.HasPrefix(v.Key, prefix) || v.Key <= after || !versions && (s.newest(v.Key) == nil || s.newest(v.Key).ID != v.ID) {
			continue
		}
		if len(out.Entries) >= page && v.Key != last { // versions of an object stay together
			out.IsTruncated = true
			if out.NextContinuationToken = last; versions {
				out.NextContinuationToken, out.NextKeyMarker = "", last
			}
			break
		}
		last = v.Key
		e := entry{XMLName: xml.Name{Local: "Contents"}, Key: v.Key, LastModified: "2026-11-23T00:00:00.000Z", ETag: `"e"`, StorageClass: "STANDARD", Size: len(v.Data)}
		if versions {
			e.XMLName.Local, e.VersionId = "Version", v.ID
			if v.Deleted {
				e.XMLName.Local = "DeleteMarker"
			}
		}
		out.Entries = append(out.Entries, e)
	}
	if !versions {
		out.KeyCount = len(out.Entries)
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}
