package onboarding

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/store"
)

var ctx = context.Background()

var pdf = []byte("%PDF-1.7 a licence that nobody else may read")

type world struct {
	*Desk
	store *store.Store
	dir   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	must(t, err)
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "db")})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	b, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	must(t, err)
	t.Cleanup(func() { b.Close() })
	d, err := New(Config{Store: s, Blobs: b, Now: func() time.Time { return time.UnixMilli(1_800_000_000_000) }})
	must(t, err)
	return &world{d, s, dir}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v: %#v", err, errors.Unwrap(err))
	}
}

func want(t testing.TB, err error, code faceproof.Code, field string) {
	t.Helper()
	e, _ := err.(*faceproof.Error)
	if e == nil || e.Code != code || e.Field != field {
		t.Errorf("%v, want %s of %q", err, code, field)
	}
}

func form() faceproof.Application {
	return faceproof.Application{Name: "示例银行", Notice: faceproof.Notice{Handler: "示例银行", Contact: "privacy@bank.example", Purpose: "开户",
		Necessity: "法律要求核验身份", RetentionDays: 30, Alternative: "到网点办理"}, Category: "bank", DailyVolume: 1000, Peak: 20,
		Interfaces: []faceproof.Permission{faceproof.PermGetInfo}, Alive: faceproof.AliveFlash}
}

// From the draft to the switch, with one audit row for each step.
func TestTheWholeWay(t *testing.T) {
	w := newWorld(t)
	f := form()
	f.ID, f.State, f.AppID, f.Source = "ap_0000000000000000", faceproof.ApplicationApproved, "wx0000000000000000", faceproof.SourceOperator
	a, err := w.Draft(ctx, f, "admin")
	must(t, err)
	if a.ID == f.ID || a.State != faceproof.ApplicationDraft || a.AppID != "" || a.Source != faceproof.SourceApplicant {
		t.Fatalf("the form chose what it may not: %+v", a)
	}
	_, err = w.Submit(ctx, a.ID, "admin")
	want(t, err, faceproof.CodeInvalid, "licences")
	a, err = w.Attach(ctx, a.ID, faceproof.LicenceFinance, pdf, "admin")
	must(t, err)
	_, _, err = w.Approve(ctx, a.ID, "admin")
	want(t, err, faceproof.CodeConflict, "state")
	_, err = w.Submit(ctx, a.ID, "admin")
	must(t, err)
	_, err = w.Attach(ctx, a.ID, faceproof.LicenceOther, pdf, "admin")
	want(t, err, faceproof.CodeConflict, "state")
	_, err = w.Revise(ctx, a.ID, form(), "admin")
	want(t, err, faceproof.CodeConflict, "state")
	_, err = w.Reject(ctx, a.ID, "", "cli")
	want(t, err, faceproof.CodeInvalid, "reason")
	a, err = w.Reject(ctx, a.ID, "the purpose is too wide", "cli")
	must(t, err)
	if a.Reason != "the purpose is too wide" {
		t.Error(a.Reason)
	}
	f = form()
	f.Notice.Purpose = "个人网上开户"
	_, err = w.Revise(ctx, a.ID, f, "admin")
	must(t, err)
	_, err = w.Submit(ctx, a.ID, "admin")
	must(t, err)
	a, secret, err := w.Approve(ctx, a.ID, "cli")
	must(t, err)
	app, hash, err := w.store.App(ctx, a.AppID)
	must(t, err)
	if len(app.Permissions) != 0 || app.Notice.Purpose != "个人网上开户" || !bytes.Equal(hash, keys.HashToken(secret.Reveal())) || len(secret.Reveal()) != 64 {
		t.Errorf("%+v", app)
	}
	_, err = w.Switch(ctx, a.AppID, []faceproof.Permission{faceproof.PermGetImage}, true, "cli")
	want(t, err, faceproof.CodeConflict, "permission")
	_, err = w.Switch(ctx, a.AppID, []faceproof.Permission{"all"}, true, "cli")
	want(t, err, faceproof.CodeInvalid, "permissions")
	app, err = w.Switch(ctx, a.AppID, []faceproof.Permission{faceproof.PermGetInfo}, true, "cli")
	must(t, err)
	if !app.Has(faceproof.PermGetInfo) {
		t.Errorf("%+v", app)
	}
	l, data, err := w.Licence(ctx, a.ID, a.Licences[0].ID, "cli")
	must(t, err)
	if !bytes.Equal(data, pdf) || l.Type != "application/pdf" {
		t.Errorf("%+v %q", l, data)
	}
	log, err := w.store.AuditLog(ctx, 1, 100)
	must(t, err)
	var rows []string
	for _, e := range log {
		rows = append(rows, e.Actor+" "+e.Action+" "+e.Detail)
	}
	if !slices.Equal(rows, []string{"admin application.draft ", "admin application.licence financial", "admin application.submit ", "cli application.reject ",
		"admin application.revise ", "admin application.submit ", "cli app.create ", "cli application.approve ", "cli app.enable getinfo", "cli application.licence.read financial"}) {
		t.Errorf("audit: %q", rows)
	}
	// The file is nowhere in clear.
	must(t, filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("nobody else may read")) {
			t.Errorf("%s holds the licence in clear", path)
		}
		return err
	}))
}

func TestBadFiles(t *testing.T) {
	w := newWorld(t)
	a, err := w.Draft(ctx, form(), "cli")
	must(t, err)
	attach := func(id string, kind faceproof.LicenceKind, data []byte) error {
		_, err := w.Attach(ctx, id, kind, data, "cli")
		return err
	}
	want(t, attach(a.ID, "diploma", pdf), faceproof.CodeInvalid, "kind")
	want(t, attach(a.ID, faceproof.LicenceFinance, []byte("<svg>")), faceproof.CodeInvalid, "licence")
	want(t, attach(a.ID, faceproof.LicenceFinance, append(slices.Clone(pdf), make([]byte, faceproof.MaxLicenceBytes)...)), faceproof.CodeInvalid, "licence")
	want(t, attach("../../etc", faceproof.LicenceFinance, pdf), faceproof.CodeInvalid, "application")
	want(t, attach("ap_0123456789abcdef", faceproof.LicenceFinance, pdf), faceproof.CodeNotFound, "")
	for range faceproof.MaxLicences {
		must(t, attach(a.ID, faceproof.LicenceOther, pdf))
	}
	want(t, attach(a.ID, faceproof.LicenceFinance, pdf), faceproof.CodeInvalid, "licences")
	_, _, err = w.Licence(ctx, a.ID, "../x", "cli")
	want(t, err, faceproof.CodeNotFound, "licence")
}
