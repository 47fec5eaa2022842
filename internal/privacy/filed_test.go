package privacy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// The way of a filing: due, made, nothing due, something changes, changed, ended.
func TestFiled(t *testing.T) {
	c := load(t)
	levels := []faceproof.PeopleLevel{{Level: 100_000, At: day(t, "2026-03-02").UnixMilli()}}
	app := func(id, place string) faceproof.App {
		return faceproof.App{ID: faceproof.AppID(id), Notice: faceproof.Notice{Handler: "h", Place: place}}
	}
	apps := []faceproof.App{app("wxa", ""), app("wxb", "")}
	filed := day(t, "2026-03-20")
	made := []faceproof.FilingRecord{{Kind: faceproof.FilingNew, Authority: "a", Number: "n", Date: "2026-03-20", RecordedAt: filed.UnixMilli(), Apps: Used(apps)}}
	changed := map[faceproof.AppID]time.Time{"wxa": day(t, "2026-04-09"), "wxb": day(t, "2026-04-07"), "wxc": day(t, "2026-04-08")}
	since := func(id faceproof.AppID, after int64) (int64, error) {
		if after != filed.UnixMilli() {
			t.Errorf("asked since %d", after)
		}
		return changed[id].UnixMilli(), nil
	}
	revoked := app("wxb", "")
	revoked.Revoked = true
	ended := append(append([]faceproof.FilingRecord{}, made...), faceproof.FilingRecord{Kind: faceproof.FilingEnd, RecordedAt: filed.UnixMilli()})
	for _, x := range []struct {
		name         string
		made         []faceproof.FilingRecord
		apps         []faceproof.App
		due, changed string
	}{
		{"not filed", nil, apps, "2026-04-14", ""},
		{"filed", made, apps, "", ""},
		{"the place changes", made, []faceproof.App{app("wxa", "Beijing"), app("wxb", "")}, dueOf(c, changed["wxa"]), "wxa"},
		{"an app comes", made, append(apps[:2:2], app("wxc", "")), dueOf(c, changed["wxc"]), "wxc"},
		{"an app goes", made, []faceproof.App{apps[0], revoked}, dueOf(c, changed["wxb"]), "wxb"},
		{"the first change counts", made, []faceproof.App{app("wxa", "Beijing"), revoked}, dueOf(c, changed["wxb"]), "wxa wxb"},
		{"ended", ended, apps, "2026-04-14", ""},
	} {
		f, err := FilingOf(c, 100_000, levels).Filed(c, x.made, x.apps, since)
		if err != nil || f.Due != x.due || f.Required != (x.due != "") || join(f.Changed) != x.changed {
			t.Errorf("%s: %+v, %v, want due %q, changed %q", x.name, f, err, x.due, x.changed)
		}
		var b strings.Builder
		Report{Filing: f}.Markdown(&b)
		if got := strings.Contains(b.String(), "a change is to be filed by "+x.due); got != (x.changed != "") {
			t.Errorf("%s:\n%s", x.name, b.String())
		}
	}
}

func dueOf(c Calendar, from time.Time) string {
	d, _ := c.Due(from, FilingDays)
	return d.Format(time.DateOnly)
}

func join(ids []faceproof.AppID) string {
	out := []string{}
	for _, id := range ids {
		out = append(out, string(id))
	}
	return strings.Join(out, " ")
}

func TestFilingRecordCheck(t *testing.T) {
	today := day(t, "2026-11-23")
	good := faceproof.FilingRecord{Kind: faceproof.FilingNew, Authority: " 北京市互联网信息办公室 ", Number: "京备 1", Date: "2026-11-23"}
	if err := good.Check(today, ""); err != nil || good.Authority != "北京市互联网信息办公室" {
		t.Fatal(err, good)
	}
	for _, x := range []struct {
		field string
		code  faceproof.Code
		last  faceproof.FilingKind
		spoil func(*faceproof.FilingRecord)
	}{
		{"authority", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Authority = "  " }},
		{"authority", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Authority = strings.Repeat("字", 101) }},
		{"number", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Number = "a\nb" }},
		{"number", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Number = "\xff" }},
		{"date", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Date = "2026-11-24" }},
		{"date", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Date = "2025-05-31" }},
		{"date", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Date = "2026-02-30" }},
		{"kind", faceproof.CodeInvalid, "", func(f *faceproof.FilingRecord) { f.Kind = "other" }},
		{"kind", faceproof.CodeConflict, "", func(f *faceproof.FilingRecord) { f.Kind = faceproof.FilingChange }},
		{"kind", faceproof.CodeConflict, faceproof.FilingEnd, func(f *faceproof.FilingRecord) { f.Kind = faceproof.FilingEnd }},
		{"kind", faceproof.CodeConflict, faceproof.FilingChange, func(*faceproof.FilingRecord) {}},
	} {
		f := good
		x.spoil(&f)
		var got *faceproof.Error
		err := f.Check(today, x.last)
		if !errors.As(err, &got) || got.Code != x.code || got.Field != x.field {
			t.Errorf("%+v after %q: %v, want %s of %s", f, x.last, err, x.code, x.field)
		}
	}
}
