package verify

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/store"
)

// guessing is somebody who tries names for numbers through 20 apps, from 100
// addresses, with another browser each time.
type guessing struct {
	w       *world
	numbers [][]byte // subject indexes

	mu     sync.Mutex
	told   map[string]int // by number: answers that the name is another's
	count  map[string]int // by what became of a guess
	failed error
}

// try makes one guess. gate: the session was opened now; else it waits since before
// any limit was reached. An answer of another face, too, would tell something if
// the name's were still told.
func (g *guessing) try(i int, gate bool) {
	subject := g.numbers[i%len(g.numbers)]
	app := faceproof.AppID(fmt.Sprintf("wx%016x", rand.IntN(20)))
	from := Caller{Address: netip.AddrFrom4([4]byte{203, 0, 113, byte(rand.IntN(100))}), Agent: fmt.Sprint("browser ", i)}
	answer, err := "", error(nil)
	if gate {
		if err = g.w.s.allowed(WithCaller(ctx, from), app, subject); faceproof.ErrorCode(err) == faceproof.CodeRateLimited {
			answer, err = "not begun", nil
		}
	}
	if answer == "" && err == nil {
		var d faceproof.Decision
		d, err = g.w.s.charge(ctx, faceproof.Verification{ID: fmt.Sprint("v", gate, i), AppID: app, SubjectIndex: subject}, from,
			faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonNameMismatch}})
		if err == nil {
			answer = string(d.Reasons[0])
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.failed = err
	}
	g.count[answer]++
	if answer == string(faceproof.ReasonNameMismatch) {
		g.told[string(subject)]++
	}
}

// security.md T15: 100,000 pairs of name and number over 100 addresses and 20
// apps test at most five names of a number; the counter is the real store's. Nine
// tenths open a session for each guess, the rest have opened all before, with no
// budget but that of names.
func TestNamesOfANumber(t *testing.T) {
	n, people, clients := 1_000, 2, 8
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n, people = 100_000, 20
	}
	st, err := store.Open(ctx, store.Config{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	most, total := 0, map[string]int{}
	for _, part := range []struct {
		guesses int
		gate    bool
	}{{n * 9 / 10, true}, {n / 10, false}} {
		w := newWorld(t, func(c *Config) { c.Attempts = st })
		if !part.gate {
			w.s.cfg.Budget.Subject, w.s.cfg.Budget.SubjectAll, w.s.cfg.Budget.Free, w.s.cfg.Budget.Total = 0, 0, 0, 0
		}
		g := &guessing{w: w, told: map[string]int{}, count: map[string]int{}}
		for i := range people {
			g.numbers = append(g.numbers, fmt.Appendf(nil, "%v %d", part.gate, i))
		}
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				for i := c; i < part.guesses; i += clients {
					g.try(i, part.gate)
				}
			})
		}
		all.Wait()
		if g.failed != nil {
			t.Fatal(g.failed)
		}
		for _, k := range g.told {
			most = max(most, k)
		}
		if !part.gate && most != w.s.cfg.Budget.Names {
			t.Errorf("%d names of a number were told to be another's, want %d: the test tests nothing", most, w.s.cfg.Budget.Names)
		}
		for k, v := range g.count {
			total[k] += v
		}
	}
	row := acceptance.Row{Area: "Names of a number", Number: "100,000 pairs over 100 addresses and 20 apps: ≤ 5 effective tests of one number", N: n, Gate: "N",
		Result: fmt.Sprintf("%d pairs, %d numbers: at most %d answers told of one number that the name is another's; what became of them: %v", n, 2*people, most, total)}
	if most > 5 {
		row.Failures = 1
		t.Error(row.Result)
	}
	t.Log(row.Result)
	acceptance.Record(t, row)
}
