package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

// anyFace enrols every photo.
type anyFace struct{}

func (anyFace) ModelID() string { return "m" }
func (anyFace) Enrol(context.Context, [][]byte) (faceproof.Template, error) {
	return faceproof.Template{ModelID: "m", Frames: 1, Vector: make([]float32, 128)}, nil
}

// A log of which the beginning is pruned is exported, checked and proven as
// before; a person's records are found by the id, and the report of who was
// touched says from when on it knows.
func TestPrunedLog(t *testing.T) {
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	g := &globals{DataDir: t.TempDir(), Out: &out, Err: &out}
	ctx := t.Context()
	ring, err := keys.Open(filepath.Join(g.DataDir, keyFile))
	fail(err)
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(g.DataDir, databaseFile), KeyID: ring.ID()})
	fail(err)
	defer s.Close()
	old := time.Now().AddDate(-4, 0, 0).UnixMilli()
	for range 5 {
		fail(s.Audit(ctx, faceproof.AuditEntry{At: old, Actor: "cli", Action: "portrait.read", Object: "v"}))
	}
	r, err := registry.New(registry.Config{Store: s, Keys: ring, Enroller: anyFace{}})
	fail(err)
	name, err := faceproof.ParseName("张三", "name")
	fail(err)
	number, err := faceproof.ParseIDNumber("990000199003070013", "id", time.Now()) // of a region that does not exist
	fail(err)
	id, err := r.Add(ctx, faceproof.Subject{Name: name, IDNumber: number}, [][]byte{{1}}, "cli")
	fail(err)
	if _, err := s.Sweep(ctx, time.Now().UnixMilli()); err != nil {
		t.Fatal(err)
	}

	p, err := prove(ctx, s, ring, id)
	fail(err)
	if len(p.Records) != 1 || !bytes.Contains(p.Records[0].Line, []byte("person.add")) || bytes.Contains(p.Records[0].Line, []byte(id)) {
		t.Errorf("%s", p.Text())
	}
	_, err = prove(ctx, s, ring, "3")
	if faceproof.ErrorCode(err) != faceproof.CodeNotFound || !strings.Contains(err.Error(), "those up to 5") {
		t.Errorf("a pruned record: %v", err)
	}

	file := filepath.Join(t.TempDir(), "log.jsonl")
	var log bytes.Buffer
	fail(exportLog(ctx, filepath.Join(g.DataDir, databaseFile), &log, false))
	fail(os.WriteFile(file, log.Bytes(), 0o600))
	for _, f := range []auditVerifyFlags{{}, {export: file}} {
		out.Reset()
		fail(auditVerify(ctx, g, f))
		if text := out.String(); !strings.Contains(text, "pruned: the first 5") || !strings.HasSuffix(text, "all fits\n") {
			t.Error(text)
		}
	}
	out.Reset()
	fail(touchedBetween(ctx, g, s, ring, "2020-01-01T00:00:00+08:00,2100-01-01T00:00:00+08:00"))
	if text := out.String(); !strings.Contains(text, "are no longer kept") || !strings.Contains(text, "person:"+id) {
		t.Error(text)
	}
}
