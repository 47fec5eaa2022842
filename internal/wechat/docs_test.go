package wechat

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// section gives the part of docs/wechat.md under a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/wechat.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("docs/wechat.md has no %q", heading)
	}
	rest, _, _ = strings.Cut(rest, "\n#")
	return rest
}

var firstCell = regexp.MustCompile(`(?m)^\| ([^|]+) \|`)

// The document lists every code that is answered, and no other.
func TestDocumentedCodes(t *testing.T) {
	var documented, answered []int
	for _, m := range firstCell.FindAllStringSubmatch(section(t, "### errcode"), -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			documented = append(documented, n)
		}
	}
	for code := range texts {
		answered = append(answered, code)
	}
	slices.Sort(documented)
	slices.Sort(answered)
	if !slices.Equal(documented, answered) {
		t.Errorf("errcodes:\ndocumented %v\nanswered   %v", documented, answered)
	}
	clients := section(t, "## What a page gets")
	for _, code := range []int{clientArgs, clientNoModel, clientNoRight, clientIdentifyID, clientUserIDKey, clientTooFast, clientLimit, clientSystem, clientUnavailable, clientNotice} {
		if !strings.Contains(clients, fmt.Sprintf("| %d |", code)) {
			t.Errorf("errCode %d is not documented", code)
		}
	}
}

// The document shows the one table of results.
func TestDocumentedResults(t *testing.T) {
	var b strings.Builder
	b.WriteString("| reason | 1.0 `identify_ret` | 2.0 `verify_ret` | page `errCode` | 含义 | meaning |\n|---|---|---|---|---|---|\n")
	for _, r := range codeTable {
		fmt.Fprintf(&b, "| `%s` | %d | %d | %d | %s | %s |\n", r.Reason, r.Ret1, r.Ret2, r.Client, r.Zh, r.En)
	}
	fmt.Fprintf(&b, "| – | – | %d | – | 正在检测中 | the capture runs: ask again |\n", retInProgress)
	fmt.Fprintf(&b, "| – | – | %d | – | 未完成核身 | never begun, or ended without a decision |\n", retUnfinished)
	const path, begin, end = "../../docs/wechat.md", "<!-- results: go test ./internal/wechat -update -->\n", "<!-- /results -->"
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/wechat.md has no place for the results")
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != b.String() {
		t.Error("docs/wechat.md shows other results (-update writes them)")
	}
}

// The document lists every interface.
func TestDocumentedInterfaces(t *testing.T) {
	doc := section(t, "## Server interfaces") + section(t, "## The SDK's own calls")
	for _, e := range endpoints() {
		method := "GET"
		if e.post {
			method = "POST"
		}
		if !strings.Contains(doc, fmt.Sprintf("| `%s` | %s |", e.path, method)) {
			t.Errorf("%s %s is not documented", method, e.path)
		}
	}
	for _, p := range []string{"config", "support", "sessions", "code"} {
		if !strings.Contains(doc, "POST /v1/sdk/"+p) {
			t.Errorf("%s is not documented", p)
		}
	}
}
