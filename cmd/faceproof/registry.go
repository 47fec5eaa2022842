package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/registry"
)

// maxStdin bounds what registry add reads from standard input, in bytes.
const maxStdin = 64 << 10

// openEnroller opens what turns photos into a template; the function given
// closes it.
type openEnroller func(*globals) (registry.Enroller, func(), error)

func registryCommand(g *globals) *cobra.Command { return registryCommandWith(g, openFaces, packMatch) }

// registryCommandWith is registryCommand with another maker of templates, and its
// calibration.
func registryCommandWith(g *globals, faces openEnroller, match openMatch) *cobra.Command {
	c := &cobra.Command{
		Use:   "registry",
		Short: "Enrol people, list and remove them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(registryAddCommand(g, faces, match), registryImportCommand(g, faces), registryDigestCommand(g), registryListCommand(g), registryRemoveCommand(g), registryUnlockCommand(g), registryDuplicatesCommand(g, match))
	return c
}

// openRegistry opens the store and the registry on it; without faces, people
// can be listed and removed only.
func openRegistry(g *globals, faces openEnroller) (*registry.Local, func(), error) {
	return openSearching(g, faces, nil)
}

// openSearching is openRegistry with a search 1:N at every enrolment; nil: none.
func openSearching(g *globals, faces openEnroller, search *registry.Search) (*registry.Local, func(), error) {
	s, ring, done, err := openStore(g)
	if err != nil {
		return nil, nil, err
	}
	c := registry.Config{Store: s, Keys: ring, Search: search}
	if faces != nil {
		enroller, closeFaces, err := faces(g)
		if err != nil {
			done()
			return nil, nil, err
		}
		c.Enroller = enroller
		closeStore := done
		done = func() { closeFaces(); closeStore() }
	}
	r, err := registry.New(c)
	if err != nil {
		done()
		return nil, nil, err
	}
	return r, done, nil
}

// newPerson is one person as given to registry add.
type newPerson struct {
	Name     string   `json:"name"`
	IDNumber string   `json:"id_number"`
	Photos   []string `json:"photos"` // files
}

func registryAddCommand(g *globals, faces openEnroller, match openMatch) *cobra.Command {
	var p newPerson
	var stdin, replace bool
	var check duplicateCheck
	c := &cobra.Command{
		Use:   "add (--name NAME --id NUMBER PHOTO... | --from-stdin)",
		Short: "Enrol one person from one or more photos",
		Long: "Enrols one person. Five or more photos make fewer false rejections than one.\n\n" +
			"A name and a number on the command line stay in the shell's history and show in\n" +
			"the list of processes. Give them on standard input instead:\n\n" +
			`  echo '{"name":"…","id_number":"…","photos":["a.jpg","b.jpg"]}' | faceproof registry add --from-stdin` + "\n\n" +
			"(better still, from a file that is then deleted: faceproof registry add --from-stdin < person.json)",
		RunE: func(cmd *cobra.Command, args []string) error {
			if stdin {
				if p.Name != "" || p.IDNumber != "" || len(args) > 0 {
					return faceproof.Errorf(faceproof.CodeInvalid, "--from-stdin", "must not be mixed with --name, --id or photos")
				}
				if err := readPerson(cmd.InOrStdin(), &p); err != nil {
					return err
				}
			} else {
				p.Photos = args
			}
			return addPerson(g, cmd, faces, match, p, replace, check)
		},
	}
	c.Flags().StringVar(&p.Name, "name", "", "the person's name, as on the identity card")
	c.Flags().StringVar(&p.IDNumber, "id", "", "the 18-character identity number")
	c.Flags().BoolVar(&stdin, "from-stdin", false, "read name, id_number and photos (files) as JSON from standard input")
	c.Flags().BoolVar(&replace, "replace", false, "replace name and template of a person who is enrolled already")
	c.Flags().BoolVar(&check.on, "check-duplicates", false, "search 1:N whether somebody enrolled is alike, and warn; needs --legal-basis")
	c.Flags().StringVar(&check.basis, "legal-basis", "", basisHelp)
	return c
}

func readPerson(in io.Reader, p *newPerson) error {
	b, err := io.ReadAll(io.LimitReader(in, maxStdin+1))
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "stdin", Message: "cannot be read", Err: err}
	}
	if len(b) > maxStdin {
		return faceproof.Errorf(faceproof.CodeInvalid, "stdin", "must be at most %d bytes", maxStdin)
	}
	// json.Unmarshal's errors may quote the input, which is personal data.
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil {
		return faceproof.Errorf(faceproof.CodeInvalid, "stdin", "must be one JSON object with name, id_number and photos")
	}
	for name, raw := range members {
		to, known := map[string]any{"name": &p.Name, "id_number": &p.IDNumber, "photos": &p.Photos}[name]
		if !known {
			return faceproof.Errorf(faceproof.CodeInvalid, "stdin", "holds a member other than name, id_number and photos")
		}
		if json.Unmarshal(raw, to) != nil {
			return faceproof.Errorf(faceproof.CodeInvalid, name, "must be a string; photos a list of strings")
		}
	}
	return nil
}

