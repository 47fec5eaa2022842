package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/audit/bucket"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

// anchorFile is where heads of the audit log go when nothing else is said, in
// the data folder.
const anchorFile = "audit.anchors"

func auditCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Check, export and prove the audit log",
		Long: "Every change of state and every access to biometric data is a record of the audit log, and\n" +
			"the records are the leaves of a Merkle tree whose head is signed and anchored. What checks it\n" +
			"needs no server: a database or an export, the public key, and heads that were kept elsewhere.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(auditVerifyCommand(g), auditExportCommand(g), auditProveCommand(g), auditKeyCommand(g))
	return c
}

// auditSigner is the key that signs the log of the data folder.
func auditSigner(ring *keys.Ring) (*audit.Signer, error) { return audit.NewSigner(ring.AuditSeed()) }

// signLog signs what is new in the log, as a command ends.
func signLog(ctx context.Context, s *store.Store, ring *keys.Ring, now bool) error {
	key, err := auditSigner(ring)
	if err != nil {
		return err
	}
	n, err := audit.NewNotary(audit.NotaryConfig{Log: s, Signer: key})
	if err != nil {
		return err
	}
	return n.Step(ctx, now)
}

type auditVerifyFlags struct {
	database, export, proof, key string
	anchors, heads               []string
	outgoing                     edgeFlags       // where an object store may be
	base                         *http.Transport // as anchorFlags.base
}

func auditVerifyCommand(g *globals) *cobra.Command {
	var f auditVerifyFlags
	c := &cobra.Command{
		Use:   "verify [--database FILE | --export FILE | --proof FILE] [--anchors FILE]... [--head FILE]... [--key KEY]",
		Short: "Check that the audit log is what it was",
		Long: "Reads a database, an export or a proof, changes nothing, and needs no server. Without a flag it\n" +
			"reads the data folder. Exits 0 when all fits, 1 when something does not, 2 when it could not look.\n\n" +
			"A log that was cut short together with its signed heads, or written anew by somebody who has the\n" +
			"key, shows only against a head that was kept elsewhere: --anchors, --head.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return auditVerify(cmd.Context(), g, f) },
	}
	fs := c.Flags()
	fs.StringVar(&f.database, "database", "", "database file, also of a backup (default: the data folder's)")
	fs.StringVar(&f.export, "export", "", "file that audit export wrote")
	fs.StringVar(&f.proof, "proof", "", "file that audit prove wrote")
	fs.StringArrayVar(&f.anchors, "anchors", nil, "anchored heads: a file, or a bucket as serve --audit-anchor has it; may be repeated (default with the data folder: its "+anchorFile+")")
	fs.StringSliceVar(&f.outgoing.outgoing, "allow-outgoing", nil, "address range, not public, that a bucket may be in; may be repeated (default: none)")
	fs.StringArrayVar(&f.heads, "head", nil, "file with one signed head, as a webhook gets it; may be repeated")
	fs.StringVar(&f.key, "key", "", "public key of the log, as audit key prints it (default: of the data folder's keys.json)")
	c.MarkFlagsMutuallyExclusive("database", "export", "proof")
	return c
}

// trusted are the keys whose heads are believed.
func (f auditVerifyFlags) trusted(g *globals) (audit.Keys, error) {
	if f.key != "" {
		return audit.ParseKeys(f.key)
	}
	ring, err := keys.Read(filepath.Join(g.DataDir, keyFile))
	if err != nil {
		return audit.Keys{}, faceproof.Errorf(faceproof.CodeNotFound, "--key", "say the log's public key; the data folder has no key file that can be read")
	}
	s, err := auditSigner(ring)
	if err != nil {
		return audit.Keys{}, err
	}
	return audit.ParseKeys(s.Key())
}

// lost is what anchors have been through: lines of files that a crash has cut
// short, and objects of a store that somebody has marked as deleted.
type lost struct{ torn, deleted int }

