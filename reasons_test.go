package faceproof

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// Reasons lists all constants of the type, once each.
func TestReasons(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Reason
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Reason" {
				s, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				declared = append(declared, Reason(s))
			}
		}
		return true
	})
	if len(declared) < 30 || !slices.Equal(slices.Sorted(slices.Values(declared)), slices.Sorted(slices.Values(Reasons()))) {
		t.Errorf("declared %v, listed %v", declared, Reasons())
	}
}
