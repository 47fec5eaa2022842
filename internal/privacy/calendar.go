// Package privacy computes what the law asks of whoever keeps faces: when a
// filing is due, the annex of the impact assessment that a machine can fill,
// and which persons were touched in a stretch of time.
package privacy

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

//go:embed holidays.json
var holidays embed.FS

// China is the time in which days of law begin and end.
var China = time.FixedZone("CST", 8*60*60)

// FilingDays are the working days within which the filing is due once 100,000
// people are reached (Measures on face recognition, CAC and MPS order 19 of
// 2025, article 15).
const FilingDays = 30

// Calendar knows the working days of the years that the State Council has
// arranged.
type Calendar struct {
	Source  string
	Years   []int
	off, on map[string]bool
}

// LoadCalendar reads the calendar that is built in.
func LoadCalendar() (Calendar, error) {
	data, err := holidays.ReadFile("holidays.json")
	if err != nil {
		return Calendar{}, err
	}
	return ParseCalendar(data)
}

// ParseCalendar reads a calendar file: source, years, off (ranges of days) and
// on (weekend days that are worked). Errors name the day at fault.
func ParseCalendar(data []byte) (Calendar, error) {
	var f struct {
		Source string `json:"source"`
		Years  []int  `json:"years"`
		Off    []struct {
			From string `json:"from"`
			To   string `json:"to"`
		} `json:"off"`
		On []string `json:"on"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return Calendar{}, fmt.Errorf("the calendar is no JSON of its form: %w", err)
	}
	c := Calendar{Source: f.Source, Years: f.Years, off: map[string]bool{}, on: map[string]bool{}}
	for _, r := range f.Off {
		from, err := time.Parse(time.DateOnly, r.From)
		if err != nil {
			return c, fmt.Errorf("the calendar: %q is no day", r.From)
		}
		to, err := time.Parse(time.DateOnly, r.To)
		if err != nil || to.Before(from) || to.Sub(from) > 31*24*time.Hour {
			return c, fmt.Errorf("the calendar: %q is no day after %q", r.To, r.From)
		}
		for ; !to.Before(from); from = from.AddDate(0, 0, 1) {
			c.off[from.Format(time.DateOnly)] = true
		}
	}
	for _, d := range f.On {
		day, err := time.Parse(time.DateOnly, d)
		if err != nil || c.off[d] || !weekend(day) {
			return c, fmt.Errorf("the calendar: %q is no day of a weekend that is worked", d)
		}
		c.on[d] = true
	}
	return c, nil
}

func weekend(t time.Time) bool { return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday }

// Working says whether a day, in China, is worked.
func (c Calendar) Working(t time.Time) bool {
	d := t.In(China).Format(time.DateOnly)
	return c.on[d] || !c.off[d] && !weekend(t.In(China))
}

// Due is the last working day of a term of n working days that begins the day
// after the given moment's. provisional: the calendar does not know every year
// of it, and days of an unknown year count as worked from Monday to Friday, so
// that the date can be early by the holidays of that year.
func (c Calendar) Due(from time.Time, n int) (day time.Time, provisional bool) {
	y, m, d := from.In(China).Date()
	day = time.Date(y, m, d, 0, 0, 0, 0, China)
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		provisional = provisional || !slices.Contains(c.Years, day.Year())
		if c.Working(day) {
			n--
		}
	}
	return day, provisional
}
