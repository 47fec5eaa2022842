package piitest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"faceproof/internal/acceptance"
)

// allowed are the places that may tell a secret, with the reason. No place may
// tell a person.
var allowed = map[string]string{
	"faceproof/cmd/faceproof.createApp fmt.Fprintf":          "the command line tells the operator the secret that it made, once",
	"faceproof/cmd/faceproof.appSecretCommand fmt.Fprintf":   "the same",
	"faceproof/cmd/faceproof.appReviewCommand fmt.Fprintf":   "the same",
	"faceproof/cmd/faceproof.answer fmt.Fprintf":             "the same, as JSON",
	"faceproof/cmd/faceproof.firstAdmin fmt.Fprintf":         "an invitation, once, on the operator's terminal",
	"faceproof/cmd/faceproof.adminInviteCommand fmt.Fprintf": "the same",
	"faceproof/cmd/faceproof.setWebhook fmt.Fprintf":         "the webhook's secret, once, on the operator's terminal",
	"faceproof/internal/server.welcome net/http.SetCookie":   "the session cookie of an admin who has just logged in",
	"faceproof/internal/webhook.post net/http.Header.Set":    "an HMAC of the body under the secret",
	"faceproof/cmd/faceproof.greet fmt.Fprintf":              "the demo's secret, on the operator's terminal",
}

// leaks is a package that tells what it must not; each line marked LEAK must be
// found, and no other.
const leaks = `package leaks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"faceproof"
)

type form struct{ Name, Number, Order string }

type holder struct {
	text string
	s    faceproof.Subject
}

type teller interface{ tell(s string) }

type loud struct{}

func (loud) tell(s string) { slog.Info(s) } // LEAK

func through(s string) string { return "<" + s + ">" }

func both(s faceproof.Subject) (int, string) { return 1, s.Name.Reveal() }

func direct(s faceproof.Subject, t faceproof.Token) {
	fmt.Println(s.Name)                           // LEAK
	fmt.Printf("%v", s)                           // LEAK
	slog.Info("x", "subject", s.IDNumber.Reveal()) // LEAK
	log.Print(t.Reveal())                         // LEAK
	_ = errors.New("no " + s.Name.Reveal())       // LEAK
	panic(s.Name.Reveal())                        // LEAK
}

func indirect(s faceproof.Subject, l *slog.Logger) error {
	n := s.Name.Reveal()
	h := holder{text: through(n)}
	l.Warn("who", "text", h.text) // LEAK
	_, m := both(s)
	u := url.QueryEscape(m) // LEAK
	_, _ = http.NewRequestWithContext(context.Background(), "GET", "https://a.example/?q="+u, nil) // LEAK
	var b strings.Builder
	b.WriteString("x")
	list := []string{}
	for _, r := range []string{n} {
		list = append(list, strings.ToUpper(r))
	}
	_ = faceproof.Errorf(faceproof.CodeInvalid, "name", "not %s", list[0]) // LEAK
	_ = faceproof.AuditEntry{Object: string([]byte(n))}                   // LEAK
	var t teller = loud{}
	t.tell(n)
	return fmt.Errorf("%w: %s", errors.New("x"), h.text) // LEAK
}

func before(raw []byte) (faceproof.Name, error) {
	var f form
	_ = json.Unmarshal(raw, &f)
	fmt.Println(f.Order)
	n, err := faceproof.ParseName(strings.TrimSpace(f.Name), "name")
	if err != nil {
		slog.Error("bad name", "name", f.Name) // LEAK
		slog.Error("bad name", "error", faceproof.LogText(err), "length", len(f.Name))
	}
	return n, err
}

func harmless(s faceproof.Subject, hash func([]byte) []byte) {
	fmt.Println(s.Name.Masked(), len(s.Name.Reveal()), s.Name.Reveal() == "x")
	n := s.IDNumber.Reveal()
	young := n[6:14] > "20130101"
	fmt.Println(young)
	other := "n"
	fmt.Println(other)
}
`

// security.md T33: nothing of a person, plain or wrapped, reaches a formatter, a
// log, an error, an audit row or an address; a secret only where allowed says.
func TestNothingOfAPersonIsTold(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	used, found := map[string]bool{}, 0
	for _, f := range Guard(m, root) {
		if _, ok := allowed[f.Func+" "+f.Sink]; ok && f.What == Secret {
			used[f.Func+" "+f.Sink] = true
			continue
		}
		t.Errorf("%s", f)
		found++
	}
	for place := range allowed {
		if !used[place] {
			t.Errorf("%s needs no allowance any more", place)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Static PII guard", N: len(m.Packages), Failures: found,
		Result: fmt.Sprintf("%d packages of the product read with their types: %d findings; %d places may tell a secret, with the reason", len(m.Packages), found, len(allowed))})

	bad, err := m.With("leaks", leaks)
	if err != nil {
		t.Fatal(err)
	}
	want, lines := 0, map[int]bool{}
	for i, line := range strings.Split(leaks, "\n") {
		if strings.Contains(line, "// LEAK") {
			want, lines[i+1] = want+1, false
		}
	}
	missed, wrong := 0, 0
	for _, f := range Guard(bad, root) {
		if !strings.Contains(f.Where, "leaks.go:") {
			continue // of what both packages use
		}
		var n int
		_, _ = fmt.Sscanf(f.Where[strings.Index(f.Where, "leaks.go:"):], "leaks.go:%d", &n)
		if _, ok := lines[n]; !ok {
			t.Errorf("harmless, and found: %s", f)
			wrong++
		}
		lines[n] = true
	}
	for n, ok := range lines {
		if !ok {
			t.Errorf("not found: line %d: %s", n, strings.Split(leaks, "\n")[n-1])
			missed++
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Static PII guard", Control: true, N: want, Failures: missed + wrong, Number: "every planted leak is found, nothing harmless is",
		Result: fmt.Sprintf("%d of %d planted leaks found, %d harmless lines found", want-missed, want, wrong)})
}
