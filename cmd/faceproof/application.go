package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/onboarding"
)

// maxForm bounds an application's TOML file.
const maxForm = 64 << 10

// openDesk opens the desk of the data folder.
func openDesk(g *globals) (*onboarding.Desk, func(), error) {
	s, ring, done, err := openStore(g)
	if err != nil {
		return nil, nil, err
	}
	blobs, err := openBlobs(g, ring)
	if err != nil {
		done()
		return nil, nil, err
	}
	d, err := onboarding.New(onboarding.Config{Store: s, Blobs: blobs})
	if err != nil {
		_ = blobs.Close()
		done()
		return nil, nil, err
	}
	return d, func() { _ = blobs.Close(); done() }, nil
}

// atDesk runs a step at the desk.
func atDesk(g *globals, f func(*onboarding.Desk) error) error {
	d, done, err := openDesk(g)
	if err != nil {
		return err
	}
	defer done()
	return f(d)
}

// applicationForm is the TOML file of `app apply`; the flags have its names.
type applicationForm struct {
	Name          string        `toml:"name"`
	Handler       string        `toml:"handler"`
	Contact       string        `toml:"contact"`
	Purpose       string        `toml:"purpose"`
	Necessity     string        `toml:"necessity"`
	RetentionDays int           `toml:"retention_days"`
	Alternative   string        `toml:"alternative"`
	AlternativeTo string        `toml:"alternative_to"`
	Place         string        `toml:"place"`
	Processors    string        `toml:"processors"`
	Officer       string        `toml:"officer"`
	Category      string        `toml:"category"`
	DailyVolume   int           `toml:"daily_volume"`
	Peak          int           `toml:"peak"`
	Interfaces    []string      `toml:"interfaces"`
	ImageBasis    string        `toml:"image_basis"`
	Origins       []string      `toml:"origins"`
	Alive         string        `toml:"alive"`
	Licences      []formLicence `toml:"licence"`
}

type formLicence struct {
	Kind string `toml:"kind"`
	File string `toml:"file"`
}

func (f applicationForm) application() (a faceproof.Application, err error) {
	a = faceproof.Application{Name: f.Name, Category: f.Category, DailyVolume: f.DailyVolume, Peak: f.Peak, ImageBasis: f.ImageBasis, Origins: f.Origins,
		Notice: faceproof.Notice{Handler: f.Handler, Contact: f.Contact, Purpose: f.Purpose, Necessity: f.Necessity,
			RetentionDays: f.RetentionDays, Alternative: f.Alternative, AlternativeTo: f.AlternativeTo, Place: f.Place, Processors: f.Processors, Officer: f.Officer}}
	if a.Alive, err = parseAlive(f.Alive); err != nil {
		return a, err
	}
	a.Interfaces, err = parsePermissions(f.Interfaces)
	return a, err
}

