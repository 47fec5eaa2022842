package privacy

import (
	"slices"
	"time"

	"faceproof"
)

// Stands says whether a filing was made and has not ended.
func (f Filing) Stands() bool { return faceproof.FilingStands(f.Made) }

// Used gives the apps in use, each with the hash of what its notice says: what a
// filing tells, and what shows later that it has changed.
func Used(apps []faceproof.App) map[faceproof.AppID]string {
	used := map[faceproof.AppID]string{}
	for _, a := range apps {
		if !a.Revoked {
			n := a.Shown(false)
			used[a.ID] = n.Hash()
		}
	}
	return used
}

// Filed sets what was filed against the duty to file: while a filing stands and
// no app has changed since, nothing is due. An app that has changed, come or
// gone makes a change due FilingDays after the first of these; since says when an
// app was first changed after a moment, 0 for never (then it counts from the
// filing). The number of people is no part of it: falling under 100,000 ends
// neither the filing nor the duty.
func (f Filing) Filed(c Calendar, made []faceproof.FilingRecord, apps []faceproof.App, since func(id faceproof.AppID, after int64) (int64, error)) (Filing, error) {
	f.Made, f.Changed = append([]faceproof.FilingRecord{}, made...), []faceproof.AppID{}
	if !f.Stands() {
		return f, nil
	}
	last := made[len(made)-1]
	now, first := Used(apps), int64(0)
	for id, hash := range now {
		if last.Apps[id] != hash {
			f.Changed = append(f.Changed, id)
		}
	}
	for id := range last.Apps {
		if _, used := now[id]; !used {
			f.Changed = append(f.Changed, id)
		}
	}
	slices.Sort(f.Changed)
	for _, id := range f.Changed {
		at, err := since(id, last.RecordedAt)
		if err != nil {
			return f, err
		}
		if at == 0 {
			at = last.RecordedAt
		}
		if first == 0 || at < first {
			first = at
		}
	}
	f.Required, f.Due, f.Provisional = false, "", false
	if len(f.Changed) > 0 {
		due, provisional := c.Due(time.UnixMilli(first), FilingDays)
		f.Required, f.Due, f.Provisional = true, due.Format(time.DateOnly), provisional
	}
	return f, nil
}
