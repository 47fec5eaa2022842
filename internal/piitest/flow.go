package piitest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Kind says what a value may hold.
type Kind uint8

// The kinds.
const (
	Person Kind = 1 << iota // a name, an ID number, a template
	Secret                  // a bearer token, an app secret
)

// flow is which objects of the module may hold what. Fields are one for all
// values of their type.
type flow struct {
	m       *Module
	holds   map[types.Object]Kind
	results map[*types.Func][]Kind
	named   []*types.Named // of the module, that interfaces may stand for
	calls   map[*ast.CallExpr][]*types.Func
	behind  map[*types.Func][]*types.Func
	quiet   map[*types.Func]bool
	changed bool
}

// sensitive are the types that wrap what must not be seen.
var sensitive = map[string]Kind{"faceproof.Name": Person, "faceproof.IDNumber": Person, "faceproof.Template": Person, "faceproof.Token": Secret}

// raw are the functions whose first argument is such a text before it is wrapped.
var raw = map[string]Kind{"faceproof.ParseName": Person, "faceproof.ParseIDNumber": Person, "faceproof.NewToken": Secret}

// harmless are the functions whose results say nothing of what went in: hashes,
// keyed indexes, sealed values, masked names. By the end of their full name.
var harmless = []string{".Index", ".Seal", ".SealAs", ".HashToken", ".CertHash", ".Masked", ".md5Hex", ".tokenFacts", "sha256.Sum256", ".Signature",
	"hmac.Equal", "subtle.ConstantTimeCompare", "faceproof.LogText", "faceproof.ParseIDNumber", "faceproof.ParseName", "faceproof.NewToken", "faceproof.ErrorCode"}

// solve follows values until nothing new is found.
func solve(m *Module) *flow {
	f := &flow{m: m, holds: map[types.Object]Kind{}, results: map[*types.Func][]Kind{},
		calls: map[*ast.CallExpr][]*types.Func{}, behind: map[*types.Func][]*types.Func{}, quiet: map[*types.Func]bool{}}
	for _, p := range m.Packages {
		for _, name := range p.Types.Scope().Names() {
			if t, ok := p.Types.Scope().Lookup(name).(*types.TypeName); ok {
				if n, ok := t.Type().(*types.Named); ok && !types.IsInterface(n) {
					f.named = append(f.named, n)
				}
			}
		}
	}
	for f.changed = true; f.changed; {
		f.changed = false
		for _, p := range m.Packages {
			for _, file := range p.Files {
				for _, d := range file.Decls {
					var fn *types.Func
					if fd, ok := d.(*ast.FuncDecl); ok {
						fn, _ = p.Info.Defs[fd.Name].(*types.Func)
					}
					f.walk(p, d, fn)
				}
			}
		}
	}
	return f
}

// walk takes in one declaration; fn is the function it is in, nil for none.
func (f *flow) walk(p *Package, n ast.Node, fn *types.Func) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit: // its results go wherever it is called: not followed
			f.walk(p, n.Body, nil)
			return false
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if len(n.Rhs) == len(n.Lhs) {
					f.give(p, l, f.of(p, n.Rhs[i]))
				} else {
					f.give(p, l, f.part(p, n.Rhs[0], i))
				}
			}
		case *ast.ValueSpec:
			for i, l := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					f.give(p, l, f.of(p, n.Values[i]))
				case len(n.Values) == 1:
					f.give(p, l, f.part(p, n.Values[0], i))
				}
			}
		case *ast.RangeStmt:
			f.give(p, n.Key, f.of(p, n.X)*f.carries(p, n.Key))
			f.give(p, n.Value, f.of(p, n.X))
		case *ast.CompositeLit:
			f.literal(p, n)
		case *ast.ReturnStmt:
			f.give2(p, n, fn)
		case *ast.CallExpr:
			f.call(p, n)
		case *ast.SendStmt:
			f.give(p, n.Chan, f.of(p, n.Value))
		}
		return true
	})
}

// carries is 1 for what may hold text and 0 for what cannot.
func (f *flow) carries(p *Package, e ast.Expr) Kind {
	if e == nil {
		return 0
	}
	t := p.Info.TypeOf(e)
	if t == nil || !holdsText(t, 0) {
		return 0
	}
	return 1
}

// holdsText says whether values of a type may hold text.
func holdsText(t types.Type, depth int) bool {
	if depth > 4 {
		return true
	}
	switch types.TypeString(t, nil) {
	case "error", "context.Context", "*net/http.Request", "net/http.ResponseWriter", "time.Time":
		return false // an error is looked at where it is made; the others are carried everywhere
	}
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&types.IsString != 0
	case *types.Slice:
		if b, ok := t.Elem().Underlying().(*types.Basic); ok && (b.Kind() == types.Byte || b.Kind() == types.Rune || b.Kind() == types.Float32) {
			return true
		}
		return holdsText(t.Elem(), depth+1)
	case *types.Pointer:
		return holdsText(t.Elem(), depth+1)
	case *types.Map:
		return holdsText(t.Elem(), depth+1) || holdsText(t.Key(), depth+1)
	case *types.Struct:
		for field := range t.Fields() {
			if holdsText(field.Type(), depth+1) {
				return true
			}
		}
		return false
	case *types.Array:
		return holdsText(t.Elem(), depth+1)
	case *types.Chan:
		return holdsText(t.Elem(), depth+1)
	case *types.Signature:
		return false
	}
	return true // interfaces
}