func appApplyCommand(g *globals) *cobra.Command {
	var flags applicationForm
	var licences []string
	c := &cobra.Command{
		Use:   "apply [FILE.toml]",
		Short: "Apply for an app: hand in who, why, how much, and the licences",
		Long: "Hands in an application. A reviewer decides (app review), and only then may interfaces\n" +
			"be switched on, one by one (app enable). A flag overrides what the file says.\n" +
			"docs/onboarding.md has a whole file, the categories and the licences that they require.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			form := applicationForm{RetentionDays: 30, Interfaces: []string{"default"}, Alive: "flash"}
			if len(args) == 1 {
				if err := readForm(args[0], &form); err != nil {
					return err
				}
			}
			overrideForm(cmd, &form, flags)
			for _, l := range licences {
				kind, file, ok := strings.Cut(l, "=")
				if !ok {
					return faceproof.Errorf(faceproof.CodeInvalid, "--licence", "must be KIND=FILE")
				}
				form.Licences = append(form.Licences, formLicence{kind, file})
			}
			return apply(g, cmd, form)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.Name, "name", "", "the app's name, shown to the person")
	f.StringVar(&flags.Handler, "handler", "", "who handles the person's data")
	f.StringVar(&flags.Contact, "contact", "", "how to reach the handler")
	f.StringVar(&flags.Purpose, "purpose", "", "what the verification is for")
	f.StringVar(&flags.Necessity, "necessity", "", "why a face is needed and what it means for the person")
	f.IntVar(&flags.RetentionDays, "retention-days", 30, "days that results are kept")
	f.StringVar(&flags.Alternative, "alternative", "", "the other method, without a face")
	f.StringVar(&flags.AlternativeTo, "alternative-url", "", "where the other method is")
	f.StringVar(&flags.Place, "place", "", "where data is kept; empty: on this server")
	f.StringVar(&flags.Processors, "processors", "", "who processes for the handler, who gets data, where portraits come from; empty: nobody")
	f.StringVar(&flags.Officer, "officer", "", "who is in charge of personal information, and how to reach them; needed from 100,000 people on")
	f.StringVar(&flags.Category, "category", "", "the trade, from the list in docs/onboarding.md")
	f.IntVar(&flags.DailyVolume, "daily-volume", 0, "verifications expected a day")
	f.IntVar(&flags.Peak, "peak", 0, "verifications expected at once")
	f.StringSliceVar(&flags.Interfaces, "interface", []string{"default"}, "interfaces asked for: all, default (no face images), or names")
	f.StringVar(&flags.ImageBasis, "image-basis", "", "law that obliges the handler to keep face images; for interfaces that hand them out")
	f.StringArrayVar(&flags.Origins, "origin", nil, "a site whose pages may run the SDK, https://host[:port]; may be repeated")
	f.StringVar(&flags.Alive, "alive", "flash", "liveness methods wanted: flash, digits or auto (both)")
	f.StringArrayVar(&licences, "licence", nil, "a licence, KIND=FILE (PDF, JPEG or PNG, 10 MiB); may be repeated")
	return c
}

// overrideForm takes the flags that were given.
func overrideForm(cmd *cobra.Command, form *applicationForm, flags applicationForm) {
	text := func(name string, to *string, from string) {
		if cmd.Flags().Changed(name) {
			*to = from
		}
	}
	text("name", &form.Name, flags.Name)
	text("handler", &form.Handler, flags.Handler)
	text("contact", &form.Contact, flags.Contact)
	text("purpose", &form.Purpose, flags.Purpose)
	text("necessity", &form.Necessity, flags.Necessity)
	text("alternative", &form.Alternative, flags.Alternative)
	text("alternative-url", &form.AlternativeTo, flags.AlternativeTo)
	text("place", &form.Place, flags.Place)
	text("processors", &form.Processors, flags.Processors)
	text("officer", &form.Officer, flags.Officer)
	text("category", &form.Category, flags.Category)
	text("image-basis", &form.ImageBasis, flags.ImageBasis)
	text("alive", &form.Alive, flags.Alive)
	for name, n := range map[string]struct {
		to   *int
		from int
	}{"retention-days": {&form.RetentionDays, flags.RetentionDays}, "daily-volume": {&form.DailyVolume, flags.DailyVolume}, "peak": {&form.Peak, flags.Peak}} {
		if cmd.Flags().Changed(name) {
			*n.to = n.from
		}
	}
	if cmd.Flags().Changed("interface") {
		form.Interfaces = flags.Interfaces
	}
	if cmd.Flags().Changed("origin") {
		form.Origins = flags.Origins
	}
}

// readForm reads the TOML file; unknown names are mistakes.
func readForm(path string, form *applicationForm) error {
	data, err := readBounded(path, maxForm)
	if err != nil {
		return err
	}
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(form)
	var bad toml.ParseError
	switch {
	case errors.As(err, &bad):
		return faceproof.Errorf(faceproof.CodeInvalid, path, "line %d: %s", bad.Position.Line, bad.Message)
	case err != nil:
		return &faceproof.Error{Code: faceproof.CodeInvalid, Field: path, Message: "a value has the wrong type", Err: err}
	case len(meta.Undecoded()) > 0:
		return faceproof.Errorf(faceproof.CodeInvalid, path, "has the unknown name %s", meta.Undecoded()[0])
	}
	return nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeNotFound, Field: path, Message: "cannot be read", Err: err}
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, path, "must be a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: path, Message: "cannot be read", Err: err}
	}
	if int64(len(data)) > limit {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, path, "is over %d bytes", limit)
	}
	return data, nil
}

