package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

func keysCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Look after the keys of people and the key-encryption keys",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(keysStatusCommand(g), keysRotateCommand(g), keysRetireCommand(g), keysDeletionsCommand(g), keysReceiptCommand(g))
	return c
}

// keyState is what keys status tells.
type keyState struct {
	Index     string     `json:"index"`      // names the blind index; it never rotates
	KEKs      []kekState `json:"keks"`       // oldest first
	ByRing    int        `json:"by_ring"`    // people who have no keys of their own yet
	Unknown   int        `json:"unknown"`    // people whose key-encryption key is not in the key file: they cannot be read
	Deletions int        `json:"deletions"`  // lines of the list of deletions
	Pending   bool       `json:"pending"`    // keys rotate has something to do
	KeyStore  string     `json:"key_store"`  // the database of wrapped keys
	DeletedAt string     `json:"deleted_at"` // the list of deletions
}

type kekState struct {
	keys.KEK
	People int `json:"people"`
}

func stateOfKeys(ctx context.Context, g *globals, s *store.Store, ring *keys.Ring) (keyState, error) {
	database := filepath.Join(g.DataDir, databaseFile)
	st := keyState{Index: ring.ID(), KEKs: []kekState{}, KeyStore: store.KeysPath(database), DeletedAt: store.DeletionsPath(database)}
	all, err := keys.KEKs(filepath.Join(g.DataDir, keyFile))
	if err != nil {
		return st, err
	}
	use, byRing, err := s.KeyUse(ctx)
	if err != nil {
		return st, err
	}
	current, err := ring.KEK(ctx)
	if err != nil {
		return st, err
	}
	for id := range use { // Vault tells of the current one only
		if strings.HasPrefix(id, "vault:") && id != current {
			all = append(all, keys.KEK{ID: id, Suite: "vault"})
		}
	}
	if strings.HasPrefix(current, "vault:") {
		all = append(all, keys.KEK{ID: current, Suite: "vault"})
	}
	for _, k := range all {
		k.Current = k.ID == current
		st.KEKs = append(st.KEKs, kekState{k, use[k.ID]})
		st.Pending = st.Pending || !k.Current && use[k.ID] > 0
		delete(use, k.ID)
	}
	for _, n := range use {
		st.Unknown += n
	}
	st.ByRing, st.Pending = byRing, st.Pending || byRing > 0
	deleted, err := s.Deletions()
	st.Deletions = len(deleted)
	return st, err
}

func keysStatusCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell which key-encryption keys there are and how many people each protects",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			st, err := stateOfKeys(cmd.Context(), g, s, ring)
			if err != nil {
				return err
			}
			return answer(g, st, func(w io.Writer) { printKeys(w, st) })
		},
	}
}

func printKeys(w io.Writer, st keyState) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range st.KEKs {
		made, now := "", ""
		if k.CreatedAt > 0 {
			made = time.UnixMilli(k.CreatedAt).UTC().Format(time.DateTime)
		}
		if k.Current {
			now = "current"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d people\t%s\n", k.ID, k.Suite, made, k.People, now)
	}
	t.Flush()
	if st.ByRing > 0 {
		fmt.Fprintf(w, "%d people have no keys of their own yet: faceproof keys rotate\n", st.ByRing)
	}
	if st.Unknown > 0 {
		fmt.Fprintf(w, "! %d people cannot be read: the key file here is older than their keys; put its newest copy back\n", st.Unknown)
	}
	fmt.Fprintf(w, "%d deletions in %s\n", st.Deletions, st.DeletedAt)
}

func keysRotateCommand(g *globals) *cobra.Command {
	var resume bool
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Wrap everybody's keys under a new key-encryption key, while the server runs",
		Long: "Adds a key-encryption key to the key file and wraps every person's keys anew, in\n" +
			"batches. What the keys seal stays as it is, so a running server goes on and needs\n" +
			"no restart. People enrolled before there were keys of one's own get theirs.\n" +
			"Interrupted, go on with --resume, which adds no key. Copy the key file afterwards:\n" +
			"an old copy of it does not open what is wrapped now.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			r, err := rotateKeys(ctx, g, s, ring, !resume)
			if err != nil {
				return err
			}
			return answer(g, r, func(w io.Writer) {
				fmt.Fprintf(w, "%d people wrapped under %s, %d given keys of their own\n", r.Wrapped, r.KEK, r.Resealed)
				if r.Failed > 0 {
					fmt.Fprintf(w, "! %d people could not be opened or were being changed: run it again; see faceproof keys status\n", r.Failed)
				}
				fmt.Fprintf(w, "keep a new copy of %s now, apart from the backups of the databases\n", filepath.Join(g.DataDir, keyFile))
			})
		},
	}
	c.Flags().BoolVar(&resume, "resume", false, "go on with the newest key-encryption key instead of adding one")
	return c
}

// rotated is what keys rotate tells.
type rotated struct {
	KEK      string `json:"kek"`
	Wrapped  int    `json:"wrapped"`
	Resealed int    `json:"resealed"`
	Failed   int    `json:"failed"`
}

