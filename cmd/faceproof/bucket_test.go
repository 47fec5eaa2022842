package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/audit/bucket/buckettest"
	"faceproof/internal/store"
)

// journal is a log that a test may read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// A server anchors its log in an object store; audit verify reads the store and
// finds what was cut off, changed, or put back; an outage refuses once the grace
// is over, and ends by itself.
func TestBucketAnchor(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", buckettest.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", buckettest.Secret)
	here := edgeFlags{outgoing: []string{"127.0.0.0/8"}}
	flags := anchorFlags{anchors: []string{s.Address()}, outgoing: here, base: s.Transport()}
	var log journal
	run := func(dir string, f anchorFlags, work func(*backend)) {
		t.Helper()
		st, ring, done, err := openStoreAs(t.Context(), &globals{DataDir: dir, Out: io.Discard, Err: io.Discard}, store.Config{Actor: "server"})
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		b := &backend{store: st, keys: ring}
		stop, err := keepAudit(&globals{DataDir: dir}, b, f, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		work(b)
	}
	write := func(b *backend) error {
		return b.store.Audit(context.Background(), faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "test", Action: "a"})
	}
	many := func(b *backend) {
		for range 300 {
			if err := write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "data")
	run(dir, flags, many)
	backup := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(backup, keyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	run(dir, flags, many)
	g := &globals{DataDir: dir, Out: io.Discard, Err: io.Discard}
	failed := 0
	verify := func(f auditVerifyFlags, want string) { // a PROBLEM is one, other words are none
		t.Helper()
		f.outgoing, f.base, f.anchors = here, s.Transport(), []string{s.Address()}
		var out bytes.Buffer
		g := *g
		g.Out = &out
		err := auditVerify(t.Context(), &g, f)
		if !strings.Contains(out.String(), want) || (err == nil) == strings.HasPrefix(want, "PROBLEM") {
			failed++
			t.Errorf("%v, want %q\n%s", err, want, &out)
		}
	}
	verify(auditVerifyFlags{}, "all fits")

	// Cut short: only the store shows it.
	log1, short := filepath.Join(t.TempDir(), "log.jsonl"), filepath.Join(t.TempDir(), "short.jsonl")
	var out bytes.Buffer
	if err := exportLog(t.Context(), filepath.Join(dir, databaseFile), &out, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(out.String(), "\n")
	for path, text := range map[string]string{log1: out.String(), short: strings.Join(lines[:100], "")} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify(auditVerifyFlags{export: log1}, "all fits")
	cuts := 0
	for n := 1; n < len(lines)-6; n += len(lines) / 40 { // the last lines are heads of the whole
		if err := os.WriteFile(short, []byte(strings.Join(lines[:n], "")), 0o600); err != nil {
			t.Fatal(err)
		}
		verify(auditVerifyFlags{export: short}, "PROBLEM truncated (object store 127.0.0.1")
		if err := auditVerify(t.Context(), g, auditVerifyFlags{export: short}); err != nil {
			t.Errorf("the control, %d lines: without the store nothing shows, and yet: %v", n, err)
		}
		cuts++
	}
	acceptance.Record(t, acceptance.Row{Area: "Audit", N: cuts, Failures: failed,
		Result: fmt.Sprintf("%d truncations of a log of %d lines, with the heads in it, against heads read back from an object store: %d not found; without the store none of them shows", cuts, len(lines)-1, failed)})
	// A changed object, and a deleted one.
	var was string
	s.Change(func(s *buckettest.Store) {
		was = s.Versions[0].Data
		s.Versions[0].Data = strings.Replace(was, "at 1", "at 2", 1)
	})
	verify(auditVerifyFlags{}, "PROBLEM signature (object store 127.0.0.1")
	s.Change(func(s *buckettest.Store) {
		s.Versions[0].Data = was
		s.Versions = append(s.Versions, buckettest.Version{Key: s.Versions[0].Key, ID: "d", Deleted: true})
	})
	verify(auditVerifyFlags{}, "1 objects of the object store were marked as deleted")

	// A backup that is put back meets the newer heads at its start.
	run(backup, flags, func(b *backend) {
		for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "log=shorter"); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(log.String())
			}
		}
	})

	// An outage: refused once the grace is over, and on again by itself.
	s.Change(func(s *buckettest.Store) { s.Down = true })
	flags.grace = time.Millisecond
	run(dir, flags, func(b *backend) {
		until := func(code faceproof.Code) {
			t.Helper()
			for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				err := write(b)
				if faceproof.ErrorCode(err) == code {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("still %v, want %q", err, code)
				}
			}
		}
		write(b)
		until(faceproof.CodeUnavailable)
		s.Change(func(s *buckettest.Store) { s.Down = false })
		until("")
	})
	if text := log.String(); !strings.Contains(text, "audit head not anchored") || !strings.Contains(text, "the object store answers 503 SlowDown") || strings.Contains(text, buckettest.Secret) {
		t.Error(text)
	}
	// The backup's server has anchored its own history too, which stays on record.
	verify(auditVerifyFlags{}, "PROBLEM fork (object store 127.0.0.1")
}

// Credentials come from a file or the environment, and a start without them is refused.
func TestStoreCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "s3")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want faceproof.Code
	}{{"[default]\naws_access_key_id = A\naws_secret_access_key=b=c\naws_session_token=s\n", 0o600, ""}, {"AWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY=b=c\nAWS_SESSION_TOKEN=s", 0o440, ""},
		{"aws_access_key_id=A\naws_secret_access_key=b\n", 0o604, faceproof.CodeForbidden}, {"aws_access_key_id=A\n", 0o600, faceproof.CodeInvalid}, {"", 0o600, faceproof.CodeInvalid}} {
		_ = os.Remove(file)
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		t.Setenv(credentialsFile, file)
		got, err := storeCredentials()
		if faceproof.ErrorCode(err) != c.want || err == nil && got.ID.Reveal()+got.Secret.Reveal()+got.Session.Reveal() != "Ab=cs" {
			t.Errorf("%q: %v", c.text, err)
		}
	}
	t.Setenv(credentialsFile, "")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	flags := anchorFlags{anchors: []string{"s3+https://s3.example/bucket"}}
	if _, _, err := flags.open(t.Context(), &globals{}, 0, slog.New(slog.DiscardHandler)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("without credentials: %v", err)
	}
	flags.anchors[0] = "s3+https://s3.example"
	if _, _, err := flags.open(t.Context(), &globals{}, 0, slog.New(slog.DiscardHandler)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("without a bucket: %v", err)
	}
}
