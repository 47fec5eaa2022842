package store

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"faceproof"
)

func application(id string) faceproof.Application {
	return faceproof.Application{ID: id, State: faceproof.ApplicationSubmitted, Source: faceproof.SourceApplicant, Name: "银行",
		Notice:   faceproof.Notice{Handler: "h", Contact: "c", Purpose: "p", Necessity: "n", Alternative: "a", RetentionDays: 7},
		Category: "bank", DailyVolume: 10, Peak: 2, Interfaces: []faceproof.Permission{faceproof.PermGetUserIDKey, faceproof.PermGetInfo},
		Origins: []string{"https://a.example"}, Alive: faceproof.AliveAuto, ImageBasis: "law",
		Licences: []faceproof.Licence{{ID: "l", Kind: faceproof.LicenceFinance, Type: "image/png", Bytes: 3, SHA256: "x"}}, Version: 1, CreatedAt: t0, UpdatedAt: t0}
}

func approve(t testing.TB, s *Store, a faceproof.Application, id faceproof.AppID) error {
	t.Helper()
	a.State, a.AppID = faceproof.ApplicationApproved, id
	return s.ApproveApplication(ctx, a, faceproof.App{ID: id, Name: a.Name, Notice: a.Notice, Alive: a.Alive, CreatedAt: t0}, []byte("secret"), entry("application.approve"))
}

func TestApplications(t *testing.T) {
	s := open(t)
	a := application("ap_1")
	must(t, s.CreateApplication(ctx, a, entry("application.draft")))
	want(t, s.CreateApplication(ctx, a, entry("application.draft")), faceproof.CodeConflict)
	got, err := s.Application(ctx, "ap_1")
	must(t, err)
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", a) {
		t.Errorf("got %+v, want %+v", got, a)
	}
	a.Name = "新"
	must(t, s.UpdateApplication(ctx, a, entry("application.revise")))
	want(t, s.UpdateApplication(ctx, a, entry("application.revise")), faceproof.CodeConflict) // version 1 is over
	list, err := s.Applications(ctx, faceproof.ApplicationSubmitted)
	must(t, err)
	if len(list) != 1 || list[0].Name != "新" || list[0].Version != 2 {
		t.Errorf("%+v", list)
	}
	if all, err := s.Applications(ctx, ""); err != nil || len(all) != 3 { // app1's and app2's too
		t.Errorf("%d %v", len(all), err)
	}
	want(t, second(s.Application(ctx, "ap_2")), faceproof.CodeNotFound)
	want(t, s.UpdateApplication(ctx, application("ap_2"), entry("x")), faceproof.CodeConflict)
	n := count(t, s, `SELECT COUNT(*) FROM audit`)
	want(t, approve(t, s, a, "wx00000000000000a9"), faceproof.CodeConflict) // still the old version
	want(t, second2(s.App(ctx, "wx00000000000000a9")), faceproof.CodeNotFound)
	if count(t, s, `SELECT COUNT(*) FROM audit`) != n {
		t.Error("a refused change left an audit row")
	}
	a.Version = 2
	must(t, approve(t, s, a, "wx00000000000000a9"))
	app, hash, err := s.App(ctx, "wx00000000000000a9")
	must(t, err)
	if len(app.Permissions) != 0 || string(hash) != "secret" {
		t.Errorf("%+v", app)
	}
}

func second2[A, B any](_ A, _ B, err error) error { return err }

