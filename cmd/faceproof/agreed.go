package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/registry"
)

// agreedFor is how long an agreement to an import may wait for it.
const agreedFor = 24 * time.Hour

// alone refuses an enrolment by one person where two could agree to it: whoever
// can change a portrait can become that person (security.md T35).
func alone(ctx context.Context, g *globals) error {
	s, _, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	admins, err := s.Admins(ctx)
	if err != nil {
		return err
	}
	if faceproof.TwoCanAgree(admins) {
		return faceproof.Errorf(faceproof.CodeForbidden, "--agreed", "two people who run this server must agree to who is enrolled: registry digest FILE, a proposal of one (POST /v1/admin/imports), the agreement of another, then registry import --agreed PROPOSAL FILE")
	}
	return nil
}

// agreed uses an agreement up. It gives what the import is held to and the actor
// for the audit log, which leads to both people.
func agreed(ctx context.Context, g *globals, id, path string, replace bool) (*registry.Manifest, string, error) {
	m, err := registry.ReadManifest(path)
	if err != nil {
		return nil, "", err
	}
	s, _, done, err := openStore(g)
	if err != nil {
		return nil, "", err
	}
	defer done()
	p, err := s.Proposal(ctx, id)
	if err != nil {
		return nil, "", err
	}
	var to faceproof.ImportAgreement
	if p.Action != faceproof.ActionImport || json.Unmarshal(p.Body, &to) != nil {
		return nil, "", faceproof.Errorf(faceproof.CodeInvalid, "--agreed", "is no proposal of an import")
	}
	if to.Digest != m.Digest || to.People != m.People {
		return nil, "", faceproof.Errorf(faceproof.CodeConflict, "csv", "the file or a photo is not what was agreed to: its digest is %s", m.Digest)
	}
	if to.Replace != replace {
		return nil, "", faceproof.Errorf(faceproof.CodeConflict, "--replace", "is %v, and %v was agreed to", replace, to.Replace)
	}
	if _, err := s.UseImport(ctx, id, time.Now().Add(-agreedFor).UnixMilli(), "cli"); err != nil {
		return nil, "", err
	}
	return m, "import:" + id, nil
}

func registryDigestCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "digest PEOPLE.csv",
		Short: "Name the bytes of an import, for two people to agree to",
		Long: "Prints the SHA-256 of a CSV file with all its photos, and how many people are in\n" +
			"it; nobody is enrolled. One operator proposes them (POST /v1/admin/imports), another\n" +
			"one or a key custodian computes them from the same files and agrees, and within 24\n" +
			"hours registry import --agreed takes exactly these bytes, once.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := registry.ReadManifest(args[0])
			if err != nil {
				return err
			}
			return answer(g, map[string]any{"digest": m.Digest, "people": m.People}, func(w io.Writer) {
				fmt.Fprintf(w, "%s  %d people\n", m.Digest, m.People)
			})
		},
	}
}
