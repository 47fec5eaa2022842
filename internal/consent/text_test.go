package consent

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"faceproof"
)

var update = flag.Bool("update", false, "write testdata anew")

// pageCase is one page for web/test/wording.test.ts, which builds it with the
// SDK's own code and looks for each line.
type pageCase struct {
	Lang    string         `json:"lang"`
	Session map[string]any `json:"session"`
	Text    string         `json:"text"`
}

var full = faceproof.Notice{Handler: "市图书馆 · City Library", Contact: "privacy@library.example", Purpose: "核对读者证 · check a reader's card", Necessity: "证会被借用 · cards are lent",
	RetentionDays: 30, Alternative: "到柜台办理 · at the desk", Place: "北京 · Beijing", Processors: "无 · none", Officer: "李某 · Ms Li"}

func cases(t *testing.T) []pageCase {
	t.Helper()
	plain := full
	plain.Place, plain.Processors, plain.Officer, plain.RetentionDays = "", "", "", 1
	sound, kept, child := full, full, full
	sound.Sound, kept.KeepsImage, child.Guardian = true, true, true
	var out []pageCase
	for _, lang := range []string{"zh", "en"} {
		for _, s := range []Shown{{Notice: plain}, {Notice: sound}, {Notice: kept}, {Notice: full, Video: true}, {Notice: child, Minor: faceproof.MinorGuardian}} {
			s.AppName, s.Lang = "图书 · Library", lang
			text, err := Text(s)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, pageCase{lang, map[string]any{"app": map[string]string{"name": s.AppName}, "notice": s.Notice, "notice_hash": s.Notice.Hash(),
				"masked_name": "*某", "upload_video": s.Video, "minor": string(s.Minor)}, text.Body})
		}
	}
	return out
}

func TestPages(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(cases(t)); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", "pages.json")
	if *update {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(want, b.Bytes()) {
		t.Errorf("testdata/pages.json is not what Text makes: go test ./internal/consent -update, and look at the difference (%v)", err)
	}
}

// Each field of the law is on the page, in each language, and no placeholder is
// left but the child's masked name, which is not kept.
func TestTextHasEveryField(t *testing.T) {
	for _, c := range cases(t) {
		deck := decks[Wording][c.Lang]
		for key := range deck {
			if regexp.MustCompile(`^notice\.[a-z]+$`).MatchString(key) && key != "notice.officer" && !strings.Contains(c.Text, deck[key]+": ") {
				t.Errorf("%s: no %s in\n%s", c.Lang, key, c.Text)
			}
		}
		if left := regexp.MustCompile(`\{\w+`).FindAllString(strings.ReplaceAll(c.Text, "{child}", ""), -1); left != nil {
			t.Errorf("%s: %v is left", c.Lang, left)
		}
		if strings.Count(c.Text, "[ ] ") < 2 || strings.Contains(c.Text, "[x]") {
			t.Errorf("%s: boxes", c.Text)
		}
	}
}

// Another field, language, version or box is another text, and the same is the same.
func TestTextHash(t *testing.T) {
	seen := map[string]bool{}
	base := Shown{AppName: "a", Notice: full, Lang: "zh"}
	shows := []Shown{base, {AppName: "b", Notice: full, Lang: "zh"}, {AppName: "a", Notice: full, Lang: "en"}, {AppName: "a", Notice: full, Lang: "zh", Video: true}, {AppName: "a", Notice: full, Lang: "zh", Minor: faceproof.MinorGuardian}}
	for _, change := range []func(*faceproof.Notice){func(n *faceproof.Notice) { n.Handler += "x" }, func(n *faceproof.Notice) { n.Purpose += "x" }, func(n *faceproof.Notice) { n.RetentionDays++ },
		func(n *faceproof.Notice) { n.Place = "" }, func(n *faceproof.Notice) { n.Sound = true }, func(n *faceproof.Notice) { n.AlternativeTo = "https://x" }} {
		s := base
		change(&s.Notice)
		shows = append(shows, s)
	}
	for i, s := range shows {
		a, err := Text(s)
		b, _ := Text(s)
		if err != nil || a != b || len(a.Hash) != 64 || seen[a.Hash] {
			t.Errorf("%d: %+v, %v", i, a, err)
		}
		seen[a.Hash] = true
	}
	base.Wording = Wording + 1
	if _, err := Text(base); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a version of tomorrow: %v", err)
	}
}

func TestReceipt(t *testing.T) {
	r := Receipt(bytes.Repeat([]byte{0xa5, 0x3c}, 16))
	if !regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(r) {
		t.Fatal(r)
	}
	want, err := HashReceipt(r, "receipt")
	if err != nil || len(want) != 32 {
		t.Fatal(err)
	}
	for _, typed := range []string{strings.ToLower(r), " " + strings.ReplaceAll(r, "-", " "), strings.ReplaceAll(r, "-", ""), strings.ReplaceAll(strings.ReplaceAll(r, "0", "O"), "1", "l")} {
		if got, err := HashReceipt(typed, "receipt"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, bad := range []string{"", r[1:], r + "0", "U" + r[1:], strings.Repeat("0", 1000), "汉字"} {
		if _, err := HashReceipt(bad, "receipt"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzHashReceipt(f *testing.F) {
	f.Add("0000-0000-0000-0000-0000-0000")
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := HashReceipt(s, "receipt"); (err == nil) != (len(h) == 32) {
			t.Errorf("%q: %x, %v", s, h, err)
		}
	})
}