func TestSwitchPermissions(t *testing.T) {
	s := open(t)
	a := application("ap_1")
	must(t, s.CreateApplication(ctx, a, entry("application.draft")))
	id := faceproof.AppID("wx00000000000000a9")
	must(t, approve(t, s, a, id))
	set := func(on bool, which ...faceproof.Permission) (faceproof.App, error) {
		return s.SwitchPermissions(ctx, id, which, on, "test")
	}
	app, err := set(true, faceproof.PermGetInfo, faceproof.PermGetUserIDKey, faceproof.PermGetInfo)
	must(t, err)
	if !slices.Equal(app.Permissions, []faceproof.Permission{faceproof.PermGetUserIDKey, faceproof.PermGetInfo}) {
		t.Errorf("%v", app.Permissions)
	}
	// One that was not asked for takes the others back.
	want(t, second(set(false, faceproof.PermGetInfo)), "")
	want(t, second(set(true, faceproof.PermGetInfo, faceproof.PermGetImage)), faceproof.CodeConflict)
	app, _, err = s.App(ctx, id)
	must(t, err)
	if !slices.Equal(app.Permissions, []faceproof.Permission{faceproof.PermGetUserIDKey}) {
		t.Errorf("%v", app.Permissions)
	}
	want(t, second(s.SwitchPermissions(ctx, "wx0", nil, true, "test")), faceproof.CodeNotFound)
	log, err := s.AuditLog(ctx, 1, 100)
	must(t, err)
	var rows []string
	for _, e := range log {
		if e.Object == string(id) && e.Actor == "test" && e.Action != "app.create" {
			rows = append(rows, e.Action+" "+e.Detail)
		}
	}
	if !slices.Equal(rows, []string{"app.enable getinfo", "app.enable getuseridkey", "app.disable getinfo"}) {
		t.Errorf("audit: %v", rows)
	}
	// app1's notice has no purpose.
	want(t, second(s.SwitchPermissions(ctx, app1, []faceproof.Permission{faceproof.PermGetInfo}, true, "test")), faceproof.CodeConflict)
	must(t, second(s.SwitchPermissions(ctx, app1, []faceproof.Permission{faceproof.PermGetInfo}, false, "test")))
	must(t, s.UpdateApp(ctx, faceproof.App{ID: id, Notice: a.Notice, Revoked: true}))
	want(t, second(set(true, faceproof.PermGetInfo)), faceproof.CodeConflict)
}

// Two reviewers: one wins.
func TestReviewIsDecidedOnce(t *testing.T) {
	s := open(t)
	a := application("ap_1")
	must(t, s.CreateApplication(ctx, a, entry("application.draft")))
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if approve(t, s, a, faceproof.AppID(fmt.Sprintf("wx%016x", i))) == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if n := count(t, s, `SELECT COUNT(*) FROM apps`); won.Load() != 1 || n != 3 {
		t.Errorf("%d approvals, %d apps", won.Load(), n)
	}
}

// An app of before has an application after.
func TestMigrationOfApps(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "db"), true)
	a, err := s.Application(ctx, "ap_00000000000000a1")
	must(t, err)
	if a.State != faceproof.ApplicationApproved || a.Source != faceproof.SourceOperator || a.AppID != app1 {
		t.Errorf("%+v", a)
	}
	// Undone and done again, as a database of the last version would meet it.
	for _, q := range []string{`DROP INDEX persons_sealing`, `ALTER TABLE persons DROP COLUMN sealing`, `ALTER TABLE apps DROP COLUMN reading`, `ALTER TABLE apps DROP COLUMN retain`, `ALTER TABLE verifications DROP COLUMN opened_by`, `DROP INDEX verifications_evidence`, `DROP TABLE failures`, `ALTER TABLE apps DROP COLUMN daily_calls`, `ALTER TABLE apps DROP COLUMN earlier_secret_hash`, `ALTER TABLE apps DROP COLUMN earlier_secret_until`,
		`ALTER TABLE credentials DROP COLUMN redeem_seq`, `ALTER TABLE verifications DROP COLUMN mismatches`, `DROP TABLE applications`, `DROP TABLE attempts`, `DROP TABLE calls`, `DROP TABLE traces`,
		`DROP TABLE consents`, `DROP TABLE consent_texts`, `DROP TABLE withdrawals`, `DROP TABLE people_levels`, `DROP INDEX verifications_subject`, `ALTER TABLE apps DROP COLUMN minors`, `DELETE FROM meta WHERE name = 'people'`,
		`DROP TABLE audit_tree`, `ALTER TABLE verifications DROP COLUMN decision_mac`, `DROP TABLE audit_head`, `DROP TABLE audit_checkpoints`,
		`DROP TABLE webhook_events`, `DROP TABLE webhooks`, `DROP TABLE admin_proposals`, `DROP TABLE admin_sessions`, `DROP TABLE admin_invites`, `DROP TABLE admin_credentials`, `DROP TABLE admins`, `DELETE FROM goose_db_version WHERE version_id >= 2`} {
		_, err := s.writer.Exec(q)
		must(t, err)
	}
	must(t, s.migrate(ctx))
	b, err := s.Application(ctx, "ap_00000000000000a1")
	must(t, err)
	if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
		t.Errorf("got %+v, want %+v", b, a)
	}
}
