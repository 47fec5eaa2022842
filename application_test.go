package faceproof

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func bankApplication() Application {
	return Application{ID: "ap_0123456789abcdef", State: ApplicationDraft, Source: SourceApplicant, Name: "示例银行",
		Notice: Notice{Handler: "示例银行", Contact: "privacy@bank.example", Purpose: "开户", Necessity: "法律要求核验身份",
			RetentionDays: 30, Alternative: "到网点办理"},
		Category: "bank", DailyVolume: 1000, Peak: 20, Interfaces: DefaultPermissions(), Alive: AliveFlash,
		Origins: []string{"https://Bank.example:443/"}, Licences: []Licence{{ID: "1", Kind: LicenceFinance}}}
}

// Every state takes exactly the steps that it should.
func TestApplicationSteps(t *testing.T) {
	want := map[string]ApplicationState{
		"draft submit": ApplicationSubmitted, "submitted approve": ApplicationApproved,
		"submitted reject": ApplicationRejected, "rejected revise": ApplicationDraft,
	}
	for _, s := range []ApplicationState{ApplicationDraft, ApplicationSubmitted, ApplicationApproved, ApplicationRejected, "", "other"} {
		for _, action := range []ApplicationAction{ActionSubmit, ActionApprove, ActionReject, ActionRevise, "", "other"} {
			a := bankApplication()
			a.State = s
			got, err := a.Step(action, "why")
			to, ok := want[fmt.Sprint(s, " ", action)]
			switch {
			case ok && (err != nil || got.State != to):
				t.Errorf("%s %s: %s, %v", s, action, got.State, err)
			case !ok && ErrorCode(err) != CodeConflict:
				t.Errorf("%s %s: %s, %v, want a conflict", s, action, got.State, err)
			}
		}
	}
	a := bankApplication()
	a.State = ApplicationSubmitted
	if _, err := a.Step(ActionReject, " \t"); ErrorCode(err) != CodeInvalid {
		t.Errorf("a rejection without a reason: %v", err)
	}
	r, err := a.Step(ActionReject, "the licence is unreadable")
	if err != nil || r.Reason != "the licence is unreadable" {
		t.Fatalf("%+v %v", r, err)
	}
	if r, _ = r.Step(ActionRevise, ""); r.Reason == "" {
		t.Error("the applicant can't see what to mend")
	}
	if r, err = r.Step(ActionSubmit, ""); err != nil || r.Reason != "" {
		t.Errorf("submitted again: %q, %v", r.Reason, err)
	}
}

func TestApplicationComplete(t *testing.T) {
	cases := []struct {
		name, field string
		change      func(*Application)
	}{
		{"whole", "", func(*Application) {}},
		{"no name", "name", func(a *Application) { a.Name = " " }},
		{"no handler", "handler", func(a *Application) { a.Notice.Handler = "" }},
		{"no contact", "contact", func(a *Application) { a.Notice.Contact = "" }},
		{"no purpose", "purpose", func(a *Application) { a.Notice.Purpose = "" }},
		{"no necessity", "necessity", func(a *Application) { a.Notice.Necessity = "" }},
		{"no alternative", "alternative", func(a *Application) { a.Notice.Alternative = "" }},
		{"hidden characters", "purpose", func(a *Application) { a.Notice.Purpose = "开\u202e户" }},
		{"not UTF-8", "purpose", func(a *Application) { a.Notice.Purpose = "\xff" }},
		{"too long", "necessity", func(a *Application) { a.Notice.Necessity = strings.Repeat("长", 1001) }},
		{"no retention", "retention_days", func(a *Application) { a.Notice.RetentionDays = 0 }},
		{"long retention", "retention_days", func(a *Application) { a.Notice.RetentionDays = 3651 }},
		{"no volume", "daily_volume", func(a *Application) { a.DailyVolume = 0 }},
		{"no peak", "peak", func(a *Application) { a.Peak = -1 }},
		{"unknown category", "category", func(a *Application) { a.Category = "casino" }},
		{"no interfaces", "interfaces", func(a *Application) { a.Interfaces = nil }},
		{"unknown interface", "interfaces", func(a *Application) { a.Interfaces = []Permission{"all"} }},
		{"images without a law", "image_basis", func(a *Application) { a.Interfaces = []Permission{PermGetImage} }},
		{"images by law", "", func(a *Application) { a.Interfaces, a.ImageBasis = []Permission{PermGetImage}, "反洗钱法" }},
		{"bad origin", "origins", func(a *Application) { a.Origins = []string{"http://bank.example"} }},
		{"bad address", "alternative_to", func(a *Application) { a.Notice.AlternativeTo = "javascript:alert(1)" }},
		{"bad method", "alive", func(a *Application) { a.Alive = 7 }},
		{"no licence", "licences", func(a *Application) { a.Licences = nil }},
		{"another licence", "licences", func(a *Application) { a.Licences[0].Kind = LicenceOther }},
		{"other needs none", "", func(a *Application) { a.Category, a.Licences = CategoryOther, nil }},
	}
	for _, c := range cases {
		a := bankApplication()
		c.change(&a)
		_, err := a.Step(ActionSubmit, "")
		e, _ := err.(*Error)
		if c.field == "" && err != nil || c.field != "" && (e == nil || e.Code != CodeInvalid || e.Field != c.field) {
			t.Errorf("%s: %v, want field %q", c.name, err, c.field)
		}
	}
	a := bankApplication()
	if err := a.Check(); err != nil || a.Origins[0] != "https://bank.example" {
		t.Errorf("%v %v", a.Origins, err)
	}
}

