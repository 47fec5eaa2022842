package privacy

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"faceproof"
)

// Touch is one audit row with whom it is about, as far as the database says.
type Touch struct {
	faceproof.AuditEntry
	Person string // what the audit log calls a registered person, or empty
	// Subject is the keyed index of a verification's ID number, hex; empty when
	// the row is about no verification, or one that is forgotten.
	Subject string
	// PersonOfSubject is the registered person of that number, or empty.
	PersonOfSubject string
	// Everyone: the row is a search 1:N, or another act on all persons at once.
	Everyone bool
}

// Touched is one person, or one person's number, in a stretch of time.
type Touched struct {
	// Who is "person:" and the id in the registry, or what the audit log calls
	// somebody who was deleted; "subject:" and the start of the
	// keyed index of somebody who was only claimed, or "session:" and the id of a
	// session that is forgotten.
	Who     string   `json:"who"`
	Rows    int      `json:"rows"`
	First   int64    `json:"first"` // unix milliseconds
	Last    int64    `json:"last"`  // unix milliseconds
	Actions []string `json:"actions"`
	Actors  []string `json:"actors"`
}

// Incident is the answer to "who was touched between".
type Incident struct {
	From     int64     `json:"from"`                    // unix milliseconds, included
	To       int64     `json:"to"`                      // unix milliseconds, not included
	Pruned   int64     `json:"pruned_before,omitempty"` // unix milliseconds: of that time and before there are no audit rows any more
	Rows     int       `json:"rows"`                    // audit rows that were read
	People   []Touched `json:"people"`
	Everyone []Touched `json:"everyone"` // acts on all persons at once: then everybody registered was touched
}

// Gather collects audit rows by whom they are about. It reads each row once.
type Gather struct {
	rows     int
	people   map[string]*tally
	everyone map[string]*tally
}

type tally struct {
	Touched
	actions, actors map[string]bool
}

// NewGather begins.
func NewGather() *Gather {
	return &Gather{people: map[string]*tally{}, everyone: map[string]*tally{}}
}

// Add takes one row.
func (g *Gather) Add(t Touch) {
	g.rows++
	switch {
	case t.Everyone:
		add(g.everyone, t.Action, t)
	case t.Person != "":
		add(g.people, "person:"+t.Person, t)
	case t.PersonOfSubject != "":
		add(g.people, "person:"+t.PersonOfSubject, t)
	case t.Subject != "":
		add(g.people, "subject:"+t.Subject[:min(16, len(t.Subject))], t)
	case session(t.Action) && len(t.Object) == 32:
		add(g.people, "session:"+t.Object, t)
	}
}

// session says whether a row without a person was about one nonetheless: its
// verification is forgotten.
func session(action string) bool {
	area, _, _ := strings.Cut(action, ".")
	return slices.Contains([]string{"verification", "capture", "credential", "portrait", "video", "consent"}, area)
}

func add(to map[string]*tally, who string, t Touch) {
	x := to[who]
	if x == nil {
		x = &tally{Touched: Touched{Who: who, First: t.At, Last: t.At}, actions: map[string]bool{}, actors: map[string]bool{}}
		to[who] = x
	}
	x.Rows++
	x.First, x.Last = min(x.First, t.At), max(x.Last, t.At)
	x.actions[t.Action], x.actors[t.Actor] = true, true
}

// Named lists what the audit log calls the persons that were gathered.
func (g *Gather) Named() (out []string) {
	for who := range g.people {
		if name, ok := strings.CutPrefix(who, "person:"); ok {
			out = append(out, name)
		}
	}
	return out
}

// Rename puts the persons of the registry in the place of what the audit log
// calls them: ids by name. Who is not in it stays under that name.
func (g *Gather) Rename(ids map[string]string) {
	for name, id := range ids {
		from, to := g.people["person:"+name], g.people["person:"+id]
		switch {
		case from == nil || name == id:
			continue
		case to == nil:
			to = from
		default:
			to.Rows += from.Rows
			to.First, to.Last = min(to.First, from.First), max(to.Last, from.Last)
			maps.Copy(to.actions, from.actions)
			maps.Copy(to.actors, from.actors)
		}
		to.Who = "person:" + id
		delete(g.people, "person:"+name)
		g.people[to.Who] = to
	}
}

// Incident gives what was gathered, by who.
func (g *Gather) Incident(from, to int64) Incident {
	list := func(m map[string]*tally) []Touched {
		out := []Touched{}
		for _, t := range m {
			t.Actions, t.Actors = slices.Sorted(maps.Keys(t.actions)), slices.Sorted(maps.Keys(t.actors))
			out = append(out, t.Touched)
		}
		slices.SortFunc(out, func(a, b Touched) int { return cmp.Compare(a.Who, b.Who) })
		return out
	}
	return Incident{From: from, To: to, Rows: g.rows, People: list(g.people), Everyone: list(g.everyone)}
}
