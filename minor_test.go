package faceproof

import (
	"fmt"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// numberOf makes a valid ID number of a birth date.
func numberOf(t *testing.T, birth time.Time, serial int) IDNumber {
	t.Helper()
	body := fmt.Sprintf("110101%s%03d", birth.Format("20060102"), serial%1000)
	sum := 0
	for i := range 17 {
		sum += int(body[i]-'0') * idWeights[i]
	}
	n, err := ParseIDNumber(body+string(idCheck[sum%11]), "id", time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fullYears counts birthdays one by one, on another way than Minor: a year of
// age is full when the day after the birthday begins in China. A birthday on 29
// February is over on 1 March where there is none.
func fullYears(birth, at time.Time) int {
	n := 0
	for {
		birthday := time.Date(birth.Year()+n+1, birth.Month(), birth.Day(), 0, 0, 0, 0, china)
		after := birthday.AddDate(0, 0, 1)
		if birthday.Month() != birth.Month() { // normalised to 1 March: the day after 28 February
			after = birthday
		}
		if at.Before(after) {
			return n
		}
		n++
	}
}

// security.md T45: 1,000 numbers around the 14th birthday, ±1 day, with leap
// days, at the edges of the day in China, asked from four zones.
func TestMinorAroundTheBirthday(t *testing.T) {
	zones := []*time.Location{time.UTC, china, time.FixedZone("UTC-12", -12*3600), time.FixedZone("UTC+14", 14*3600)}
	var births []time.Time
	for _, y := range []int{2004, 2008, 2012, 1996} { // 29 February, and its neighbours
		for d := -3; d <= 3; d++ {
			births = append(births, time.Date(y, 2, 29+d, 0, 0, 0, 0, time.UTC))
		}
	}
	for i := 0; len(births) < 112; i++ {
		births = append(births, time.Date(2005+i%8, time.Month(1+i%12), 1+(i*7)%31, 0, 0, 0, 0, time.UTC))
	}
	n, wrong, minors := 0, 0, 0
	for i, birth := range births {
		id := numberOf(t, birth, i)
		day := time.Date(birth.Year()+14, birth.Month(), birth.Day(), 0, 0, 0, 0, china)
		for j, at := range []time.Time{day.AddDate(0, 0, -1), day.Add(-time.Second), day, day.Add(24*time.Hour - time.Second), day.AddDate(0, 0, 1), day.AddDate(0, 0, 1).Add(time.Second), day.AddDate(0, 0, 2), day.AddDate(0, 0, -2), day.Add(12 * time.Hour)} {
			want := fullYears(birth, at) < MinAge
			if got := id.Minor(at.In(zones[(i+j)%len(zones)])); got != want {
				wrong++
				t.Errorf("born %s, at %s: minor %t", birth.Format(time.DateOnly), at, got)
			}
			if want {
				minors++
			}
			n++
		}
	}
	if n < 1000 || minors < n/4 || minors > 3*n/4 {
		t.Errorf("%d numbers, %d of them minors: no test of both sides", n, minors)
	}
	for _, c := range []struct {
		birth, at string
		want      bool
	}{
		{"20120229", "2026-02-28T23:59:59+08:00", true}, {"20120229", "2026-03-01T00:00:00+08:00", false},
		{"20121122", "2026-11-22T23:59:59+08:00", true}, {"20121122", "2026-11-22T16:00:00Z", false}, {"20121122", "2026-11-22T15:59:59Z", true},
		{"20121121", "2026-11-22T00:00:00+08:00", false},
	} {
		birth, _ := time.Parse("20060102", c.birth)
		at, _ := time.Parse(time.RFC3339, c.at)
		if got := numberOf(t, birth, 1).Minor(at); got != c.want {
			t.Errorf("born %s, at %s: minor %t", c.birth, c.at, got)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "T45", Number: "1,000 IDs around the 14th birthday, ±1 day, leap days, zones: all right", N: n, Failures: wrong, Result: fmt.Sprintf("%d of %d right", n-wrong, n)})
}

func TestMinorPolicy(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	child, adult := numberOf(t, now.AddDate(-10, 0, 0), 1), numberOf(t, now.AddDate(-30, 0, 0), 1)
	for _, c := range []struct {
		policy MinorPolicy
		n      IDNumber
		want   MinorGate
	}{{"", child, MinorRefused}, {MinorsRefuse, child, MinorRefused}, {MinorsGuardian, child, MinorGuardian}, {"anything", child, MinorRefused},
		{"", adult, MinorNone}, {MinorsGuardian, adult, MinorNone}} {
		if got := (App{Minors: c.policy}).Minor(c.n, now); got != c.want {
			t.Errorf("%q: %q, want %q", c.policy, got, c.want)
		}
	}
	for s, ok := range map[string]bool{"refuse": true, "guardian": true, "": false, "Guardian": false, "allow": false} {
		if _, err := ParseMinorPolicy(s, "minors"); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}
