package capture

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// maxSteps is enough for three attempts.
const maxSteps = 400

func TestSessionHoldsAgainstRandomClients(t *testing.T) {
	n, seed := 100_000, uint64(20261122)
	if testing.Short() {
		n = 10_000
	}
	var complete, ended, retried, declined, read int
	for i := range n {
		a := newActor(fastChoices{rand.New(rand.NewPCG(seed, uint64(i)))})
		for range maxSteps {
			if err := a.step(); err != nil {
				t.Fatalf("seed %d, sequence %d: %v", seed, i, err)
			}
			if a.log.over {
				ended++
				break
			}
		}
		if a.log.complete > 0 {
			complete++
		}
		if a.log.read > 0 {
			read++
		}
		if a.log.declines > 0 {
			declined++
		}
		if a.attempt > 1 {
			retried++
		}
	}
	t.Logf("%d sequences: %d with a complete attempt, %d retried, %d declined, %d read, %d ended", n, complete, retried, declined, read, ended)
	// The clients must get everywhere, or the invariants were not tested.
	if complete < n/100 || retried < n/100 || declined < n/100 || read < n/100 {
		t.Errorf("only %d complete, %d retried, %d declined and %d read attempts", complete, retried, declined, read)
	}
}

func TestSessionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newActor(rapidChoices{t})
		for i := 0; i < maxSteps && !a.log.over; i++ {
			if err := a.step(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func checkComplete(t Transcript, frames []Frame) error {
	n := len(t.Challenge.Segments)
	if len(t.Display) > 0 && t.Display[0].Event == DisplayLead {
		if len(t.Display) < 2 || t.Display[1].T <= t.Display[0].T {
			return fmt.Errorf("a lead out of order was analysed: %+v", t.Display)
		}
		t.Display = t.Display[1:]
	}
	if n == 0 || len(t.Display) != n+2 || t.Display[0].Event != DisplayPreroll || t.Display[n+1].Event != DisplayPostroll {
		return fmt.Errorf("an incomplete display was analysed: %+v", t.Display)
	}
	for i := 1; i < len(t.Display); i++ {
		d := t.Display[i]
		if d.T <= t.Display[i-1].T || i <= n && (d.Event != DisplaySegment || d.Index != i-1) {
			return fmt.Errorf("a display out of order was analysed: %+v", t.Display)
		}
	}
	if t.Captured != t.Sent+t.Dropped || t.Sent != t.Received+t.RateDropped {
		return fmt.Errorf("the counts do not agree: %+v", t)
	}
	if frames[len(frames)-1].T < t.Display[n+1].T || t.ServerMS < .9*float64(Duration(t.Challenge).Milliseconds()) {
		return fmt.Errorf("a script cut short was analysed")
	}
	return nil
}
