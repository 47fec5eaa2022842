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
	results := section(t, "### identify_ret and verify_ret")
	for _, ret := range append([]int{retPass2, retInProgress, retUnfinished}, values(reasonRet)...) {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\| [^|]*\b%d\b[^|]*\|`, ret)).MatchString(results) {
			t.Errorf("result %d is not documented", ret)
		}
	}
	clients := section(t, "## What a page gets")
	for _, code := range []int{clientArgs, clientNoModel, clientNoRight, clientIdentifyID, clientUserIDKey, clientTooFast, clientSystem, clientUnavailable, clientNotice} {
		if !strings.Contains(clients, fmt.Sprintf("| %d |", code)) {
			t.Errorf("errCode %d is not documented", code)
		}
	}
}

func values[K comparable](m map[K]int) (out []int) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
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
	for _, p := range []string{"config", "support", "sessions"} {
		if !strings.Contains(doc, "POST /v1/sdk/"+p) {
			t.Errorf("%s is not documented", p)
		}
	}
}
