package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

// The application in the document is one that can be handed in.
func TestDocumentedApplication(t *testing.T) {
	doc, err := os.ReadFile("../../docs/onboarding.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```toml\n")
	text, _, ok := strings.Cut(rest, "```")
	path := filepath.Join(t.TempDir(), "bank.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil || !ok {
		t.Fatal(err, ok)
	}
	var form applicationForm
	if err := readForm(path, &form); err != nil {
		t.Fatal(err)
	}
	a, err := form.application()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range form.Licences {
		a.Licences = append(a.Licences, faceproof.Licence{Kind: faceproof.LicenceKind(l.Kind)})
	}
	if err := a.Complete(); err != nil {
		t.Error(err)
	}
}
