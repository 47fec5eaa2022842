package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/audit"
)

// anchorFlags say where heads of the audit log go.
type anchorFlags struct {
	anchors []string
	grace   time.Duration
}

func (f *anchorFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.anchors, "audit-anchor", nil, "where signed heads of the audit log go: a file, best on another machine's disk, or an https:// address\n"+
		"that is posted to; may be repeated (default: "+anchorFile+" in the data folder)")
	c.Flags().DurationVar(&f.grace, "audit-grace", audit.DefaultGrace, "how long to go on while no anchor takes a head; then nothing is answered until one does (0: for ever)")
}

// open gives the anchors and the newest heads that their files have.
func (f anchorFlags) open(g *globals) (to []audit.Anchor, known []string, err error) {
	if f.grace < 0 {
		return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-grace", "must be 0 or more")
	}
	where := f.anchors
	if len(where) == 0 {
		where = []string{filepath.Join(g.DataDir, anchorFile)}
	}
	for _, w := range where {
		if strings.Contains(w, "://") {
			hook, err := audit.Webhook(w)
			if err != nil {
				return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-anchor", "must be a file or an https:// address")
			}
			to = append(to, hook)
			continue
		}
		if w == "" {
			return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-anchor", "must be a file or an https:// address")
		}
		to = append(to, audit.File(w))
		known = append(known, audit.LastHeads(w)...)
	}
	return to, known, nil
}

// keepAudit signs and anchors the log of a running server; the function given
// ends that with a last head.
func keepAudit(g *globals, b *backend, f anchorFlags, log *slog.Logger) (stop func(), err error) {
	to, known, err := f.open(g)
	if err != nil {
		return nil, err
	}
	key, err := auditSigner(b.keys)
	if err != nil {
		return nil, err
	}
	n, err := audit.NewNotary(audit.NotaryConfig{Log: b.store, Signer: key, Anchors: to, Known: known, Grace: f.grace, Out: log})
	if err != nil {
		return nil, err
	}
	b.store.OnAudit(n.Wrote)
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	return func() { end(); running.Wait() }, nil
}
