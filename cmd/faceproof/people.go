package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faceproof"
	gate "faceproof/internal/admin"
	"faceproof/internal/egress"
	"faceproof/internal/keys"
	"faceproof/internal/onboarding"
	"faceproof/internal/passkey"
	"faceproof/internal/server"
	"faceproof/internal/store"
	"faceproof/internal/webhook"
)

// edgeFlags are those of `serve` that say who may come in and where it may go out.
type edgeFlags struct {
	outgoing     []string
	noAdminToken bool
}

func (e *edgeFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&e.outgoing, "allow-outgoing", nil, "address range of your own, not public, that webhooks, the identity provider, the CA and the object store of anchors\n"+
		"may be in, such as 10.1.2.0/24; may be repeated (default: none)")
	f.BoolVar(&e.noAdminToken, "no-admin-token", false, "the token in the data folder opens nothing: only people who log in use the admin API")
}

// prefixes reads --allow-outgoing.
func (e edgeFlags) prefixes() (out []netip.Prefix, err error) {
	for _, s := range e.outgoing {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--allow-outgoing", "must be an address range such as 10.1.2.0/24")
		}
		out = append(out, p)
	}
	return out, nil
}

// openAdmin makes the admin API's part of the server: origin is how browsers
// reach it.
func openAdmin(ctx context.Context, g *globals, b *backend, f serveFlags, origin string, log *slog.Logger) (*server.Admin, error) {
	desk, err := onboarding.New(onboarding.Config{Store: b.store, Blobs: b.blobs, Now: b.now})
	if err != nil {
		return nil, err
	}
	a := &server.Admin{Desk: desk, Audit: b.store}
	if !f.edges.noAdminToken {
		token, err := adminToken(filepath.Join(g.DataDir, adminFile))
		if err != nil {
			return nil, err
		}
		a.TokenHash = keys.HashToken(token.Reveal())
	}
	if a.Webhooks, err = webhook.NewDesk(b.store, b.keys, b.now); err != nil {
		return nil, err
	}
	c := gate.Config{Store: b.store, Keys: b.keys, Now: b.now}
	if site, err := adminSite(origin); err != nil {
		return nil, err
	} else if site != nil {
		c.Passkeys = site
	}
	site, err := f.oidc.open(ctx, f.edges, origin, log)
	if err != nil {
		return nil, err
	}
	if site != nil {
		c.Provider = site
	}
	a.Gate, err = gate.New(c)
	return a, err
}

// adminSite is where passkeys work; nil for a server without a name: browsers
// make none for an address.
func adminSite(origin string) (*passkey.Site, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return nil, nil
	}
	return passkey.New(u.Hostname(), []string{origin})
}

// originOf is how a browser reaches the server: as --public-origin says, by the
// first name of --acme, or on this machine.
func originOf(f serveFlags, addr net.Addr) string {
	if f.publicOrigin != "" {
		return f.publicOrigin
	}
	return strings.TrimSuffix(f.urls(addr)[0], "/")
}

// firstAdmin prints an invitation when nobody can log in yet: with every role,
// for one hour and one use. A start without a reader makes none.
func firstAdmin(ctx context.Context, g *globals, a *gate.Gate, origin string) error {
	first, err := a.First(ctx)
	if err != nil || !first || g.JSON {
		return err
	}
	token, err := a.Invite(ctx, "admin", faceproof.Roles(), nil, "cli")
	if err != nil {
		return err
	}
	fmt.Fprintf(g.Out, "尚无管理员。一小时内打开此链接创建通行密钥（仅一次） · no admin yet: open this within an hour, once, to make a passkey\n    %s/admin/#invite=%s\n\n", origin, token.Reveal())
	return nil
}

