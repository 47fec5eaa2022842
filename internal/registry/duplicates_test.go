package registry

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/gallery"
)

const basis = "银行反洗钱规定 第7条 · AML rules, article 7"

func rule() Search {
	return Search{ModelID: "model-1", Metric: gallery.Cosine, Threshold: .99, LegalBasis: basis}
}

// searching is the fixture's registry with a search at every enrolment.
func (f *fixture) searching(t testing.TB, s Search) *Local {
	t.Helper()
	c := f.c
	c.Search = &s
	l, err := New(c)
	must(t, err)
	return l
}

// audits gives the rows of a search.
func (f *fixture) audits(t testing.TB) (out []faceproof.AuditEntry) {
	t.Helper()
	log, err := f.store.AuditLog(ctx, 1, 1000)
	must(t, err)
	for _, a := range log {
		if a.Action == "person.search" || a.Action == "registry.duplicates" {
			out = append(out, a)
		}
	}
	return out
}

func TestDuplicates(t *testing.T) {
	f := fresh(t)
	a, err := f.Add(ctx, subject(t, "张三", 1), photos("abc"), "cli")
	must(t, err)
	_, err = f.Add(ctx, subject(t, "李四", 2), photos("Zz~~~~~~~~"), "cli")
	must(t, err)
	f.enroller.model = "model-0" // who was enrolled with another model is left out
	_, err = f.Add(ctx, subject(t, "王五", 3), photos("abc"), "cli")
	must(t, err)
	f.enroller.model = "model-1"
	f.c.Now = func() time.Time { return now.Add(1e9) }
	b, err := f.Add(ctx, subject(t, "赵六", 4), photos("abc"), "cli")
	must(t, err)
	if len(f.audits(t)) != 0 {
		t.Error("a search that nobody asked for")
	}
	for _, c := range []struct {
		since       int64
		comparisons int64
		pairs       int
	}{{0, 3, 1}, {now.UnixMilli() + 1, 2, 1}, {now.UnixMilli() + 2000, 0, 0}} {
		got, err := f.Duplicates(ctx, DuplicateQuery{Search: rule(), Since: c.since, Limit: 10, Actor: "cli"})
		must(t, err)
		if got.Templates != 3 || got.OtherModel != 1 || got.Comparisons != c.comparisons || len(got.Pairs) != c.pairs {
			t.Fatalf("since %d: %+v", c.since, got)
		}
		if c.pairs > 0 && (got.Pairs[0].A != min(a, b) || got.Pairs[0].B != max(a, b) || math.Abs(got.Pairs[0].Similarity-1) > 1e-6) {
			t.Errorf("%+v", got.Pairs)
		}
		text, _ := json.Marshal(got)
		if strings.ContainsAny(string(text)+fmt.Sprintf("%+v", got), "张三李四王五赵六") || strings.Contains(string(text), number(1)) {
			t.Errorf("it names people: %s", text)
		}
	}
	log := f.audits(t)
	if len(log) != 3 || log[0].Action != "registry.duplicates" || log[0].Actor != "cli" || log[0].Detail != basis || log[0].Object != "" {
		t.Errorf("audit: %+v", log)
	}
	_, err = f.Duplicates(ctx, DuplicateQuery{Search: rule(), Limit: 10, MaxComparisons: 2})
	want(t, err, faceproof.CodeConflict, "max_comparisons")
	few := rule()
	few.MaxTemplates = 2
	_, err = f.Duplicates(ctx, DuplicateQuery{Search: few, Limit: 10})
	want(t, err, faceproof.CodeConflict, "template")
}

func TestEnrolmentSearch(t *testing.T) {
	f := fresh(t)
	a, err := f.Add(ctx, subject(t, "张三", 1), photos("abc"), "cli")
	must(t, err)
	l := f.searching(t, rule())
	e, err := l.Enrol(ctx, subject(t, "李四", 2), photos("abc"), "cli", false)
	must(t, err)
	if len(e.Leads) != 1 || e.Leads[0].ID != a {
		t.Fatalf("leads %+v, want %s", e.Leads, a)
	}
	if log := f.audits(t); len(log) != 1 || log[0].Action != "person.search" || log[0].Object != alias(t, f, e.ID) || log[0].Detail != basis {
		t.Errorf("audit: %+v", log)
	}
	if other, err := l.Enrol(ctx, subject(t, "王五", 3), photos("Zz~~~~~~~~"), "cli", false); err != nil || other.Leads == nil || len(other.Leads) != 0 {
		t.Errorf("somebody new: %+v %v", other.Leads, err)
	}
	// Who is replaced is like themself, which is no lead.
	if again, err := l.Enrol(ctx, subject(t, "张三", 1), photos("abc"), "cli", true); err != nil || len(again.Leads) != 1 || again.Leads[0].ID != e.ID {
		t.Errorf("replaced: %+v %v", again.Leads, err)
	}
	// A search that cannot be made enrols nobody.
	for _, c := range []struct {
		change func(*Search)
		code   faceproof.Code
		field  string
	}{
		{func(s *Search) { s.LegalBasis = " " }, faceproof.CodeInvalid, "legal_basis"},
		{func(s *Search) { s.MaxTemplates = 2 }, faceproof.CodeConflict, "template"},
		{func(s *Search) { s.ModelID = "model-0" }, faceproof.CodeConflict, "template"},
	} {
		s := rule()
		c.change(&s)
		_, err := f.searching(t, s).Enrol(ctx, subject(t, "赵六", 4), photos("abc"), "cli", false)
		want(t, err, c.code, c.field)
	}
	if n := len(f.list(t)); n != 3 {
		t.Errorf("%d enrolled, want 3", n)
	}
	// Without a rule nothing is searched.
	before := len(f.audits(t))
	if e, err := f.Enrol(ctx, subject(t, "赵六", 4), photos("abc"), "cli", false); err != nil || e.Leads != nil || len(f.audits(t)) != before {
		t.Errorf("off: %+v %v", e.Leads, err)
	}
}

func TestLegalBasis(t *testing.T) {
	for text, ok := range map[string]bool{
		basis: true, "PIPL Art. 13 (3), 29": true, "合同第7条": true, "GB/T 40660-2021; filed 2026-11-22, No. 20261122": true,
		"": false, "   a   ": false, "law\nnext": false, "for 990000199003070013": false, "tel 13800000000": false, "\xff\xfflaw": false,
		strings.Repeat("法", maxLegalBasis): true, strings.Repeat("法", maxLegalBasis+1): false,
	} {
		if err := CheckLegalBasis(text, "--legal-basis"); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		} else if err != nil {
			want(t, err, faceproof.CodeInvalid, "--legal-basis")
		}
	}
}
