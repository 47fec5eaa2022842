package privacy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
)

func load(t *testing.T) Calendar {
	t.Helper()
	c, err := LoadCalendar()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.ParseInLocation(time.DateOnly, s, China)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The totals of two years follow from the notices alone: days off on Monday to
// Friday taken away, days of a weekend that are worked added.
func TestWorkingDaysOfAYear(t *testing.T) {
	c := load(t)
	// 2025: 261 days from Monday to Friday, 18 of them off, 5 of a weekend worked;
	// 2026: 261, 19 off, 6 worked.
	for year, want := range map[int]int{2025: 248, 2026: 248} {
		n := 0
		for d := time.Date(year, 1, 1, 12, 0, 0, 0, China); d.Year() == year; d = d.AddDate(0, 0, 1) {
			if c.Working(d) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d has %d working days, want %d", year, n, want)
		}
	}
}

// Worked out by hand from a wall calendar and the two notices.
func TestDue(t *testing.T) {
	c := load(t)
	for _, x := range []struct {
		from, due   string
		n           int
		provisional bool
	}{
		{"2025-01-01", "2025-01-02", 1, false},
		{"2025-01-25", "2025-01-26", 1, false}, // a Sunday that is worked
		{"2025-01-27", "2025-02-05", 1, false}, // after the Spring Festival
		{"2025-02-05", "2025-02-08", 3, false}, // a Saturday that is worked
		{"2025-09-27", "2025-09-28", 1, false},
		{"2025-09-30", "2025-10-09", 1, false},
		{"2025-10-09", "2025-10-11", 2, false},
		{"2026-02-13", "2026-02-14", 1, false},
		{"2026-02-14", "2026-02-24", 1, false},
		{"2026-09-19", "2026-09-20", 1, false},
		{"2026-06-18", "2026-06-22", 1, false},
		{"2026-03-02", "2026-04-14", 30, false}, // 4 to 6 April are off
		{"2026-11-20", "2027-01-01", 30, true},  // 1 January 2027 is off, but not in the file: early, and said so
	} {
		due, provisional := c.Due(day(t, x.from).Add(23*time.Hour), x.n)
		if due.Format(time.DateOnly) != x.due || provisional != x.provisional {
			t.Errorf("%d working days after %s: %s (provisional %t), want %s", x.n, x.from, due.Format(time.DateOnly), provisional, x.due)
		}
	}
	// The term counts from the day in China, wherever the server is.
	a, _ := c.Due(time.Date(2026, 3, 1, 17, 0, 0, 0, time.UTC), 1) // 2 March, 01:00 in China
	if a.Format(time.DateOnly) != "2026-03-03" {
		t.Errorf("%s", a)
	}
}

// Over every day of two years: a due date is a working day, later for a later
// start, and n working days away when they are counted one by one.
func TestDueOverTwoYears(t *testing.T) {
	c := load(t)
	last := time.Time{}
	for from := day(t, "2025-01-01"); from.Before(day(t, "2026-11-01")); from = from.AddDate(0, 0, 1) {
		due, provisional := c.Due(from, FilingDays)
		n := 0
		for d := due; d.After(from); d = d.AddDate(0, 0, -1) {
			if c.Working(d) {
				n++
			}
		}
		if !c.Working(due) || n != FilingDays || due.Before(last) || provisional != (due.Year() > 2026) {
			t.Fatalf("from %s: %s, %d working days, provisional %t", from, due, n, provisional)
		}
		last = due
	}
}

func TestParseCalendar(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{"off":[{"from":"2025-13-01","to":"2025-01-02"}]}`, `{"off":[{"from":"2025-01-02","to":"2025-01-01"}]}`,
		`{"off":[{"from":"2025-01-01","to":"2026-01-01"}]}`, `{"on":["2025-01-01"]}`, `{"on":["x"]}`, `{"off":[{"from":"2025-01-04","to":"2025-01-04"}],"on":["2025-01-04"]}`} {
		if _, err := ParseCalendar([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestFilingOf(t *testing.T) {
	c := load(t)
	at := day(t, "2026-03-02").UnixMilli()
	if f := FilingOf(c, 99_999, []faceproof.PeopleLevel{{Level: 80_000, At: at}, {Level: 95_000, At: at}}); f.Required || f.Due != "" {
		t.Errorf("%+v", f)
	}
	f := FilingOf(c, 99_000, []faceproof.PeopleLevel{{Level: 80_000, At: 1}, {Level: 95_000, At: 1}, {Level: 100_000, At: at}})
	if !f.Required || f.Due != "2026-04-14" || f.Provisional {
		t.Errorf("deleting does not end the duty: %+v", f)
	}
}

func TestMarkdown(t *testing.T) {
	r := Report{MadeAt: 1, Filing: FilingOf(load(t), 100_000, []faceproof.PeopleLevel{{Level: 100_000, At: day(t, "2026-11-20").UnixMilli()}}),
		Data: DataMap(faceproof.Retention{}.Limit), Apps: []AppRow{AppOf(faceproof.App{ID: "wx0", Name: "<script>|`*_[x](y)"}, 100_000)}}
	var b strings.Builder
	r.Markdown(&b)
	for _, want := range []string{"2027-01-01", "may be early", "missing: handler", "missing: officer", "&lt;script>", "refuse", "State Council"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "<script") {
		t.Error("an operator's text is HTML")
	}
}

func FuzzParseCalendar(f *testing.F) {
	f.Add([]byte(`{"off":[{"from":"2025-01-01","to":"2025-01-02"}],"on":["2025-01-04"]}`))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = ParseCalendar(b) })
}

// What the audit log calls a person becomes the person, and one who was deleted
// stays under that name.
func TestRename(t *testing.T) {
	g := NewGather()
	add := func(at int64, action, actor string, touch Touch) {
		touch.AuditEntry = faceproof.AuditEntry{At: at, Action: action, Actor: actor}
		g.Add(touch)
	}
	add(5, "person.add", "cli", Touch{Person: "n1"})
	add(7, "verification.create", "app", Touch{PersonOfSubject: "p1"})
	add(9, "person.replace", "cli", Touch{Person: "n1"})
	add(3, "person.add", "cli", Touch{Person: "n2"})
	add(4, "person.add", "cli", Touch{Person: "gone"})
	names := g.Named()
	slices.Sort(names)
	if !slices.Equal(names, []string{"gone", "n1", "n2", "p1"}) {
		t.Error(names)
	}
	g.Rename(map[string]string{"n1": "p1", "n2": "p2", "p1": "p1", "other": "p3"})
	got := g.Incident(0, 10).People
	if len(got) != 3 || got[0].Who != "person:gone" || got[2].Who != "person:p2" || got[2].Rows != 1 {
		t.Fatalf("%+v", got)
	}
	if p := got[1]; p.Who != "person:p1" || p.Rows != 3 || p.First != 5 || p.Last != 9 || len(p.Actions) != 3 || !slices.Equal(p.Actors, []string{"app", "cli"}) {
		t.Errorf("%+v", p)
	}
}