// kept are the heads that were kept elsewhere.
func (f auditVerifyFlags) kept(ctx context.Context, g *globals) (heads []audit.Head, l lost, err error) {
	files := f.anchors
	if len(files) == 0 && f.database+f.export+f.proof == "" {
		own := filepath.Join(g.DataDir, anchorFile)
		if _, err := os.Stat(own); err == nil {
			files = []string{own}
		}
	}
	for _, file := range files {
		if strings.HasPrefix(file, bucket.Scheme) {
			b, err := openBucket(file, f.outgoing, f.base)
			if err != nil {
				return nil, l, err
			}
			found, deleted, err := b.Heads(ctx)
			if err != nil {
				return nil, l, err
			}
			l.deleted += deleted
			for _, h := range found {
				heads = append(heads, audit.Head{Source: b.String() + "/" + h.Object, Note: h.Note})
			}
			continue
		}
		notes, n, err := audit.ReadFile(file)
		if err != nil {
			return nil, l, err
		}
		l.torn += n
		for _, note := range notes {
			heads = append(heads, audit.Head{Source: file, Note: note})
		}
	}
	for _, file := range f.heads {
		b, err := readWhole(file, audit.MaxNote)
		if err != nil {
			return nil, l, err
		}
		heads = append(heads, audit.Head{Source: file, Note: string(b)})
	}
	return heads, l, nil
}

// readWhole reads a file of limit bytes at most.
func readWhole(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		code := faceproof.CodeUnavailable
		if errors.Is(err, fs.ErrNotExist) {
			code = faceproof.CodeNotFound
		}
		return nil, &faceproof.Error{Code: code, Field: path, Message: "cannot be read", Err: err}
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil || int64(len(b)) > limit {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, path, "cannot be read whole, or is over %d bytes", limit)
	}
	return b, nil
}

func auditVerify(ctx context.Context, g *globals, f auditVerifyFlags) error {
	trusted, err := f.trusted(g)
	if err != nil {
		return err
	}
	heads, l, err := f.kept(ctx, g)
	if err != nil {
		return err
	}
	var r audit.Report
	switch {
	case f.proof != "":
		return auditVerifyProof(g, f.proof, trusted, heads)
	case f.export != "":
		r, err = auditVerifyExport(f.export, trusted, heads)
	default:
		if f.database == "" {
			f.database = filepath.Join(g.DataDir, databaseFile)
		}
		r, err = auditVerifyDatabase(ctx, f.database, trusted, heads)
	}
	if err != nil {
		return err
	}
	if err := answer(g, r, func(w io.Writer) { writeAuditReport(w, r, l) }); err != nil {
		return err
	}
	if !r.OK() {
		return &exitError{code: 1}
	}
	return nil
}

func auditVerifyExport(path string, trusted audit.Keys, heads []audit.Head) (audit.Report, error) {
	in, err := os.Open(path)
	if err != nil {
		return audit.Report{}, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: path, Message: "cannot be read", Err: err}
	}
	defer in.Close()
	c := audit.NewChecker(trusted, heads)
	if err := audit.CheckExport(in, c); err != nil {
		return audit.Report{}, err
	}
	return c.Finish(-1), nil
}