// sendWebhooks delivers the outbox until the function that it gives is called.
func sendWebhooks(ctx context.Context, b *backend, e edgeFlags, log *slog.Logger) (stop func(), err error) {
	allow, err := e.prefixes()
	if err != nil {
		return nil, err
	}
	s, err := webhook.New(webhook.Config{Store: b.store, Keys: b.keys, Client: egress.New(egress.Config{Allow: allow}), Now: b.now, Log: log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	return func() { cancel(); running.Wait() }, nil
}

func adminCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "admin", Short: "The people who run this server: invite | list | disable", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(adminInviteCommand(g), adminListCommand(g), adminDisableCommand(g))
	return c
}

// atGate runs a step with the people of the data folder.
func atGate(g *globals, f func(*gate.Gate, *store.Store) error) error {
	s, ring, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	a, err := gate.New(gate.Config{Store: s, Keys: ring})
	if err != nil {
		return err
	}
	return f(a, s)
}

func adminInviteCommand(g *globals) *cobra.Command {
	var name, origin string
	var roles, apps []string
	c := &cobra.Command{
		Use: "invite --name NAME --role ROLE... [--app APPID]...", Short: "Invite one person; the token is shown once, and is good for one hour and one use", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r []faceproof.Role
			for _, x := range roles {
				r = append(r, faceproof.Role(x))
			}
			var a []faceproof.AppID
			for _, x := range apps {
				a = append(a, faceproof.AppID(x))
			}
			return atGate(g, func(p *gate.Gate, _ *store.Store) error {
				token, err := p.Invite(cmd.Context(), name, r, a, "cli")
				if err != nil {
					return err
				}
				link := strings.TrimSuffix(origin, "/") + "/admin/#invite=" + token.Reveal()
				return answer(g, map[string]any{"invite": token.Reveal(), "link": link}, func(w io.Writer) { fmt.Fprintf(w, "%s\n", link) })
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "who it is for, for other admins")
	c.Flags().StringSliceVar(&roles, "role", nil, "operator, reviewer, auditor or key-custodian; may be repeated")
	c.Flags().StringSliceVar(&apps, "app", nil, "the only apps that this person may touch; may be repeated (default: all)")
	c.Flags().StringVar(&origin, "public-origin", "http://localhost:"+defaultPort, "how browsers reach the server, for the link; as serve --public-origin")
	return c
}

func adminListCommand(g *globals) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List everybody", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return atGate(g, func(p *gate.Gate, _ *store.Store) error {
			list, err := p.Admins(cmd.Context())
			if err != nil {
				return err
			}
			out := make([]any, len(list))
			for i, a := range list {
				out[i] = map[string]any{"id": a.ID, "name": a.Name, "roles": a.Provided.May(a.Roles), "apps": append([]faceproof.AppID{}, a.Apps...), "disabled": a.Disabled, "created_at": a.CreatedAt}
			}
			return answer(g, out, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				for _, a := range list {
					fmt.Fprintf(t, "%s\t%q\t%v\t%v\t%s\n", a.ID, a.Name, a.Provided.May(a.Roles), a.Apps, map[bool]string{true: "disabled"}[a.Disabled])
				}
				t.Flush()
			})
		})
	}}
}

func adminDisableCommand(g *globals) *cobra.Command {
	return &cobra.Command{Use: "disable ID", Short: "End an admin and every session of his, for good", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return atGate(g, func(_ *gate.Gate, s *store.Store) error {
			if err := s.DisableAdmin(cmd.Context(), args[0], "cli"); err != nil {
				return err
			}
			return answer(g, map[string]any{"id": args[0], "disabled": true}, func(w io.Writer) { fmt.Fprintf(w, "%s is disabled\n", args[0]) })
		})
	}}
}

func webhookCommand(g *globals) *cobra.Command {
	c := &cobra.Command{Use: "webhook", Short: "Messages to the apps: list | replay (docs/webhooks.md)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(webhookListCommand(g), webhookReplayCommand(g))
	return c
}

// atOutbox runs a step with the outbox of the data folder.
func atOutbox(g *globals, f func(*webhook.Desk) error) error {
	s, ring, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	d, err := webhook.NewDesk(s, ring, nil)
	if err != nil {
		return err
	}
	return f(d)
}

func webhookListCommand(g *globals) *cobra.Command {
	var app, state string
	c := &cobra.Command{Use: "list", Short: "The latest 200 messages", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return atOutbox(g, func(d *webhook.Desk) error {
			list, err := d.List(cmd.Context(), faceproof.AppID(app), faceproof.WebhookState(state), 200)
			if err != nil {
				return err
			}
			out := []server.EventJSON{}
			for _, e := range list {
				out = append(out, server.Event(e))
			}
			return answer(g, out, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
				for _, e := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d tries\tHTTP %d\t%s\n", e.ID, e.AppID, e.Kind, e.State, e.Tries, e.Status, time.UnixMilli(e.CreatedAt).UTC().Format(time.RFC3339))
				}
				t.Flush()
			})
		})
	}}
	c.Flags().StringVar(&app, "app", "", "of one app")
	c.Flags().StringVar(&state, "state", "", "waiting, delivered or failed")
	return c
}

func webhookReplayCommand(g *globals) *cobra.Command {
	return &cobra.Command{Use: "replay ID", Short: "Send a message once more, with the same id", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return atOutbox(g, func(d *webhook.Desk) error {
			e, err := d.Replay(cmd.Context(), args[0], "cli")
			if err != nil {
				return err
			}
			return answer(g, server.Event(e), func(w io.Writer) { fmt.Fprintf(w, "%s is sent again\n", e.ID) })
		})
	}}
}

// setWebhook is `app set --webhook`.
func setWebhook(g *globals, cmd *cobra.Command, id faceproof.AppID, url string) error {
	return atOutbox(g, func(d *webhook.Desk) error {
		w, secret, err := d.Set(cmd.Context(), id, url, "cli")
		if err != nil {
			return err
		}
		out := map[string]any{"app_id": w.AppID, "webhook": w.URL}
		if w.URL != "" {
			out["secret"] = secret.Reveal()
		}
		return answer(g, out, func(o io.Writer) {
			if w.URL == "" {
				fmt.Fprintf(o, "%s is told of nothing any more\n", w.AppID)
				return
			}
			fmt.Fprintf(o, "Webhook  %s\nSecret   %s\n密钥只显示这一次 · the secret is shown this once\n", w.URL, secret.Reveal())
		})
	})
}
