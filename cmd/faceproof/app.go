package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/onboarding"
)

// Limits of an app's texts, in characters.
const (
	maxAppName    = 64
	maxNoticeText = 1000
	maxRetention  = 3650 // days
)

func appCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "app",
		Short: "Register business apps and what they may call",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(appCreateCommand(g), appListCommand(g), appApplyCommand(g), appApplicationsCommand(g), appReviewCommand(g),
		appSwitchCommand(g, true), appSwitchCommand(g, false), appSetCommand(g), appNoticeCommand(g), appSecretCommand(g), appRevokeCommand(g))
	return c
}

// appJSON is how an app is printed for a program.
type appJSON struct {
	AppID       faceproof.AppID        `json:"app_id"`
	AppSecret   string                 `json:"app_secret,omitempty"` // by create, once
	Name        string                 `json:"name"`
	Notice      faceproof.Notice       `json:"notice"`
	Permissions []faceproof.Permission `json:"permissions"`
	Origins     []string               `json:"origins"`
	Alive       string                 `json:"alive"`
	Reading     faceproof.Reading      `json:"reading"`
	Retain      faceproof.Retention    `json:"retain"`      // days by class, less than the server keeps
	DailyCalls  int                    `json:"daily_calls"` // 0: the server's
	Revoked     bool                   `json:"revoked"`
	CreatedAt   int64                  `json:"created_at"` // unix milliseconds
}

func printable(a faceproof.App) appJSON {
	return appJSON{AppID: a.ID, Name: a.Name, Notice: a.Notice, Permissions: append([]faceproof.Permission{}, a.Permissions...),
		Origins: append([]string{}, a.Origins...), Alive: aliveWord(a.Alive), Reading: a.Reading, Retain: a.Retain, DailyCalls: a.DailyCalls, Revoked: a.Revoked, CreatedAt: a.CreatedAt}
}

func appCreateCommand(g *globals) *cobra.Command {
	var a faceproof.App
	var alive string
	var reading readingFlags
	var grant []string
	c := &cobra.Command{
		Use:   "create",
		Short: "Register an app of your own and print its AppID and secret, once",
		Long: "Registers a business app without an application (app apply): the operator's own short\n" +
			"way. It is recorded as an application that was approved at once. The notice is what a\n" +
			"person reads before they consent, so none of its parts may be blank. The secret is\n" +
			"printed once; only its hash is kept.",
		Example: `  faceproof app create --name "City Library" --handler "City Library, 1 Main St" --contact "privacy@library.example" \
    --purpose "Check that a reader's card is theirs" --necessity "Cards are shared; a face is compared once with the registered portrait" \
    --alternative "Show your ID card at the desk" --origin https://library.example`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if a.Alive, err = parseAlive(alive); err != nil {
				return err
			}
			if a.Reading, err = reading.change(cmd, a.Reading); err != nil {
				return err
			}
			if err = reading.reached(g); err != nil {
				return err
			}
			if a.Permissions, err = parsePermissions(grant); err != nil {
				return err
			}
			if err := checkApp(&a); err != nil {
				return err
			}
			return createApp(g, cmd, a)
		},
	}
	f := c.Flags()
	f.StringVar(&a.Name, "name", "", "the app's name, shown to the person")
	f.StringVar(&a.Notice.Handler, "handler", "", "who handles the person's data")
	f.StringVar(&a.Notice.Contact, "contact", "", "how to reach the handler")
	f.StringVar(&a.Notice.Purpose, "purpose", "", "what the verification is for")
	f.StringVar(&a.Notice.Necessity, "necessity", "", "why a face is needed and what it means for the person")
	f.StringVar(&a.Notice.Alternative, "alternative", "", "the other method, without a face")
	f.StringVar(&a.Notice.AlternativeTo, "alternative-url", "", "where the other method is")
	f.IntVar(&a.Notice.RetentionDays, "retention-days", 30, "days that results are kept")
	f.StringArrayVar(&a.Origins, "origin", nil, originUsage)
	f.StringVar(&alive, "alive", "flash", "liveness methods allowed: flash, digits or auto (both)")
	reading.add(f)
	f.IntVar(&a.DailyCalls, "daily-calls", 0, dailyCallsUsage)
	f.StringSliceVar(&grant, "grant", []string{"default"}, "permissions: all, default (none that hands out face images), or names")
	return c
}

