package faceproof

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every component of the standard is listed once, under the name that it has in
// JSON, and every hint is one of the closed set, with words in both languages.
func TestComponentsList(t *testing.T) {
	raw, err := json.Marshal(Components{})
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]int
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("challenge.go")
	if err != nil {
		t.Fatal(err)
	}
	var hints []string
	for _, m := range regexp.MustCompile(`Hint = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		hints = append(hints, m[1])
	}
	list := Components{}.List()
	if len(list) != len(members) {
		t.Errorf("%d components, %d members", len(list), len(members))
	}
	for _, c := range list {
		if _, ok := members[c.Name]; !ok {
			t.Errorf("%s is no member", c.Name)
		}
		if c.Hint != HintNone && !slices.Contains(hints, string(c.Hint)) {
			t.Errorf("%s: hint %q is not in the closed set", c.Name, c.Hint)
		}
		if c.Hint == HintNone && c.Name != "unified_quality_score" {
			t.Errorf("%s: no hint", c.Name)
		}
	}
	for _, file := range []string{"web/core/text/zh.ts", "web/core/text/en.ts"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hints {
			if !strings.Contains(string(text), "'hint."+h+"'") {
				t.Errorf("%s has no words for %s", file, h)
			}
		}
	}
	// Each value stands under its own name.
	for i, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range members {
			if !yield(n) {
				return
			}
		}
	}) {
		var c Components
		if err := json.Unmarshal([]byte(`{"`+name+`":`+string(rune('1'+i%9))+`}`), &c); err != nil {
			t.Fatal(err)
		}
		for _, one := range c.List() {
			if (one.Name == name) != (one.Score != 0) {
				t.Errorf("%s: %+v", name, one)
			}
		}
	}
}
