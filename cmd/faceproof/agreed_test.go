package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/modelpack"
	"faceproof/internal/registry"
)

// importDesk is a data folder that two people run, and its command line.
type importDesk struct {
	t   *testing.T
	g   *globals
	dir string // of the CSV and its photos
}

func (d importDesk) run(args ...string) (string, error) {
	var out, errs bytes.Buffer
	g := &globals{DataDir: d.g.DataDir, Out: &out, Err: &errs}
	c := registryCommandWith(g, func(*globals) (registry.Enroller, func(), error) { return standinEnroller{}, func() {}, nil },
		func(*globals) (modelpack.Match, error) { return standinMatch, nil })
	c.SetArgs(args)
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&out)
	c.SetErr(&errs)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func (d importDesk) file(name, content string) string {
	path := filepath.Join(d.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// proposal makes one, of admin a, that admin b has agreed to; b "": nobody has.
func (d importDesk) proposal(id, a, b string, to faceproof.ImportAgreement, decided time.Time) {
	d.t.Helper()
	s, _, done, err := openStore(d.g)
	if err != nil {
		d.t.Fatal(err)
	}
	defer done()
	ctx := d.t.Context()
	body, _ := json.Marshal(to)
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	must(s.Propose(ctx, faceproof.Proposal{ID: id, Action: faceproof.ActionImport, Body: body, Reason: "补录", State: faceproof.ProposalOpen, ProposedBy: a,
		CreatedAt: decided.UnixMilli(), ExpiresAt: decided.Add(time.Hour).UnixMilli()}))
	if b != "" {
		_, err := s.DecideProposal(ctx, id, b, true, decided.UnixMilli())
		must(err)
		must(s.EndProposal(ctx, id, faceproof.ProposalDone, "admin:"+b))
	}
}

func (d importDesk) admin(id string, roles ...faceproof.Role) {
	d.t.Helper()
	s, _, done, err := openStore(d.g)
	if err != nil {
		d.t.Fatal(err)
	}
	defer done()
	now := time.Now().UnixMilli()
	hash := []byte(id)
	if err := s.Invite(d.t.Context(), faceproof.AdminInvite{Hash: hash, Name: id, Roles: roles, CreatedAt: now, ExpiresAt: now + 3_600_000}, "cli"); err != nil {
		d.t.Fatal(err)
	}
	if err := s.Enrol(d.t.Context(), hash, faceproof.Admin{ID: id, Name: id, Roles: roles}, []byte("key "+id), []byte("{}"), now); err != nil {
		d.t.Fatal(err)
	}
}

// security.md T35: as soon as two people run the server, nobody is enrolled or
// replaced by one of them: both agree to the very bytes, which are taken once,
// within a day, and the audit log leads from each person to both.
func TestTwoPeopleEnrol(t *testing.T) {
	d := importDesk{t, &globals{DataDir: filepath.Join(t.TempDir(), "data"), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}, t.TempDir()}
	const two = "name,id_number,photo\n张三,990000199003070013,a.jpg\n李四,990000199003070021,b.jpg\n"
	d.file("a.jpg", "one")
	d.file("b.jpg", "two")
	csv := d.file("people.csv", two)
	tried, wrong := 0, 0
	refused := func(name string, code faceproof.Code, field string, args ...string) {
		t.Helper()
		_, err := d.run(args...)
		tried++
		var e *faceproof.Error
		if e, _ = err.(*faceproof.Error); e == nil || e.Code != code || e.Field != field {
			wrong++
			t.Errorf("%s: %v", name, err)
		}
	}
	// One person who runs it is alone with it, and so is somebody beside a reviewer.
	d.admin("ad_0000000000000001", faceproof.RoleOperator)
	d.admin("ad_0000000000000002", faceproof.RoleReviewer)
	if _, err := d.run("add", "--name", "王五", "--id", "99000019900307003X", filepath.Join(d.dir, "a.jpg")); err != nil {
		t.Fatal(err)
	}
	d.admin("ad_0000000000000003", faceproof.RoleCustodian)
	out, err := d.run("digest", csv)
	if err != nil || !strings.HasSuffix(out, "  2 people\n") {
		t.Fatal(out, err)
	}
	a, b := "ad_0000000000000001", "ad_0000000000000003"
	to := faceproof.ImportAgreement{Digest: out[:64], People: 2}
	now := time.Now()
	refused("add", faceproof.CodeForbidden, "--agreed", "add", "--name", "王五", "--id", "99000019900307003X", "--replace", filepath.Join(d.dir, "b.jpg"))
	refused("import", faceproof.CodeForbidden, "--agreed", "import", csv)
	refused("no such proposal", faceproof.CodeNotFound, "", "import", "--agreed", "pr_00000000000000ff", csv)
	d.proposal("pr_0000000000000001", a, "", to, now)
	refused("one person", faceproof.CodeConflict, "proposal", "import", "--agreed", "pr_0000000000000001", csv)
	d.proposal("pr_0000000000000002", a, b, to, now.Add(-agreedFor-time.Minute))
	refused("too late", faceproof.CodeConflict, "proposal", "import", "--agreed", "pr_0000000000000002", csv)
	d.proposal("pr_0000000000000003", a, b, to, now)
	refused("replace was not agreed to", faceproof.CodeConflict, "--replace", "import", "--replace", "--agreed", "pr_0000000000000003", csv)
	d.file("b.jpg", "the attacker")
	refused("another photo", faceproof.CodeConflict, "csv", "import", "--agreed", "pr_0000000000000003", csv)
	d.file("b.jpg", "two")
	d.file("people.csv", strings.Replace(two, "070021", "07003X", 1))
	refused("another number", faceproof.CodeConflict, "csv", "import", "--agreed", "pr_0000000000000003", csv)
	d.file("people.csv", two)
	if out, err := d.run("import", "--agreed", "pr_0000000000000003", csv); err != nil || !strings.HasPrefix(out, "2 lines: 2 added") {
		t.Fatal(out, err)
	}
	refused("twice", faceproof.CodeConflict, "proposal", "import", "--agreed", "pr_0000000000000003", csv)

	s, _, done, err := openStore(d.g)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	log, err := s.AuditLog(t.Context(), 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	added, rows := 0, map[string]string{}
	for _, e := range log {
		if e.Action == "person.add" && e.Actor == "import:pr_0000000000000003" {
			added++
		}
		if e.Object == "pr_0000000000000003" {
			rows[e.Action] = e.Actor
		}
	}
	if added != 2 || rows["proposal.open"] != "admin:"+a || rows["proposal.approved"] != "admin:"+b || rows["proposal.used"] != "cli" {
		t.Errorf("%d people, %v", added, rows)
	}
	acceptance.Record(t, acceptance.Row{Area: "Two people enrol", Number: "no portrait without two actors and an audit row", N: tried, Failures: wrong, Gate: "C",
		Result: fmt.Sprintf("%d ways to enrol with one person, other bytes, too late or twice: all refused; 2 people enrolled by two, each row leads to both", tried)})
}