func TestMaySwitchOn(t *testing.T) {
	cases := []struct {
		name, field string
		perm        Permission
		change      func(*Application, *App)
	}{
		{"approved", "", PermGetInfo, func(*Application, *App) {}},
		{"not approved", "app_id", PermGetInfo, func(a *Application, _ *App) { a.State = ApplicationSubmitted }},
		{"another's", "app_id", PermGetInfo, func(a *Application, _ *App) { a.AppID = "wx0000000000000002" }},
		{"revoked", "app_id", PermGetInfo, func(_ *Application, p *App) { p.Revoked = true }},
		{"no purpose", "purpose", PermGetInfo, func(_ *Application, p *App) { p.Notice.Purpose = "" }},
		{"no retention", "retention_days", PermGetInfo, func(_ *Application, p *App) { p.Notice.RetentionDays = 0 }},
		{"no alternative", "alternative", PermGetInfo, func(_ *Application, p *App) { p.Notice.Alternative = " " }},
		{"not asked for", "permission", PermGetImage, func(*Application, *App) {}},
		{"the operator's own", "", PermGetImage, func(a *Application, _ *App) { a.Source = SourceOperator }},
	}
	for _, c := range cases {
		a := bankApplication()
		a.State, a.AppID = ApplicationApproved, "wx0000000000000001"
		p := App{ID: a.AppID, Notice: a.Notice}
		c.change(&a, &p)
		err := a.MaySwitchOn(p, c.perm)
		e, _ := err.(*Error)
		if c.field == "" && err != nil || c.field != "" && (e == nil || e.Code != CodeConflict || e.Field != c.field) {
			t.Errorf("%s: %v, want field %q", c.name, err, c.field)
		}
	}
}

func TestCategories(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Categories() {
		if seen[c.ID] || c.Zh == "" || c.En == "" || c.Requires == nil {
			t.Errorf("%+v", c)
		}
		seen[c.ID] = true
		for _, k := range c.Requires {
			if !slices.Contains(LicenceKinds(), k) {
				t.Errorf("%s requires the unknown licence %s", c.ID, k)
			}
		}
	}
	if !seen[CategoryOther] {
		t.Error("no other")
	}
}

func TestLicenceType(t *testing.T) {
	for data, want := range map[string]string{"%PDF-1.7": "application/pdf", "\xff\xd8\xff\xe0": "image/jpeg", "\x89PNG\r\n\x1a\n...": "image/png",
		"": "", "GIF89a": "", "<html>": "", "MZ": "", " %PDF-": "", "\xff\xd8": ""} {
		if got, err := LicenceType([]byte(data)); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", data, got, err)
		}
	}
	if _, err := LicenceType(append([]byte("%PDF-"), make([]byte, MaxLicenceBytes)...)); err == nil {
		t.Error("a large file is taken")
	}
}
