// Package bucket anchors signed heads of the audit log in an object store that
// speaks S3: one object for each head, named by the size of the tree, written
// once. With object lock in the bucket nobody takes it back, the operator neither.
// It is the only package that knows the client library.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"faceproof"
	"faceproof/internal/audit"
)

// Scheme begins the address of an anchor of this kind.
const Scheme = "s3+https://"

// Limits.
const (
	putTimeout    = 10 * time.Second
	defaultRegion = "us-east-1"
	defaultRetain = 365 * 24 * time.Hour // where the bucket has object lock and no rule of its own
	maxRetain     = 100 * 365            // days
	maxHeads      = 1 << 21              // that one reading takes: a head a minute for four years
	readers       = 16                   // objects read at once
)

// Config of a Bucket.
type Config struct {
	// Address is s3+https://HOST[:PORT]/BUCKET[/PREFIX][?region=REGION][&retain=DAYS].
	Address string
	// Credentials are asked for at each request, so that they may be replaced.
	Credentials func() (Credentials, error)
	// Transport makes the connections: that of a client of internal/egress.
	Transport http.RoundTripper
	Now       func() time.Time // nil: time.Now
}

// Credentials open an object store.
type Credentials struct{ ID, Secret, Session faceproof.Token }

// Bucket is an audit.Anchor. It is safe for concurrent use.
type Bucket struct {
	host, name, prefix string
	retain             time.Duration // 0: nothing was said
	now                func() time.Time
	client             *minio.Client

	mu     sync.Mutex
	locked *lock
}

// lock is what the bucket's object lock asks of a writer.
type lock struct{ until time.Duration } // 0: there is none, or the bucket's own rule does it

var _ audit.Anchor = (*Bucket)(nil)

// New makes a Bucket; nothing is asked of the store yet. Errors: CodeInvalid with
// field "anchor".
func New(c Config) (*Bucket, error) {
	bad := func(why string) error {
		return faceproof.Errorf(faceproof.CodeInvalid, "anchor", "%s: must be %sHOST/BUCKET[/PREFIX][?region=REGION][&retain=DAYS]", why, Scheme)
	}
	u, err := url.Parse(strings.TrimPrefix(c.Address, "s3+"))
	if err != nil || !strings.HasPrefix(c.Address, Scheme) || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, bad("the address of the object store")
	}
	b := &Bucket{host: u.Host, now: c.Now}
	b.name, b.prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	if b.prefix != "" {
		b.prefix += "/"
	}
	if b.name == "" || path.Clean("/"+b.prefix) != "/"+strings.TrimSuffix(b.prefix, "/") {
		return nil, bad("the bucket or the prefix")
	}
	region := defaultRegion
	for key, values := range u.Query() {
		days, err := strconv.Atoi(values[0])
		switch {
		case key == "region" && len(values) == 1 && word.MatchString(values[0]):
			region = values[0]
		case key == "retain" && len(values) == 1 && err == nil && days > 0 && days <= maxRetain:
			b.retain = time.Duration(days) * 24 * time.Hour
		default:
			return nil, bad("the settings behind the question mark")
		}
	}
	if b.now == nil {
		b.now = time.Now
	}
	// The anchor's own callers try again; a head that waits is told of.
	b.client, err = minio.New(u.Host, &minio.Options{Secure: true, Region: region, Transport: c.Transport, MaxRetries: 1, Creds: credentials.New(provider{c.Credentials})})
	if err != nil {
		return nil, bad("the host")
	}
	return b, nil
}

// word is what a region looks like, and a code of an answer that may be told.
var word = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// provider gives the library credentials, anew for each request.
type provider struct {
	get func() (Credentials, error)
}

func (p provider) Retrieve() (credentials.Value, error) {
	c, err := p.get()
	if err != nil {
		return credentials.Value{}, err
	}
	return credentials.Value{AccessKeyID: c.ID.Reveal(), SecretAccessKey: c.Secret.Reveal(), SessionToken: c.Session.Reveal(), SignerType: credentials.SignatureV4}, nil
}

func (p provider) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return p.Retrieve()
}

func (p provider) IsExpired() bool { return true }

// String names the store without what could be a secret.
func (b *Bucket) String() string { return "object store " + b.host + "/" + b.name }

