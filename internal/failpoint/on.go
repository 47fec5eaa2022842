//go:build failpoint

// Package failpoint breaks the program on purpose, for the tests of what must
// survive it. FACEPROOF_FAILPOINTS, or Set, says how: entries "point=action:n"
// with ";" between. The action happens at the n-th time that the point is
// passed; with "n+" from then on. Actions:
//
//	error  Hit gives ErrInjected
//	kill   the process is killed, as by kill -9
//	on     Broken is true: the code does what it must not, for a negative control
package failpoint

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// On says whether this build can be broken.
const On = true

// ErrInjected is what a broken point gives; it looks like a failing disk.
var ErrInjected = fmt.Errorf("injected: %w", syscall.EIO)

type plan struct {
	action  string
	n       int
	forever bool
}

var (
	mu    sync.Mutex
	plans = map[string]plan{}
	hits  = map[string]int{}
)

func init() {
	if err := Set(os.Getenv("FACEPROOF_FAILPOINTS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// Set forgets what was asked for and counted, and asks for s.
func Set(s string) error {
	next := map[string]plan{}
	for entry := range strings.SplitSeq(s, ";") {
		if entry == "" {
			continue
		}
		name, what, ok := strings.Cut(entry, "=")
		action, times, _ := strings.Cut(what, ":")
		p := plan{action: action, n: 1}
		if times != "" {
			var err error
			times, p.forever = strings.CutSuffix(times, "+")
			if p.n, err = strconv.Atoi(times); err != nil || p.n < 1 {
				return fmt.Errorf("failpoint: %q: how often must be 1 or more", entry)
			}
		}
		if !ok || name == "" || action != "error" && action != "kill" && action != "on" {
			return errors.New("failpoint: " + strconv.Quote(entry) + " is not point=error|kill|on:n")
		}
		next[name] = p
	}
	mu.Lock()
	defer mu.Unlock()
	plans, hits = next, map[string]int{}
	return nil
}

// Count gives how often each point was passed since Set.
func Count() map[string]int {
	mu.Lock()
	defer mu.Unlock()
	c := map[string]int{}
	for k, v := range hits {
		c[k] = v
	}
	return c
}

// Hit passes a point. Errors: ErrInjected.
func Hit(name string) error {
	switch due(name) {
	case "error":
		return ErrInjected
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it does not come back
	}
	return nil
}

// Broken passes a point at which the code can do what it must not.
func Broken(name string) bool { return due(name) == "on" }

func due(name string) string {
	mu.Lock()
	defer mu.Unlock()
	hits[name]++
	p, ok := plans[name]
	if ok && (hits[name] == p.n || p.forever && hits[name] > p.n) {
		return p.action
	}
	return ""
}
