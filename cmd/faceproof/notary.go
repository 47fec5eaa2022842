package main

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/audit/bucket"
)

// anchorFlags say where heads of the audit log go.
type anchorFlags struct {
	anchors []string
	grace   time.Duration

	outgoing edgeFlags       // where an object store may be
	base     *http.Transport // tests: one that knows a store of their own; nil: the usual one
}

// anchorForm is what an anchor may be.
const anchorForm = "must be a file, an https:// address, or " + bucket.Scheme + "HOST/BUCKET[/PREFIX][?region=REGION][&retain=DAYS]"

func (f *anchorFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.anchors, "audit-anchor", nil, "where signed heads of the audit log go: a file, best on another machine's disk, an https:// address\n"+
		"that is posted to, or a bucket, "+bucket.Scheme+"HOST/BUCKET/PREFIX (docs/operations.md); may be repeated\n"+
		"(default: "+anchorFile+" in the data folder)")
	c.Flags().DurationVar(&f.grace, "audit-grace", audit.DefaultGrace, "how long to go on while no anchor takes a head; then nothing is answered until one does (0: for ever)")
}

// open gives the anchors and the newest heads that they have; of an object store
// those that a log of size records must meet. A store that does not answer is
// told, and no reason not to start.
func (f anchorFlags) open(ctx context.Context, g *globals, size int64, log *slog.Logger) (to []audit.Anchor, known []string, err error) {
	if f.grace < 0 {
		return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-grace", "must be 0 or more")
	}
	where := f.anchors
	if len(where) == 0 {
		where = []string{filepath.Join(g.DataDir, anchorFile)}
	}
	for _, w := range where {
		switch {
		case strings.HasPrefix(w, bucket.Scheme):
			b, err := openBucket(w, f.outgoing, f.base)
			if err != nil {
				return nil, nil, err
			}
			heads, err := b.From(ctx, size)
			if err != nil {
				log.Warn("heads of the object store were not read", "anchor", b.String(), "error", faceproof.LogText(err))
			}
			to, known = append(to, b), append(known, heads...)
		case strings.Contains(w, "://"):
			hook, err := audit.Webhook(w)
			if err != nil {
				return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-anchor", anchorForm)
			}
			to = append(to, hook)
		case w == "":
			return nil, nil, faceproof.Errorf(faceproof.CodeInvalid, "--audit-anchor", anchorForm)
		default:
			to = append(to, audit.File(w))
			known = append(known, audit.LastHeads(w)...)
		}
	}
	return to, known, nil
}

// keepAudit signs and anchors the log of a running server; the function given
// ends that with a last head.
func keepAudit(g *globals, b *backend, f anchorFlags, log *slog.Logger) (stop func(), err error) {
	size, err := b.store.AuditSize(context.Background())
	if err != nil {
		return nil, err
	}
	to, known, err := f.open(context.Background(), g, size, log)
	if err != nil {
		return nil, err
	}
	key, err := auditSigner(b.keys)
	if err != nil {
		return nil, err
	}
	n, err := audit.NewNotary(audit.NotaryConfig{Log: b.store, Signer: key, Anchors: to, Known: known, Grace: f.grace, Now: b.now, Out: log})
	if err != nil {
		return nil, err
	}
	b.store.OnAudit(n.Wrote)
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	return func() { end(); running.Wait() }, nil
}
