package piitest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"faceproof"
	"faceproof/internal/acceptance"
)

// Each canary is found in each encoding, wherever it begins, and nothing is found
// where there is none.
func TestPlantedCanariesAreFound(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 1))
	write := map[string]func(s string) string{
		"plain":  func(s string) string { return s },
		"URL":    url.QueryEscape,
		"Base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"hex":    func(s string) string { return hex.EncodeToString([]byte(s)) },
		"GBK":    func(s string) string { g, _ := simplifiedchinese.GBK.NewEncoder().String(s); return g },
		"JSON":   func(s string) string { return fmt.Sprintf("%+q", s) },
		"reversed": func(s string) string {
			out := ""
			for _, c := range s {
				out = string(c) + out
			}
			return out
		},
		"UTF-16": func(s string) string {
			out := ""
			for _, u := range utf16.Encode([]rune(s)) {
				out += string([]byte{byte(u), byte(u >> 8)})
			}
			return out
		},
	}
	tried, missed := 0, 0
	dir := t.TempDir()
	for i := range 50 {
		name, number := Invent(r)
		if _, err := faceproof.ParseIDNumber(number, "id", time.Now()); err != nil {
			t.Fatalf("invented %v", err)
		}
		other, otherNumber := Invent(r)
		for _, c := range []Canary{{"name", name}, {"number", number}} {
			s := NewScanner([]Canary{c})
			for _, enc := range Encodings {
				for shift := range 3 { // the places of Base64
					text := write[enc](strings.Repeat("x", shift) + c.Value + "y")
					if enc == "reversed" {
						text = write[enc](c.Value)
					}
					tried++
					if hits := s.Scan("here", []byte(strings.Repeat("z", r.IntN(9))+text+"z")); len(hits) == 0 {
						t.Errorf("a %s, %s, shifted by %d is not found", c.What, enc, shift)
						missed++
					}
				}
				if hits := s.Scan("here", []byte(write[enc](other+otherNumber))); len(hits) != 0 {
					t.Errorf("found where it is not: %v", hits)
				}
			}
		}
		if i == 0 {
			if err := os.WriteFile(filepath.Join(dir, "tmp"), []byte("\x00\x01"+write["GBK"](name)), 0o600); err != nil {
				t.Fatal(err)
			}
			s := NewScanner([]Canary{{"name", name}, {"number", number}})
			if hits, err := s.ScanTree(dir); err != nil || len(hits) != 1 || hits[0].Encoding != "GBK" || s.Bytes < 12 {
				t.Errorf("in a folder: %v, %v", hits, err)
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "PII in logs", Control: true, Seed: 33, N: tried, Failures: missed, Number: "a planted name or number is found in each of 8 encodings",
		Result: fmt.Sprintf("%d of %d planted found, Base64 at each of its three places", tried-missed, tried)})
}