func addPerson(g *globals, cmd *cobra.Command, faces openEnroller, match openMatch, p newPerson, replace bool, check duplicateCheck) error {
	var s faceproof.Subject
	var err error
	if s.Name, err = faceproof.ParseName(p.Name, "name"); err != nil {
		return err
	}
	if s.IDNumber, err = faceproof.ParseIDNumber(p.IDNumber, "id_number", time.Now()); err != nil {
		return err
	}
	photos, err := readPhotos(p.Photos)
	if err != nil {
		return err
	}
	search, m, err := check.search(g, match)
	if err != nil {
		return err
	}
	if err := alone(cmd.Context(), g); err != nil {
		return err
	}
	r, done, err := openSearching(g, faces, search)
	if err != nil {
		return err
	}
	defer done()
	e, err := r.Enrol(cmd.Context(), s, photos, "cli", replace)
	if err != nil {
		printPhotos(g.Err, e.Photos)
		return err
	}
	told := map[string]any{"person_id": e.ID, "photos": orEmpty(e.Photos)}
	if search != nil {
		told["leads"], told["searched"] = e.Leads, e.Searched
		warnOfLeads(g.Err, m, *search, e)
	}
	return answer(g, told, func(w io.Writer) {
		fmt.Fprintf(w, "enrolled %s\n", e.ID)
		printPhotos(w, e.Photos)
	})
}

// printPhotos shows the components of each photo, as inspect does.
func printPhotos(w io.Writer, photos []faceproof.Quality) {
	for i, q := range photos {
		fmt.Fprintf(w, "photo %d\n", i+1)
		printComponents(w, q.Components)
	}
}

func orEmpty(q []faceproof.Quality) []faceproof.Quality {
	if q == nil {
		return []faceproof.Quality{}
	}
	return q
}

func readPhotos(names []string) ([][]byte, error) {
	if len(names) == 0 || len(names) > registry.MaxPhotos {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "photo", "1 to %d photos are needed", registry.MaxPhotos)
	}
	var out [][]byte
	for i, name := range names {
		f, err := os.Open(name)
		if err != nil {
			// Not the name: a photo is often called like the person.
			return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "photo", Message: fmt.Sprintf("photo %d cannot be opened", i+1), Err: err}
		}
		b, err := io.ReadAll(io.LimitReader(f, registry.MaxPhotoBytes+1))
		f.Close()
		if err != nil {
			return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "photo", Message: fmt.Sprintf("photo %d cannot be read", i+1), Err: err}
		}
		out = append(out, b)
	}
	return out, nil
}

func registryImportCommand(g *globals, faces openEnroller) *cobra.Command {
	var replace bool
	var proposal string
	c := &cobra.Command{
		Use:   "import PEOPLE.csv",
		Short: "Enrol everybody in a CSV file with photos",
		Long: "The file is UTF-8; its first line is name,id_number,photo and more photo columns as\n" +
			"needed. Photos are files in the CSV's folder or below. A line that is wrong is\n" +
			"reported with its number and the field at fault, and the next one follows.\n" +
			"Exit status: 0 all enrolled, 1 some lines failed, 2 the file could not be used.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			c := registry.ImportConfig{Path: args[0], Replace: replace, Actor: "cli"}
			var err error
			if proposal == "" {
				err = alone(ctx, g)
			} else {
				c.Manifest, c.Actor, err = agreed(ctx, g, proposal, args[0], replace)
			}
			if err != nil {
				return err
			}
			r, done, err := openRegistry(g, faces)
			if err != nil {
				return err
			}
			defer done()
			return importPeople(ctx, g, r, c)
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "replace name and template of people who are enrolled already")
	c.Flags().StringVar(&proposal, "agreed", "", "the proposal (pr_…) of this very file that two people have agreed to; needed as soon as two people run the server")
	return c
}

func importPeople(ctx context.Context, g *globals, r *registry.Local, c registry.ImportConfig) error {
	path := c.Path
	lines, last := 0, time.Now()
	c.Progress = func(l registry.Line) {
		lines++
		if l.Err != nil {
			fmt.Fprintf(g.Err, "%s:%d: %s\n", filepath.Base(path), l.Line, l.Err)
		}
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(g.Err, "%d lines done\n", lines)
		}
	}
	sum, err := r.Import(ctx, c)
	if e := answer(g, sum, func(w io.Writer) {
		fmt.Fprintf(w, "%d lines: %d added, %d replaced, %d failed\n", sum.Lines, sum.Added, sum.Replaced, sum.Failed)
	}); err == nil {
		err = e
	}
	if err == nil && sum.Failed > 0 {
		return &exitError{code: 1}
	}
	return err
}

func registryListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List who is enrolled, with masked names",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, done, err := openRegistry(g, nil)
			if err != nil {
				return err
			}
			defer done()
			people := []registry.Info{}
			if err := r.List(cmd.Context(), func(i registry.Info) error {
				people = append(people, i)
				return nil
			}); err != nil {
				return err
			}
			return answer(g, people, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, p := range people {
					fmt.Fprintf(t, "%s\t%s\t%s\t%d photos\t%s\n", p.ID, p.MaskedName, p.ModelID, p.Frames, time.UnixMilli(p.UpdatedAt).UTC().Format(time.DateOnly))
				}
				t.Flush()
			})
		},
	}
}

func registryRemoveCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "remove PERSON...",
		Short: "Delete people for good, with a receipt: name, number, template and keys",
		Long: "Deletes people and destroys the keys of their data, so that no backup of the\n" +
			"database can be read any more either. After a restore they are deleted again,\n" +
			"before the server answers anybody. Prints a receipt (--json: with its MAC, to be\n" +
			"checked by faceproof keys receipt).",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := openRegistry(g, nil)
			if err != nil {
				return err
			}
			defer done()
			removed, receipts := []string{}, []faceproof.Deletion{}
			var errs []error
			for _, id := range args {
				d, err := r.Delete(cmd.Context(), id, "cli")
				if err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", id, err))
					continue
				}
				removed, receipts = append(removed, id), append(receipts, d)
			}
			if err := answer(g, map[string]any{"removed": removed, "receipts": receipts}, func(w io.Writer) {
				for _, d := range receipts {
					printReceipt(w, d)
				}
			}); err != nil {
				return err
			}
			return errors.Join(errs...)
		},
	}
}