func (f *flow) mark(o types.Object, k Kind) {
	if v, ok := o.(*types.Var); ok && v.IsField() && !f.m.own(o.Pkg()) {
		return // one for all values of a foreign type: http.Cookie's would be everybody's
	}
	if o != nil && k != 0 && f.holds[o]|k != f.holds[o] {
		f.holds[o] |= k
		f.changed = true
	}
}

// give says that e, which is assigned to, may hold k.
func (f *flow) give(p *Package, e ast.Expr, k Kind) {
	if k == 0 || e == nil {
		return
	}
	switch e := e.(type) {
	case *ast.Ident:
		o := p.Info.Defs[e]
		if o == nil {
			o = p.Info.Uses[e]
		}
		if o != nil && e.Name != "_" && holdsText(o.Type(), 0) {
			f.mark(o, k)
		}
	case *ast.SelectorExpr:
		if o := p.Info.Uses[e.Sel]; o != nil && holdsText(o.Type(), 0) {
			f.mark(o, k)
		}
	case *ast.IndexExpr:
		f.give(p, e.X, k)
	case *ast.SliceExpr:
		f.give(p, e.X, k)
	case *ast.StarExpr:
		f.give(p, e.X, k)
	case *ast.ParenExpr:
		f.give(p, e.X, k)
	case *ast.UnaryExpr:
		f.give(p, e.X, k)
	}
}

// give2 notes what a return gives.
func (f *flow) give2(p *Package, n *ast.ReturnStmt, fn *types.Func) {
	if fn == nil {
		return
	}
	count := fn.Signature().Results().Len()
	for i := range count {
		k := Kind(0)
		switch {
		case len(n.Results) == count:
			k = f.of(p, n.Results[i])
		case len(n.Results) == 1:
			k = f.part(p, n.Results[0], i)
		case len(n.Results) == 0:
			k = f.holds[fn.Signature().Results().At(i)]
		}
		r := f.results[fn]
		for len(r) < count {
			r = append(r, 0)
		}
		if holdsText(fn.Signature().Results().At(i).Type(), 0) && r[i]|k != r[i] {
			r[i] |= k
			f.changed = true
		}
		f.results[fn] = r
	}
}

func (f *flow) literal(p *Package, n *ast.CompositeLit) {
	s, _ := types.Unalias(p.Info.TypeOf(n)).Underlying().(*types.Struct)
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && s != nil {
				f.mark(p.Info.Uses[id], f.of(p, kv.Value))
			}
		} else if s != nil && i < s.NumFields() {
			f.mark(s.Field(i), f.of(p, e))
		}
	}
}

// part is what result i of an expression with several results may hold.
func (f *flow) part(p *Package, e ast.Expr, i int) Kind {
	c, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		if i == 0 { // v, ok := x.(T), m[k], <-c
			return f.of(p, e)
		}
		return 0
	}
	t, ok := p.Info.TypeOf(c).(*types.Tuple)
	if !ok || i >= t.Len() || !holdsText(t.At(i).Type(), 0) {
		return 0
	}
	return f.result(p, c, i)
}

// of is what an expression may hold as plain text: a sensitive type alone is
// not (it prints ***); what Reveal gives is.
func (f *flow) of(p *Package, e ast.Expr) Kind {
	switch e := e.(type) {
	case *ast.Ident:
		return f.holds[p.Info.Uses[e]]
	case *ast.SelectorExpr:
		k := f.holds[p.Info.Uses[e.Sel]]
		return k
	case *ast.ParenExpr:
		return f.of(p, e.X)
	case *ast.StarExpr:
		return f.of(p, e.X)
	case *ast.UnaryExpr:
		return f.of(p, e.X)
	case *ast.IndexExpr:
		return f.of(p, e.X)
	case *ast.SliceExpr:
		return f.of(p, e.X)
	case *ast.TypeAssertExpr:
		return f.of(p, e.X)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return f.of(p, e.X) | f.of(p, e.Y)
		}
	case *ast.CompositeLit:
		k := Kind(0)
		for _, x := range e.Elts {
			if kv, ok := x.(*ast.KeyValueExpr); ok {
				x = kv.Value
			}
			k |= f.of(p, x)
		}
		return k
	case *ast.CallExpr:
		return f.result(p, e, 0)
	}
	return 0
}

var plain = strings.NewReplacer("(*", "", "(", "", ")", "")

// name is a function's full name without type parameters and stars.
func name(fn *types.Func) string {
	return plain.Replace(fn.FullName())
}

func (f *flow) isHarmless(fn *types.Func) bool {
	is, known := f.quiet[fn]
	if !known {
		full := name(fn)
		is = slices.ContainsFunc(harmless, func(s string) bool { return strings.HasSuffix(full, s) })
		f.quiet[fn] = is
	}
	return is
}