func createApp(g *globals, cmd *cobra.Command, a faceproof.App) error {
	s, _, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	secret := newApp(&a)
	if err := s.CreateApp(cmd.Context(), a, keys.HashToken(secret.Reveal())); err != nil {
		return err
	}
	out := printable(a)
	out.AppSecret = secret.Reveal()
	warnImage(g, a)
	return answer(g, out, func(w io.Writer) {
		fmt.Fprintf(w, "AppID      %s\nAppSecret  %s\n", out.AppID, out.AppSecret)
		fmt.Fprintln(g.Err, "The secret is shown this once; keep it on the business's server.")
	})
}

// newApp gives a an AppID and a time, and makes its secret: 256 random bits in
// hex.
func newApp(a *faceproof.App) faceproof.Token {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	a.ID = faceproof.AppID("wx" + hex.EncodeToString(b))
	a.CreatedAt = time.Now().UnixMilli()
	return keys.NewHex(nil, 32)
}

// warnImage says what getimage and getvideo mean.
func warnImage(g *globals, a faceproof.App) {
	for p, what := range map[faceproof.Permission]string{faceproof.PermGetImage: "a face image of each verification",
		faceproof.PermGetVideo: "the whole capture of a verification that asks for it"} {
		if slices.Contains(a.Permissions, p) {
			fmt.Fprintf(g.Err, "Note: %s lets %s read %s; it is kept, sealed, until then.\n", p, a.ID, what)
		}
	}
}

// checkApp refuses what the person could not read or a browser not match.
func checkApp(a *faceproof.App) error {
	texts := []struct {
		flag  string
		text  *string
		max   int
		empty bool
	}{
		{"--name", &a.Name, maxAppName, false}, {"--handler", &a.Notice.Handler, maxNoticeText, false}, {"--contact", &a.Notice.Contact, maxNoticeText, false},
		{"--purpose", &a.Notice.Purpose, maxNoticeText, false}, {"--necessity", &a.Notice.Necessity, maxNoticeText, false},
		{"--alternative", &a.Notice.Alternative, maxNoticeText, false}, {"--alternative-url", &a.Notice.AlternativeTo, maxNoticeText, true},
	}
	for _, t := range texts {
		*t.text = strings.TrimSpace(*t.text)
		switch {
		case *t.text == "" && !t.empty:
			return faceproof.Errorf(faceproof.CodeInvalid, t.flag, "must not be blank: the person reads it before consenting")
		case !utf8.ValidString(*t.text) || strings.ContainsFunc(*t.text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
			return faceproof.Errorf(faceproof.CodeInvalid, t.flag, "must be UTF-8 without control characters")
		case utf8.RuneCountInString(*t.text) > t.max:
			return faceproof.Errorf(faceproof.CodeInvalid, t.flag, "must be at most %d characters", t.max)
		}
	}
	if to := a.Notice.AlternativeTo; to != "" {
		if u, err := url.Parse(to); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return faceproof.Errorf(faceproof.CodeInvalid, "--alternative-url", "must be an https or http address")
		}
	}
	if d := a.Notice.RetentionDays; d < 1 || d > maxRetention {
		return faceproof.Errorf(faceproof.CodeInvalid, "--retention-days", "must be 1 to %d", maxRetention)
	}
	if err := faceproof.CheckDailyCalls(a.DailyCalls, "--daily-calls"); err != nil {
		return err
	}
	origins, err := faceproof.ParseOrigins(a.Origins, "--origin")
	if err != nil {
		return err
	}
	a.Origins = origins
	return nil
}

func parseAlive(s string) (faceproof.AliveType, error) {
	switch s {
	case "flash":
		return faceproof.AliveFlash, nil
	case "digits":
		return faceproof.AliveDigits, nil
	case "auto":
		return faceproof.AliveAuto, nil
	}
	return 0, faceproof.Errorf(faceproof.CodeInvalid, "--alive", "must be flash, digits or auto")
}