// apply checks everything before it records anything, then takes the steps.
func apply(g *globals, cmd *cobra.Command, form applicationForm) error {
	a, err := form.application()
	if err != nil {
		return err
	}
	if len(form.Licences) > faceproof.MaxLicences {
		return faceproof.Errorf(faceproof.CodeInvalid, "licences", "must be at most %d files", faceproof.MaxLicences)
	}
	files := make([][]byte, len(form.Licences))
	for i, l := range form.Licences {
		kind := faceproof.LicenceKind(l.Kind)
		if !slices.Contains(faceproof.LicenceKinds(), kind) {
			return faceproof.Errorf(faceproof.CodeInvalid, "licence", "the kind must be one of %v", faceproof.LicenceKinds())
		}
		if files[i], err = readBounded(l.File, faceproof.MaxLicenceBytes); err != nil {
			return err
		}
		if _, err := faceproof.LicenceType(files[i]); err != nil {
			return faceproof.Errorf(faceproof.CodeInvalid, l.File, "must be a PDF, JPEG or PNG file")
		}
		a.Licences = append(a.Licences, faceproof.Licence{Kind: kind})
	}
	if err := a.Complete(); err != nil {
		return err
	}
	return atDesk(g, func(d *onboarding.Desk) error {
		a, err := d.Draft(cmd.Context(), a, "cli")
		for i := 0; err == nil && i < len(files); i++ {
			a, err = d.Attach(cmd.Context(), a.ID, faceproof.LicenceKind(form.Licences[i].Kind), files[i], "cli")
		}
		if err == nil {
			a, err = d.Submit(cmd.Context(), a.ID, "cli")
		}
		if err != nil {
			return err
		}
		return answer(g, onboarding.Answer(a), func(w io.Writer) { fmt.Fprintf(w, "Application  %s\nState        %s\n", a.ID, a.State) })
	})
}

func appApplicationsCommand(g *globals) *cobra.Command {
	var state, save string
	c := &cobra.Command{
		Use:   "applications [ID]",
		Short: "List the applications, or show one whole",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atDesk(g, func(d *onboarding.Desk) error {
				if len(args) == 1 {
					return showApplication(g, cmd, d, args[0], save)
				}
				if save != "" {
					return faceproof.Errorf(faceproof.CodeInvalid, "--save", "needs an application's id")
				}
				list, err := d.Applications(cmd.Context(), faceproof.ApplicationState(state))
				if err != nil {
					return err
				}
				out := make([]onboarding.ApplicationJSON, len(list))
				for i, a := range list {
					out[i] = onboarding.Answer(a)
				}
				return answer(g, out, func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
					for _, a := range list {
						fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", a.ID, a.State, a.Category, a.AppID, a.Name)
					}
					t.Flush()
				})
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "only these: draft, submitted, approved or rejected")
	c.Flags().StringVar(&save, "save", "", "write the licence files of the application into this folder")
	return c
}

func showApplication(g *globals, cmd *cobra.Command, d *onboarding.Desk, id, save string) error {
	a, err := d.Application(cmd.Context(), id)
	if err != nil {
		return err
	}
	if save != "" {
		if err := saveLicences(cmd, d, a, save); err != nil {
			return err
		}
	}
	return answer(g, onboarding.Answer(a), func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		c, _ := faceproof.CategoryByID(a.Category)
		for _, row := range [][2]string{{"Application", a.ID}, {"State", string(a.State)}, {"Reason", a.Reason}, {"AppID", string(a.AppID)}, {"Name", a.Name},
			{"Handler", a.Notice.Handler}, {"Contact", a.Notice.Contact}, {"Purpose", a.Notice.Purpose}, {"Necessity", a.Notice.Necessity},
			{"Retention", fmt.Sprint(a.Notice.RetentionDays, " days")}, {"Alternative", strings.TrimSpace(a.Notice.Alternative + " " + a.Notice.AlternativeTo)},
			{"Place", a.Notice.Place}, {"Processors", a.Notice.Processors}, {"Officer", a.Notice.Officer},
			{"Category", c.ID + " " + c.Zh}, {"Volume", fmt.Sprintf("%d a day, %d at once", a.DailyVolume, a.Peak)},
			{"Interfaces", strings.Join(words(a.Interfaces), " ")}, {"Image basis", a.ImageBasis}} {
			if row[1] != "" {
				fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
			}
		}
		for _, l := range a.Licences {
			fmt.Fprintf(t, "Licence\t%s %s, %d bytes\n", l.Kind, l.Type, l.Bytes)
		}
		t.Flush()
	})
}