func auditVerifyDatabase(ctx context.Context, path string, trusted audit.Keys, heads []audit.Head) (audit.Report, error) {
	v, err := store.OpenAuditView(ctx, path)
	if err != nil {
		return audit.Report{}, err
	}
	defer v.Close()
	own, err := v.Heads(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	for _, h := range own {
		heads = append(heads, audit.Head{Source: "log", Note: h.Note, Own: true})
	}
	return v.CheckAudit(ctx, audit.NewChecker(trusted, heads))
}

// auditVerifyProof checks a proof against its own head, which must be one of
// those given, if any are.
func auditVerifyProof(g *globals, path string, trusted audit.Keys, heads []audit.Head) error {
	b, err := readWhole(path, 4<<20)
	if err != nil {
		return err
	}
	p, err := audit.ParseProof(string(b))
	if err != nil {
		return err
	}
	head, records, err := p.Check(trusted)
	if err != nil {
		return &exitError{code: 1, err: err}
	}
	known := len(heads) == 0
	for _, h := range heads {
		known = known || h.Note == head.Note
	}
	if !known {
		return &exitError{code: 1, err: faceproof.Errorf(faceproof.CodeConflict, "proof", "its head is none of those that were kept")}
	}
	out := struct {
		Size    int64    `json:"size"`
		Root    string   `json:"root"`
		At      int64    `json:"at"`
		Records []string `json:"records"`
	}{head.Size, head.Root.String(), head.At, nil}
	for _, r := range records {
		out.Records = append(out.Records, string(r.Line()))
	}
	return answer(g, out, func(w io.Writer) {
		fmt.Fprintf(w, "proven: in the log of %d records signed at %s\n", head.Size, stamp(head.At))
		for _, line := range out.Records {
			fmt.Fprintln(w, line)
		}
	})
}

func writeAuditReport(w io.Writer, r audit.Report, l lost) {
	fmt.Fprintf(w, "records: %d, root %s\nsigned heads that fit: %d of the log, %d kept elsewhere\n", r.Records, r.Root, r.Heads, r.Anchors)
	if r.Pruned > 0 {
		fmt.Fprintf(w, "pruned: the first %d, all of %s or before, as their time was over; their hashes fit\n", r.Pruned, stamp(r.PrunedBefore))
	}
	if r.Signed > 0 {
		fmt.Fprintf(w, "signed: the first %d, at %s; %d are newer\n", r.Signed, stamp(r.Last), r.Records-r.Signed)
	} else {
		fmt.Fprintln(w, "signed: none; nothing here shows that the log is whole")
	}
	if r.Fixed > 0 {
		fmt.Fprintf(w, "kept elsewhere: the head of the first %d; what was cut off behind it would not show\n", r.Fixed)
	} else {
		fmt.Fprintln(w, "kept elsewhere: nothing; a log cut short together with its heads would not show (--anchors)")
	}
	if l.torn > 0 {
		fmt.Fprintf(w, "%d lines of the anchor files were cut short, as a crash does\n", l.torn)
	}
	if l.deleted > 0 {
		fmt.Fprintf(w, "%d objects of the object store were marked as deleted; what was in them was read all the same\n", l.deleted)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "PROBLEM %s (%s): %s\n", p.Kind, p.Source, p.Text)
	}
	if more := r.Count - len(r.Problems); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
	if r.OK() {
		fmt.Fprintln(w, "all fits")
	}
}

func auditKeyCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Print the public key that signs the audit log; keep it where the database is not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			s, err := auditSigner(ring)
			if err != nil {
				return err
			}
			return answer(g, map[string]string{"key": s.Key()}, func(w io.Writer) { fmt.Fprintln(w, s.Key()) })
		},
	}
}

func auditExportCommand(g *globals) *cobra.Command {
	var csv bool
	var output string
	c := &cobra.Command{
		Use:   "export [--output FILE] [--csv]",
		Short: "Write the audit log as JSON lines with its signed heads; the export is a record itself",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			ctx := cmd.Context()
			form := map[bool]string{false: "jsonl", true: "csv"}[csv]
			if err := s.Audit(ctx, faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "audit.export", Detail: form}); err != nil {
				return err
			}
			if err := signLog(ctx, s, ring, true); err != nil {
				return err
			}
			to := g.Out
			if output != "" {
				file, err := os.OpenFile(output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err != nil {
					return &faceproof.Error{Code: faceproof.CodeConflict, Field: "--output", Message: "must be a file that can be made anew", Err: err}
				}
				defer func() { err = errors.Join(err, file.Close()) }()
				to = file
			}
			return exportLog(ctx, filepath.Join(g.DataDir, databaseFile), to, csv)
		},
	}
	c.Flags().BoolVar(&csv, "csv", false, "for a spreadsheet: cells cannot be formulas; such a file proves nothing")
	c.Flags().StringVar(&output, "output", "", "file to make (0600); default: standard output")
	return c
}