func rotateKeys(ctx context.Context, g *globals, s *store.Store, ring *keys.Ring, add bool) (rotated, error) {
	var out rotated
	now := func() int64 { return time.Now().UnixMilli() }
	if add {
		a := faceproof.AuditEntry{At: now(), Actor: "cli", Action: "keys.rotate", Object: "kek"}
		err := s.ChangeKeys(ctx, a, func() error {
			if done, err := ring.RotateVault(ctx); done {
				return err
			}
			_, err := keys.AddKEK(filepath.Join(g.DataDir, keyFile), time.Now())
			return err
		})
		if err != nil {
			return out, err
		}
	}
	var err error
	if out.KEK, err = ring.KEK(ctx); err != nil {
		return out, err
	}
	r, err := registry.New(registry.Config{Store: s, Keys: ring})
	if err != nil {
		return out, err
	}
	last := time.Now()
	tell := func(n int) error {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(g.Err, "%d people done\n", n)
		}
		return ctx.Err()
	}
	var failed int
	if out.Resealed, failed, err = r.Reseal(ctx, "cli", tell); err != nil {
		return out, err
	}
	out.Failed += failed
	if out.Wrapped, failed, err = r.Rewrap(ctx, tell); err != nil {
		return out, err
	}
	out.Failed += failed
	return out, s.Audit(ctx, faceproof.AuditEntry{At: now(), Actor: "cli", Action: "keys.rotated", Object: out.KEK,
		Detail: fmt.Sprintf("%d wrapped, %d resealed, %d failed", out.Wrapped, out.Resealed, out.Failed)})
}

func keysRetireCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "retire KEY",
		Short: "Take a key-encryption key that protects nobody any more out of the key file",
		Long: "Old copies of the database of keys cannot be opened after that, so that people who\n" +
			"were deleted since are gone from them too – once the old copies of the key file are\n" +
			"destroyed as well.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, _, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			a := faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "keys.retire", Object: "kek"}
			err = s.ChangeKeys(cmd.Context(), a, func() error {
				use, _, err := s.KeyUse(cmd.Context())
				if err != nil {
					return err
				}
				if n := use[args[0]]; n > 0 {
					return faceproof.Errorf(faceproof.CodeConflict, "", "%s still protects %d people: faceproof keys rotate --resume", args[0], n)
				}
				return keys.DropKEK(filepath.Join(g.DataDir, keyFile), args[0], time.Now())
			})
			if err != nil {
				return err
			}
			return answer(g, map[string]string{"retired": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "retired %s\n", args[0]) })
		},
	}
}

func keysDeletionsCommand(g *globals) *cobra.Command {
	var lost bool
	c := &cobra.Command{
		Use:   "deletions",
		Short: "List who was deleted; after a restore they are deleted again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, done, err := openStoreAs(cmd.Context(), g, store.Config{Actor: "cli", DeletionsLost: lost})
			if err != nil {
				return err
			}
			defer done()
			if lost {
				a := faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "keys.deletions_lost"}
				if err := s.Audit(cmd.Context(), a); err != nil {
					return err
				}
			}
			all, err := s.Deletions()
			if err != nil {
				return err
			}
			return answer(g, slices.Concat([]faceproof.Deletion{}, all), func(w io.Writer) {
				for _, d := range all {
					printReceipt(w, d)
				}
			})
		},
	}
	c.Flags().BoolVar(&lost, "lost", false, "the list is lost in part: go on with what is there, and note that in the audit log")
	return c
}

// printReceipt shows one receipt on one line.
func printReceipt(w io.Writer, d faceproof.Deletion) {
	fmt.Fprintf(w, "removed %s at %s, receipt %s\n", d.PersonID, time.UnixMilli(d.DeletedAt).UTC().Format(time.RFC3339), d.Receipt)
}

func keysReceiptCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "receipt FILE",
		Short: "Check the receipt of a deletion (JSON, as registry remove --json gives it; - for standard input)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "receipt", Message: "cannot be opened", Err: err}
				}
				defer f.Close()
				in = f
			}
			b, err := io.ReadAll(io.LimitReader(in, maxStdin))
			if err != nil {
				return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "receipt", Message: "cannot be read", Err: err}
			}
			var d faceproof.Deletion
			if json.Unmarshal(b, &d) != nil {
				return faceproof.Errorf(faceproof.CodeInvalid, "receipt", "must be one JSON object")
			}
			ring, err := keys.Read(filepath.Join(g.DataDir, keyFile))
			if err != nil {
				return err
			}
			if err := ring.CheckDeletion(d); err != nil {
				return err
			}
			return answer(g, map[string]any{"valid": true, "receipt": d.Receipt}, func(w io.Writer) { printReceipt(w, d) })
		},
	}
}

// warnOfKeys tells the operator of a server what keys status would.
func warnOfKeys(ctx context.Context, s *store.Store, log *slog.Logger) {
	_, byRing, err := s.KeyUse(ctx)
	if err == nil && byRing > 0 {
		log.Warn("people have no keys of their own yet, so that deleting them destroys no key: faceproof keys rotate", "people", byRing)
	}
}