func aliveWord(a faceproof.AliveType) string {
	return map[faceproof.AliveType]string{faceproof.AliveFlash: "flash", faceproof.AliveDigits: "digits", faceproof.AliveAuto: "auto"}[a]
}

// parsePermissions reads names, "all" and "default", each once, in the order of
// the documentation.
func parsePermissions(words []string) ([]faceproof.Permission, error) {
	var asked []faceproof.Permission
	for _, w := range words {
		switch p := faceproof.Permission(strings.TrimSpace(w)); {
		case p == "all":
			asked = append(asked, faceproof.Permissions()...)
		case p == "default":
			asked = append(asked, faceproof.DefaultPermissions()...)
		case slices.Contains(faceproof.Permissions(), p):
			asked = append(asked, p)
		default:
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "permission", "must be all, default or one of %v", faceproof.Permissions())
		}
	}
	return inOrder(asked), nil
}

func inOrder(asked []faceproof.Permission) []faceproof.Permission {
	return slices.DeleteFunc(faceproof.Permissions(), func(p faceproof.Permission) bool { return !slices.Contains(asked, p) })
}

func appListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the apps",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			apps, err := s.ListApps(cmd.Context())
			if err != nil {
				return err
			}
			out := make([]appJSON, len(apps))
			for i, a := range apps {
				out[i] = printable(a)
			}
			return answer(g, out, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, a := range out {
					state := strings.Join(words(a.Permissions), ",")
					if a.Revoked {
						state = "revoked"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", a.AppID, a.Name, a.Alive, state)
				}
				t.Flush()
			})
		},
	}
}

func words(permissions []faceproof.Permission) []string {
	out := make([]string, len(permissions))
	for i, p := range permissions {
		out[i] = string(p)
	}
	return out
}

const (
	dailyCallsUsage = "calls of each interface on one day (0: what serve --daily-calls says)"
	originUsage     = "a site whose pages may run the SDK, https://host[:port]; may be repeated"
)

func appSecretCommand(g *globals) *cobra.Command {
	var revoke bool
	c := &cobra.Command{
		Use:   "secret APPID",
		Short: "Replace an app's secret and print the new one, once",
		Long: "Replaces an app's secret. The old one stays valid for 60 seconds, so that the business's\n" +
			"servers can change over, and tokens to their ends. When the old one has leaked, use\n" +
			"--revoke-tokens: it and every token of the app end at once.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return atDesk(g, func(d *onboarding.Desk) error {
				secret, err := d.ReplaceSecret(cmd.Context(), faceproof.AppID(args[0]), revoke, "cli")
				if err != nil {
					return err
				}
				out := map[string]string{"app_id": args[0], "app_secret": secret.Reveal()}
				return answer(g, out, func(w io.Writer) {
					fmt.Fprintf(w, "AppID      %s\nAppSecret  %s\n", args[0], out["app_secret"])
					until := "The old one is valid for 60 seconds more."
					if revoke {
						until = "The old one and every token have ended."
					}
					fmt.Fprintln(g.Err, "The secret is shown this once. "+until)
				})
			})
		},
	}
	c.Flags().BoolVar(&revoke, "revoke-tokens", false, "end the old secret and every token of the app at once")
	return c
}

func appRevokeCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke APPID [PERMISSION...]",
		Short: "Switch interfaces off, or, without any named, take the whole app's rights for good",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return switchApp(g, cmd, args[0], args[1:], false)
			}
			return revokeApp(g, cmd, args[0])
		},
	}
}

// revokeApp takes everything from an app, for good.
func revokeApp(g *globals, cmd *cobra.Command, id string) error {
	if !faceproof.AppID(id).Valid() {
		return faceproof.Errorf(faceproof.CodeInvalid, "app_id", "must be wx and 16 hex digits")
	}
	s, _, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	a, _, err := s.App(cmd.Context(), faceproof.AppID(id))
	if err != nil {
		return err
	}
	a.Revoked = true
	if err := s.UpdateApp(cmd.Context(), a); err != nil {
		return err
	}
	return answer(g, printable(a), func(w io.Writer) { fmt.Fprintf(w, "%s is revoked\n", a.ID) })
}