// object is the name of the head of a tree, so that names are in the order of sizes.
func (b *Bucket) object(size int64) string { return fmt.Sprintf("%s%019d", b.prefix, size) }

// failed says what a store answered, with its code alone: its text may quote what it was sent.
func failed(err error) error {
	var own *faceproof.Error
	if errors.As(err, &own) { // a refusal of internal/egress, or credentials that are not there
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "anchor", Message: "the object store cannot be asked: " + own.Message, Err: err}
	}
	message := "the object store does not answer"
	if a := minio.ToErrorResponse(err); a.StatusCode != 0 {
		message = fmt.Sprintf("the object store answers %d", a.StatusCode)
		if word.MatchString(a.Code) {
			message += " " + a.Code
		}
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "anchor", Message: message, Err: err}
}

// Put writes the head as an object of its own, or finds it there. An object that
// is there is never written over: one with another head of that size is
// CodeConflict, since two histories have met.
func (b *Bucket) Put(ctx context.Context, c audit.Checkpoint) error {
	ctx, cancel := context.WithTimeout(ctx, putTimeout)
	defer cancel()
	name := b.object(c.Size)
	// Before the write as well, for stores that do not know the condition.
	if there, err := b.met(ctx, name, c); there || err != nil {
		return err
	}
	l, err := b.lock(ctx)
	if err != nil {
		return err
	}
	o := minio.PutObjectOptions{ContentType: "text/plain; charset=utf-8", SendContentMd5: true, DisableMultipart: true}
	o.SetMatchETagExcept("*")
	if l.until > 0 {
		o.Mode, o.RetainUntilDate = minio.Compliance, b.now().Add(l.until).UTC()
	}
	_, err = b.client.PutObject(ctx, b.name, name, strings.NewReader(c.Note), int64(len(c.Note)), o)
	if err == nil {
		return nil
	}
	if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed { // somebody was faster
		if there, err := b.met(ctx, name, c); there || err != nil {
			return err
		}
	}
	return failed(err)
}

// met says whether an object is there and holds this head, or one of the same tree
// that was signed at another time, as after a restored backup.
func (b *Bucket) met(ctx context.Context, name string, c audit.Checkpoint) (bool, error) {
	note, err := b.read(ctx, name, "")
	switch {
	case err != nil && minio.ToErrorResponse(err).Code == minio.NoSuchKey:
		return false, nil
	case err != nil:
		return false, failed(err)
	case note != c.Note && head(note) != head(c.Note):
		return true, faceproof.Errorf(faceproof.CodeConflict, "anchor", "the object store has another head of %d records: the log, or the object, was changed (faceproof audit verify)", c.Size)
	}
	return true, nil
}

// head is what a signed head says of its tree: whose, how many records, and the root.
func head(note string) string {
	lines := strings.SplitN(note, "\n", 4)
	return strings.Join(lines[:min(3, len(lines))], "\n")
}

// read gives an object, of one version or the newest.
func (b *Bucket) read(ctx context.Context, name, version string) (string, error) {
	o, err := b.client.GetObject(ctx, b.name, name, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return "", err
	}
	defer o.Close()
	data, err := io.ReadAll(io.LimitReader(o, audit.MaxNote+1))
	if err == nil && len(data) > audit.MaxNote {
		err = faceproof.Errorf(faceproof.CodeInvalid, name, "is no signed head of the audit log")
	}
	return string(data), err
}

// lock asks once what the bucket's object lock needs: a bucket with a rule of its
// own needs nothing, one without a rule a date for each object.
func (b *Bucket) lock(ctx context.Context) (lock, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.locked != nil {
		return *b.locked, nil
	}
	enabled, mode, _, _, err := b.client.GetObjectLockConfig(ctx, b.name)
	a := minio.ToErrorResponse(err)
	none := err != nil && (a.Code == "ObjectLockConfigurationNotFoundError" || a.StatusCode == http.StatusNotImplemented || a.StatusCode == http.StatusNotFound && a.Code != minio.NoSuchBucket)
	if err != nil && !none {
		return lock{}, failed(err)
	}
	l := lock{until: b.retain}
	if l.until == 0 && enabled == "Enabled" && mode == nil {
		l.until = defaultRetain
	}
	b.locked = &l
	return l, nil
}
