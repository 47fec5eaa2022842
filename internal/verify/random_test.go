package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/capture"
)

// caller makes random calls in random order, as businesses, browsers, thieves
// and clocks do.
type caller struct {
	*world
	r           *rand.Rand
	started     []Started
	players     []*player
	created     []Created
	credentials []string
	redeemed    map[string]int
}

func pick[T any](r *rand.Rand, from []T) (v T, ok bool) {
	if len(from) == 0 {
		return v, false
	}
	return from[r.IntN(len(from))], true
}

func (c *caller) anyApp() faceproof.App {
	if c.r.IntN(4) == 0 {
		return c.other
	}
	return c.app
}

// step makes one call. The store panics on a transition that State.Can forbids.
func (c *caller) step() {
	switch c.r.IntN(14) {
	case 0, 1:
		if st, err := c.s.Start1(ctx, c.anyApp(), c.subject, faceproof.AliveType(c.r.IntN(4)), "", false); err == nil {
			c.started = append(c.started, st)
		}
	case 2:
		r := c.request(fmt.Sprintf("order-%d", c.r.IntN(3)))
		r.App = c.anyApp()
		if cr, err := c.s.Create(ctx, r); err == nil {
			c.created = append(c.created, cr)
		}
	case 3:
		if cr, ok := pick(c.r, c.created); ok {
			if st, err := c.s.Start2(ctx, c.anyApp(), cr.VerifyID.Reveal(), nil, false); err == nil {
				c.started = append(c.started, st)
			}
		}
	case 4, 5, 6:
		c.open()
	case 7, 8:
		c.attempt()
	case 9:
		if p, ok := pick(c.r, c.players); ok {
			_ = p.text("%s", []string{`{"type":"ready","attempt":1}`, `{"type":"abort","reason":"camera","stage":90004}`, `{`, `{"type":"end","attempt":1,"captured":0,"sent":0,"dropped":0}`}[c.r.IntN(4)])
		}
	case 10:
		if p, ok := pick(c.r, c.players); ok {
			p.live.Close(faceproof.ReasonDisconnected)
		}
	case 11:
		c.redeem()
	case 12:
		if cr, ok := pick(c.r, c.created); ok {
			_, _ = c.s.Query(ctx, c.anyApp(), cr.VerifyID.Reveal(), fmt.Sprintf("order-%d", c.r.IntN(3)), c.certHash(), "o-1")
		}
	case 13:
		time.Sleep(time.Duration(c.r.IntN(400)) * time.Second)
		_ = c.s.Retain(ctx)
	}
}

func (c *caller) open() {
	st, ok := pick(c.r, c.started)
	if !ok {
		return
	}
	h := hello(st)
	if c.r.IntN(8) == 0 {
		h.CaptureToken = faceproof.NewToken(strings.Repeat("A", 54))
	}
	if live, err := c.s.Capture(context.Background(), h); err == nil {
		c.players = append(c.players, &player{t: c.t, w: c.world, live: live, from: time.Now()})
	}
}

// attempt plays on as far as it goes; the socket may be lost on the way.
func (c *caller) attempt() {
	p, ok := pick(c.r, c.players)
	if !ok || p.spoilt {
		return
	}
	p.drain()
	n := 1
	for _, m := range p.got {
		if m["type"] == "result" {
			n++
		}
	}
	if p.live.ctx.Err() != nil {
		return
	}
	p.spoilt = true // a later step may have sent something: only once a player
	if err := p.text(`{"type":"ready","attempt":%d}`, n); err != nil {
		return
	}
	for p.last("prepare") == nil && p.live.ctx.Err() == nil {
		time.Sleep(200 * time.Millisecond)
		_ = p.frame(1, true)
	}
	p.seq = 0
	_ = p.display(1, capture.DisplayPreroll, 0)
	for p.last("challenge") == nil && p.live.ctx.Err() == nil {
		time.Sleep(90 * time.Millisecond)
		_ = p.frame(1, false)
	}
	if c.r.IntN(5) == 0 || p.live.ctx.Err() != nil {
		return
	}
	p.flash(1)
	_ = p.end(1)
	if r := p.last("result"); r != nil && r["verify_result"] != nil {
		c.credentials = append(c.credentials, r["verify_result"].(string))
	}
}

func (c *caller) redeem() {
	token, ok := pick(c.r, c.credentials)
	if !ok {
		return
	}
	info, err := c.s.Redeem(ctx, c.anyApp(), token, "")
	if err != nil {
		if err != errCredential {
			c.t.Errorf("another refusal: %v", err)
		}
		return
	}
	if c.redeemed[token]++; c.redeemed[token] > 1 {
		c.t.Error("redeemed twice")
	}
	if info.Verification.State != faceproof.StateRedeemed || info.Decision.Outcome == "" {
		c.t.Errorf("redeemed %+v", info.Verification.State)
	}
}

// TestRandomCalls makes 10,000 sequences of 12 calls, 100,000 with FACEPROOF_MEASURE=1. Every transition is one
// that State.Can allows, no credential is redeemed twice, and when all sockets
// are closed and the retention has run, nothing stays in the middle.
func TestRandomCalls(t *testing.T) {
	n, seed := 10_000, uint64(20261122)
	if testing.Short() {
		n = 1_000
	}
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 100_000
	}
	seen := map[string]int{}
	for i := range n {
		bubble(t, func(t *testing.T) {
			c := &caller{world: newWorld(t), r: rand.New(rand.NewPCG(seed, uint64(i))), redeemed: map[string]int{}}
			if c.r.IntN(3) == 0 {
				c.analysis.evidence = func(attempt int) faceproof.Evidence { return weakEvidence() }
			}
			c.analysis.shared = true // one fake for many sessions
			for range 12 {
				c.step()
			}
			for _, p := range c.players {
				p.live.Close(faceproof.ReasonDisconnected)
			}
			synctest.Wait()
			time.Sleep(2 * time.Hour)
			c.nothingLeft(t)
			for _, s := range c.store.steps {
				seen[s]++
			}
			if t.Failed() {
				t.Fatalf("seed %d, sequence %d", seed, i)
			}
		})
		if t.Failed() {
			return
		}
	}
	for _, s := range []string{"created capturing", "created ended", "capturing captured", "capturing ended", "captured decided", "captured capturing", "decided redeemed"} {
		if seen[s] == 0 {
			t.Errorf("never went from %s", s)
		}
	}
	t.Logf("%d sequences: %v", n, seen)
	acceptance.Record(t, acceptance.Row{Area: "Invariants", Seed: seed, N: n,
		Result: fmt.Sprintf("%d sequences of 12 calls by businesses, browsers, thieves and clocks, %d kinds of transitions: each allowed, no credential redeemed twice, nothing left in the middle", n, len(seen))})
}
