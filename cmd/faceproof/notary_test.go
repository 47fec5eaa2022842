package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/store"
)

// A server's log is anchored while it runs and when it ends; where nothing can
// be anchored it refuses once the grace is over, and goes on by itself.
func TestKeepAudit(t *testing.T) {
	g := &globals{DataDir: filepath.Join(t.TempDir(), "data"), Out: io.Discard, Err: io.Discard}
	open := func() (*backend, func()) {
		t.Helper()
		s, ring, done, err := openStoreAs(t.Context(), g, store.Config{Actor: "server"})
		if err != nil {
			t.Fatal(err)
		}
		return &backend{store: s, keys: ring}, done
	}
	b, done := open()
	stop, err := keepAudit(g, b, anchorFlags{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	write := func(b *backend) error {
		return b.store.Audit(context.Background(), faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "test", Action: "a"})
	}
	for range 300 {
		if err := write(b); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	size, err := b.store.AuditSize(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done()
	notes, _, err := audit.ReadFile(filepath.Join(g.DataDir, anchorFile))
	if err != nil || len(notes) == 0 {
		t.Fatalf("%d heads, %v", len(notes), err)
	}
	if len(audit.LastHeads(filepath.Join(g.DataDir, anchorFile))) != len(notes) {
		t.Error("not all heads were found again")
	}
	var out bytes.Buffer
	g.Out = &out
	if err := auditVerify(t.Context(), g, auditVerifyFlags{}); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	if size < 300 || !bytes.Contains(out.Bytes(), []byte("all fits")) {
		t.Errorf("%d rows\n%s", size, &out)
	}

	// An anchor in a folder that is not there, then there.
	b, done = open()
	defer done()
	missing := filepath.Join(t.TempDir(), "disk", "anchors")
	stop, err = keepAudit(g, b, anchorFlags{anchors: []string{missing}, grace: time.Millisecond}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	until := func(code faceproof.Code) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			err := write(b)
			if faceproof.ErrorCode(err) == code {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("still %v, want %q", err, code)
			}
		}
	}
	until(faceproof.CodeUnavailable)
	if err := os.Mkdir(filepath.Dir(missing), 0o700); err != nil {
		t.Fatal(err)
	}
	until("")
	for _, bad := range []anchorFlags{{grace: -1}, {anchors: []string{"http://example.com"}}, {anchors: []string{""}}, {anchors: []string{"s3://x"}}} {
		if _, err := keepAudit(g, b, bad, slog.New(slog.DiscardHandler)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
