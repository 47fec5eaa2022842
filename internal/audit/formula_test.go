package audit

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"

	"faceproof/internal/acceptance"
)

// formula is what a spreadsheet evaluates: a sign at the start, after blanks and
// separators that some skip.
var formula = regexp.MustCompile(`^[\s\x{a0}\x{3000},;"']*[=+\-@|%＝＋－＠\t\r\n]`)

// A thousand texts that want to be formulas are cells of text after the export.
func TestFormulas(t *testing.T) {
	const n, seed = 1000, 48
	starts := []string{"=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠", " =", "\u00a0=", "\u3000=", ",=", ";=", "\"=", "  @", "\t="}
	bodies := []string{"cmd|'/c calc'!A1", "HYPERLINK(\"https://evil.example\")", "1+1", "SUM(1,2)", "WEBSERVICE(\"x\")", "\",=1+1", "\n=1+1", "DDE(\"a\";\"b\")"}
	r := rand.New(rand.NewPCG(seed, 0))
	var b bytes.Buffer
	c, err := NewCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	plain := 0 // the control: what an export without the apostrophe would hold
	for range n {
		text := func() string {
			s := starts[r.IntN(len(starts))] + bodies[r.IntN(len(bodies))]
			if formula.MatchString(s) {
				plain++
			}
			return s
		}
		rec := Record{}
		rec.Actor, rec.Action, rec.Object, rec.Detail = text(), text(), text(), text()
		if err := c.Add(Row{Record: rec}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != n+1 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	wrong := 0
	for _, row := range rows {
		for _, cell := range row {
			if formula.MatchString(cell) && cell[0] != '\'' {
				wrong++
				t.Errorf("%q is a formula", cell)
			}
		}
	}
	if plain != 4*n {
		t.Errorf("only %d of %d payloads are formulas", plain, 4*n)
	}
	acceptance.Record(t, acceptance.Row{Area: "SQLi / XSS / CSV", Seed: seed, N: 4 * n, Failures: wrong, Result: fmt.Sprintf("CSV: %d cells that want to be formulas in %d rows, read by a sheet's parser: %d are", 4*n, n, wrong)})
}