// saveLicences writes the files for the owner alone; their names are ours.
func saveLicences(cmd *cobra.Command, d *onboarding.Desk, a faceproof.Application, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeNotFound, Field: "--save", Message: "must be a folder", Err: err}
	}
	defer root.Close()
	for i, l := range a.Licences {
		_, data, err := d.Licence(cmd.Context(), a.ID, l.ID, "cli")
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%d-%s.%s", a.ID, i+1, l.Kind, l.Type[strings.IndexByte(l.Type, '/')+1:])
		if err := root.WriteFile(name, data, 0o600); err != nil {
			return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--save", Message: "cannot be written", Err: err}
		}
	}
	return nil
}

func appReviewCommand(g *globals) *cobra.Command {
	var approve, reject bool
	var reason string
	c := &cobra.Command{
		Use:   "review ID (--approve | --reject --reason TEXT)",
		Short: "Decide on an application; approval prints the AppID and secret, once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if approve == reject || approve && reason != "" {
				return faceproof.Errorf(faceproof.CodeInvalid, "--approve", "say either --approve or --reject --reason TEXT")
			}
			return atDesk(g, func(d *onboarding.Desk) error {
				if reject {
					a, err := d.Reject(cmd.Context(), args[0], reason, "cli")
					if err != nil {
						return err
					}
					return answer(g, onboarding.Answer(a), func(w io.Writer) { fmt.Fprintf(w, "%s is rejected\n", a.ID) })
				}
				a, secret, err := d.Approve(cmd.Context(), args[0], "cli")
				if err != nil {
					return err
				}
				out := onboarding.Answer(a)
				out.AppSecret = secret.Reveal()
				return answer(g, out, func(w io.Writer) {
					fmt.Fprintf(w, "AppID      %s\nAppSecret  %s\n", a.AppID, out.AppSecret)
					fmt.Fprintln(g.Err, "The secret is shown this once. No interface is on yet: faceproof app enable.")
				})
			})
		},
	}
	c.Flags().BoolVar(&approve, "approve", false, "put the app on the white-list")
	c.Flags().BoolVar(&reject, "reject", false, "send the application back")
	c.Flags().StringVar(&reason, "reason", "", "what the applicant must mend")
	return c
}

// appSwitchCommand is enable (grant) or disable.
func appSwitchCommand(g *globals, on bool) *cobra.Command {
	c := &cobra.Command{
		Use:     "enable APPID PERMISSION...",
		Aliases: []string{"grant"},
		Short:   "Switch interfaces of an approved app on",
		Args:    cobra.MinimumNArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return switchApp(g, cmd, args[0], args[1:], on) },
	}
	if !on {
		c.Use, c.Aliases, c.Short = "disable APPID PERMISSION...", nil, "Switch interfaces of an app off"
	}
	return c
}

func switchApp(g *globals, cmd *cobra.Command, id string, names []string, on bool) error {
	which, err := parsePermissions(names)
	if err != nil {
		return err
	}
	return atDesk(g, func(d *onboarding.Desk) error {
		a, err := d.Switch(cmd.Context(), faceproof.AppID(id), which, on, "cli")
		if err != nil {
			return err
		}
		if on {
			warnImage(g, a)
		}
		return answer(g, printable(a), func(w io.Writer) { fmt.Fprintf(w, "%s may call: %s\n", a.ID, strings.Join(words(a.Permissions), " ")) })
	})
}
