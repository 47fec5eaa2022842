package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/consent"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

// consentDesk is where consents are read and taken back; a nil now is time.Now.
func consentDesk(s *store.Store, r *registry.Local, forget func(context.Context, []string) error, now func() time.Time) *consent.Desk {
	return consent.NewDesk(consent.Config{Store: s, Registry: r, Forget: forget, Now: now})
}

// keepWithdrawals finishes what a withdrawal has left, before it returns and
// every minute from then on, until the function that it gives is called.
func keepWithdrawals(ctx context.Context, d *consent.Desk, log *slog.Logger) (stop func()) {
	failed := func(err error) {
		log.Error("a withdrawal could not be finished; it is tried again every minute", "error", faceproof.LogText(err))
	}
	if err := d.Finish(ctx); err != nil {
		failed(err)
	}
	ctx, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx, failed) })
	return func() { end(); running.Wait() }
}

// appName names an app to a person whose consent is read.
func (b *backend) appName(ctx context.Context, id faceproof.AppID) (string, error) {
	a, _, err := b.store.App(ctx, id)
	return a.Name, err
}

func consentCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "consent",
		Short: "Read what a person agreed to, and withdraw a consent for them",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(consentShowCommand(g), consentWithdrawCommand(g))
	return c
}

// withConsents opens what a withdrawal needs; no model is loaded.
func withConsents(g *globals, do func(d *consent.Desk, s *store.Store, ring *keys.Ring) error) error {
	s, ring, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	blobs, err := openBlobs(g, ring)
	if err != nil {
		return err
	}
	defer blobs.Close()
	r, err := registry.New(registry.Config{Store: s, Keys: ring})
	if err != nil {
		return err
	}
	return do(consentDesk(s, r, func(ctx context.Context, ids []string) error { return verify.ForgetPictures(ctx, blobs, ids) }, nil), s, ring)
}

// consentJSON is a consent as an operator may see it.
type consentJSON struct {
	SessionID   string          `json:"session_id"`
	AppID       faceproof.AppID `json:"app_id"`
	GivenAt     int64           `json:"given_at"`     // unix milliseconds
	WithdrawnAt int64           `json:"withdrawn_at"` // unix milliseconds; 0: it stands
	Method      string          `json:"method"`
	Lang        string          `json:"lang"`
	Wording     int             `json:"wording"`
	Proven      bool            `json:"proven"` // the capture showed the person
	TextHash    string          `json:"text_hash"`
	Text        string          `json:"text"`
}

func consentShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show SESSION_ID",
		Short: "Print the very text that was agreed to before a verification, when and how",
		Long:  "Prints the consent of a verification with the text that the person read, word for word. The look-up\nis written into the audit log.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withConsents(g, func(_ *consent.Desk, s *store.Store, _ *keys.Ring) error {
				c, err := s.ConsentOf(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := s.Audit(cmd.Context(), faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "consent.show", Object: c.VerificationID}); err != nil {
					return err
				}
				out := consentJSON{c.VerificationID, c.AppID, c.GivenAt, c.WithdrawnAt, c.Method(), c.Text.Lang, c.Text.Wording, c.Proven, c.Text.Hash, c.Text.Body}
				return answer(g, out, func(w io.Writer) {
					fmt.Fprintf(w, "session %s  app %s  given %s  by %s  text %s (%s, wording %d)  proven %t\n", out.SessionID, out.AppID, stamp(out.GivenAt), out.Method, out.TextHash, out.Lang, out.Wording, out.Proven)
					if out.WithdrawnAt > 0 {
						fmt.Fprintf(w, "withdrawn %s\n", stamp(out.WithdrawnAt))
					}
					fmt.Fprintf(w, "\n%s", out.Text)
				})
			})
		},
	}
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

func consentWithdrawCommand(g *globals) *cobra.Command {
	var session string
	var stdin bool
	c := &cobra.Command{
		Use:   "withdraw [RECEIPT] [--session ID] [--from-stdin]",
		Short: "Withdraw a consent: no session of the person begins any more, and their face data is deleted",
		Long: "Withdraws by the person's receipt, or, when you have made sure who asks, by a session of theirs or by\n" +
			"their identity ({\"id_number\":\"…\"} on standard input). Sessions that run end, no other begins until the\n" +
			"person is enrolled anew, and template, portraits and recordings are deleted. Results of before stay for\n" +
			"as long as the notice says. By the receipt of a session that did not pass, that session alone is withdrawn.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ways := len(args)
			for _, given := range []bool{session != "", stdin} {
				if given {
					ways++
				}
			}
			if ways != 1 {
				return faceproof.Errorf(faceproof.CodeInvalid, "RECEIPT", "say a receipt, --session or --from-stdin, one of them")
			}
			return withConsents(g, func(d *consent.Desk, _ *store.Store, ring *keys.Ring) error {
				t, err := withdrawBy(cmd.Context(), d, ring, cmd.InOrStdin(), args, session)
				if err != nil {
					return err
				}
				return answer(g, t, func(w io.Writer) {
					fmt.Fprintf(w, "withdrawn %s, receipt %s, face data deleted: %t\n", stamp(t.At), t.Receipt, t.Deleted)
				})
			})
		},
	}
	c.Flags().StringVar(&session, "session", "", "session_id of a verification of the person")
	c.Flags().BoolVar(&stdin, "from-stdin", false, "read {\"id_number\":\"…\"} from standard input")
	return c
}

func withdrawBy(ctx context.Context, d *consent.Desk, ring *keys.Ring, in io.Reader, args []string, session string) (consent.Taken, error) {
	switch {
	case len(args) == 1:
		return d.Withdraw(ctx, args[0], "cli")
	case session != "":
		return d.WithdrawSession(ctx, session, "cli")
	}
	var q struct {
		IDNumber string `json:"id_number"`
	}
	dec := json.NewDecoder(io.LimitReader(in, 4096))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return consent.Taken{}, faceproof.Errorf(faceproof.CodeInvalid, "stdin", "must be one JSON object with id_number")
	}
	n, err := faceproof.ParseIDNumber(q.IDNumber, "id_number", time.Now())
	if err != nil {
		return consent.Taken{}, err
	}
	person, subject := verify.Indexes(ring, n)
	return d.WithdrawPerson(ctx, person, subject, faceproof.Withdrawal{}, faceproof.AuditEntry{Actor: "cli", Action: "consent.withdraw"})
}