// exportLog writes all of the log as it is at one moment.
func exportLog(ctx context.Context, database string, to io.Writer, csv bool) error {
	v, err := store.OpenAuditView(ctx, database)
	if err != nil {
		return err
	}
	defer v.Close()
	heads, err := v.Heads(ctx)
	if err != nil {
		return err
	}
	notes := map[int64]string{}
	for _, h := range heads {
		notes[h.Size] = h.Note
	}
	var out interface {
		Add(audit.Row) error
		Close() error
	} = audit.NewExporter(to, notes)
	if csv {
		if out, err = audit.NewCSV(to); err != nil {
			return err
		}
	}
	if err := v.Each(ctx, out.Add); err != nil {
		return err
	}
	return out.Close()
}

func auditProveCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "prove ID",
		Short: "Print the proof that records are in the signed log: a record's number, or the id of what was touched",
		Long: "Prints a text that proves to anybody with the log's public key (audit key) that the records of a\n" +
			"verification, a person or an app, or the one record of a number, are in the log:\n" +
			"faceproof audit verify --proof FILE --key KEY. At most " + strconv.Itoa(audit.MaxProven) + " records, the oldest.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			p, err := prove(cmd.Context(), s, ring, strings.TrimSpace(args[0]))
			if err != nil {
				return err
			}
			_, err = io.WriteString(g.Out, p.Text())
			return err
		},
	}
}

func prove(ctx context.Context, s *store.Store, ring *keys.Ring, id string) (audit.Proof, error) {
	var records []audit.Record
	var err error
	if seq, e := strconv.ParseInt(id, 10, 64); e == nil {
		records, err = s.AuditRecord(ctx, seq)
	} else {
		records, err = recordsOf(ctx, s, ring, id)
	}
	if err != nil {
		return audit.Proof{}, err
	}
	if len(records) == 0 {
		return audit.Proof{}, noRecord(ctx, s)
	}
	if err := signLog(ctx, s, ring, true); err != nil {
		return audit.Proof{}, err
	}
	head, err := s.AuditHead(ctx)
	if err != nil {
		return audit.Proof{}, err
	}
	p := audit.Proof{Checkpoint: head.Note}
	for _, r := range records {
		one, err := audit.Prove(r, head.Size, s.AuditHashes(ctx))
		if err != nil {
			return audit.Proof{}, err
		}
		p.Records = append(p.Records, one)
	}
	return p, nil
}

// noRecord says that there is no such record, and what is no longer kept.
func noRecord(ctx context.Context, s *store.Store) error {
	pruned, err := s.AuditPruned(ctx)
	if err != nil {
		return err
	}
	if pruned.To > 0 {
		return faceproof.Errorf(faceproof.CodeNotFound, "", "the audit log has no such record; those up to %d, of %s or before, are no longer kept", pruned.To, stamp(pruned.Before))
	}
	return faceproof.Errorf(faceproof.CodeNotFound, "", "the audit log has no such record")
}

// recordsOf are the records of an id; the log has a name of its own for a person.
func recordsOf(ctx context.Context, s *store.Store, ring *keys.Ring, id string) ([]audit.Record, error) {
	r, err := registry.New(registry.Config{Store: s, Keys: ring})
	if err != nil {
		return nil, err
	}
	alias, err := r.PseudonymOf(ctx, id)
	if err != nil {
		return nil, err
	}
	old, err := s.AuditOf(ctx, id, audit.MaxProven) // of a person: from before there were pseudonyms
	if err != nil || alias == "" || alias == id {
		return old, err
	}
	records, err := s.AuditOf(ctx, alias, audit.MaxProven)
	records = append(old, records...)
	return records[:min(len(records), audit.MaxProven)], err
}
