package onboarding

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"faceproof"
)

// The document lists every category with its licences, every state and every
// field, and says of no paper that the documentation names it when we do.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/onboarding.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	rows := map[string][]string{}
	for _, line := range strings.Split(doc, "\n") {
		if cells := strings.Split(strings.Trim(line, "| "), " | "); len(cells) == 5 {
			rows[strings.Trim(cells[0], "`")] = cells
		}
	}
	for _, c := range faceproof.Categories() {
		row, ok := rows[c.ID]
		if !ok || row[1] != c.Zh || row[2] != c.En || row[4] != map[bool]string{true: "yes", false: "no"}[c.Documented] {
			t.Errorf("category %s: %q", c.ID, row)
			continue
		}
		var papers []string
		for _, word := range strings.Fields(row[3]) {
			if strings.HasPrefix(word, "`") {
				papers = append(papers, strings.Trim(word, "`"))
			}
		}
		if fmt.Sprint(papers) != fmt.Sprint(c.Requires) {
			t.Errorf("category %s requires %v, the document says %v", c.ID, c.Requires, papers)
		}
	}
	for _, s := range []faceproof.ApplicationState{faceproof.ApplicationDraft, faceproof.ApplicationSubmitted, faceproof.ApplicationApproved, faceproof.ApplicationRejected} {
		if !strings.Contains(doc, "`"+string(s)+"`") {
			t.Errorf("state %s is not documented", s)
		}
	}
	form := reflect.TypeFor[FormJSON]()
	for i := range form.NumField() {
		if name := form.Field(i).Tag.Get("json"); !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("field %s is not documented", name)
		}
	}
}
