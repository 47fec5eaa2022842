package piitest

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
)

// callee gives what a call may run: the function itself, or for an interface's
// method every method of the module that may be behind it.
func (f *flow) callee(p *Package, c *ast.CallExpr) []*types.Func {
	out, known := f.calls[c]
	if !known {
		out = f.find(p, c)
		f.calls[c] = out
	}
	return out
}

func (f *flow) find(p *Package, c *ast.CallExpr) []*types.Func {
	var id *ast.Ident
	switch e := ast.Unparen(c.Fun).(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	case *ast.IndexExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			id = x
		} else if s, ok := e.X.(*ast.SelectorExpr); ok {
			id = s.Sel
		}
	}
	if id == nil {
		return nil
	}
	fn, ok := p.Info.Uses[id].(*types.Func)
	if !ok {
		return nil
	}
	fn = fn.Origin()
	out, known := f.behind[fn]
	if !known {
		out = f.implementations(fn)
		f.behind[fn] = out
	}
	return out
}

func (f *flow) implementations(fn *types.Func) []*types.Func {
	out := []*types.Func{fn}
	recv := fn.Signature().Recv()
	if recv == nil || !types.IsInterface(recv.Type()) {
		return out
	}
	iface := recv.Type().Underlying().(*types.Interface)
	for _, n := range f.named {
		if n.TypeParams().Len() > 0 || !types.Implements(types.NewPointer(n), iface) {
			continue
		}
		if o, _, _ := types.LookupFieldOrMethod(types.NewPointer(n), true, fn.Pkg(), fn.Name()); o != nil {
			if m, ok := o.(*types.Func); ok && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// own says whether the body of a function is in the module.
func (f *flow) own(fn *types.Func) bool { return f.m.own(fn.Pkg()) }

func (m *Module) own(of *types.Package) bool {
	return of != nil && slices.ContainsFunc(m.Packages, func(p *Package) bool { return p.Types == of })
}

// call hands arguments over to parameters, and knows the raw texts.
func (f *flow) call(p *Package, c *ast.CallExpr) {
	for _, fn := range f.callee(p, c) {
		if k := raw[name(fn)]; k != 0 && len(c.Args) > 0 {
			f.giveText(p, c.Args[0], k)
			continue
		}
		if !f.own(fn) || f.isHarmless(fn) || fn.Pkg().Path() == "faceproof" && fn.Name() == "Errorf" {
			continue
		}
		params := fn.Signature().Params()
		for i, a := range c.Args {
			if k := f.of(p, a); k != 0 && params.Len() > 0 {
				if param := params.At(min(i, params.Len()-1)); holdsText(param.Type(), 0) {
					f.mark(param, k)
				}
			}
		}
	}
	// copy and json.Unmarshal fill what they are given.
	if fns := f.callee(p, c); len(fns) == 1 && name(fns[0]) == "encoding/json.Unmarshal" && len(c.Args) == 2 {
		f.give(p, c.Args[1], f.of(p, c.Args[0]))
	} else if id, ok := c.Fun.(*ast.Ident); ok && id.Name == "copy" && len(c.Args) == 2 {
		f.give(p, c.Args[0], f.of(p, c.Args[1]))
	}
}

// giveText marks where a raw text came from.
func (f *flow) giveText(p *Package, e ast.Expr, k Kind) {
	if c, ok := ast.Unparen(e).(*ast.CallExpr); ok && len(c.Args) == 1 {
		e = c.Args[0] // string(x), strings.TrimSpace(x)
	}
	f.give(p, e, k)
}

// result is what result i of a call may hold.
func (f *flow) result(p *Package, c *ast.CallExpr, i int) Kind {
	if tv := p.Info.Types[c.Fun]; tv.IsType() { // a conversion
		return f.of(p, c.Args[0]) * f.carries(p, c)
	}
	fns := f.callee(p, c)
	if len(fns) == 0 {
		if id, ok := ast.Unparen(c.Fun).(*ast.Ident); ok && id.Name == "append" || ok && (id.Name == "min" || id.Name == "max") {
			return f.args(p, c)
		}
		return 0
	}
	k := Kind(0)
	for _, fn := range fns {
		recv := fn.Signature().Recv()
		switch {
		case fn.Name() == "Reveal" && recv != nil:
			if !f.id(p, c) {
				k |= sensitive[types.TypeString(recv.Type(), nil)]
			}
		case f.isHarmless(fn):
		case f.own(fn):
			if r := f.results[fn]; i < len(r) {
				k |= r[i]
			}
		case f.carries(p, c) != 0 || isTuple(p, c):
			k |= f.args(p, c)
			if s, ok := ast.Unparen(c.Fun).(*ast.SelectorExpr); ok && recv != nil {
				k |= f.of(p, s.X) // strings.Builder, bytes.Buffer …
			}
		}
	}
	return k
}

// id says whether a call is keys.NewHex(…).Reveal(): a random number that is used
// as an id.
func (f *flow) id(p *Package, c *ast.CallExpr) bool {
	s, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	made, ok := s.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	by := f.callee(p, made)
	return len(by) == 1 && name(by[0]) == "faceproof/internal/keys.NewHex"
}

func isTuple(p *Package, c *ast.CallExpr) bool { _, ok := p.Info.TypeOf(c).(*types.Tuple); return ok }

func (f *flow) args(p *Package, c *ast.CallExpr) (k Kind) {
	for _, a := range c.Args {
		k |= f.of(p, a)
	}
	return k
}

// Finding is a place where a sensitive value may be told.
type Finding struct {
	Where string // file:line, from the module's root
	Func  string // in which function
	Sink  string // what would tell
	What  Kind
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s may be given a %s", f.Where, f.Func, f.Sink, map[Kind]string{Person: "person's name, number or face", Secret: "secret", Person | Secret: "person's or a secret"}[f.What])
}

// sinks tell what they are given, by package; those of fmt make the text that is
// then told.
var sinks = []string{"fmt", "log", "log/slog", "errors", "net/url", "expvar", "runtime/trace", "runtime/pprof", "database/sql", "go.opentelemetry.io/", "github.com/prometheus/"}

// sinkFuncs are single ones.
var sinkFuncs = []string{"faceproof.Errorf", "net/http.NewRequest", "net/http.NewRequestWithContext", "net/http.Redirect", "net/http.Error",
	"net/http.Header.Set", "net/http.Header.Add", "net/http.SetCookie"}

// read lists functions of those packages that only read.
var read = []string{"Parse", "ParseQuery", "ParseRequestURI", "As", "Is", "Join", "Unwrap", "Get", "Has", "Sscan", "Sscanf", "Query", "Hostname", "Port", "IsAbs", "PathUnescape", "QueryUnescape", "Scan"}

func sink(fn *types.Func) bool {
	if fn.Pkg() == nil || slices.Contains(read, fn.Name()) {
		return false
	}
	if slices.Contains(sinkFuncs, name(fn)) {
		return true
	}
	return slices.ContainsFunc(sinks, func(s string) bool {
		return fn.Pkg().Path() == s || strings.HasSuffix(s, "/") && strings.HasPrefix(fn.Pkg().Path(), s)
	})
}

// Guard gives every place of the module where a sensitive value, plain or
// wrapped, may be told. It does not follow reflection, results of function values, fields of foreign types, contexts and requests,
// or what a file, the database or the network gives back.
func Guard(m *Module, root string) []Finding {
	f := solve(m)
	var out []Finding
	for _, p := range m.Packages {
		for _, file := range p.Files {
			for _, d := range file.Decls {
				in := "a variable"
				if fd, ok := d.(*ast.FuncDecl); ok {
					in = fd.Name.Name
				}
				ast.Inspect(d, func(n ast.Node) bool {
					what, by := f.told(p, n)
					if what != 0 {
						at := m.Fset.Position(n.Pos())
						rel, err := filepath.Rel(root, at.Filename)
						if err != nil {
							rel = at.Filename
						}
						out = append(out, Finding{fmt.Sprintf("%s:%d", filepath.ToSlash(rel), at.Line), p.Path + "." + in, by, what})
					}
					return true
				})
			}
		}
	}
	return out
}

// told says what a node would tell.
func (f *flow) told(p *Package, n ast.Node) (what Kind, by string) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" && len(n.Args) == 1 {
			return f.plainOrWrapped(p, n.Args[0]), "panic"
		}
		for _, fn := range f.callee(p, n) {
			if sink(fn) {
				args := n.Args
				if strings.HasPrefix(name(fn), "net/http.NewRequest") { // its address; a body is no text that stays
					args = args[len(args)-2 : len(args)-1]
				}
				for _, a := range args {
					what |= f.plainOrWrapped(p, a)
				}
				return what, name(fn)
			}
		}
	case *ast.CompositeLit:
		t := types.TypeString(types.Unalias(p.Info.TypeOf(n)), nil)
		if t != "faceproof.Error" && t != "faceproof.AuditEntry" && t != "net/url.URL" && t != "net/url.Values" {
			return 0, ""
		}
		return f.of(p, n), t
	}
	return 0, ""
}

func (f *flow) plainOrWrapped(p *Package, e ast.Expr) Kind {
	t := p.Info.TypeOf(e)
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsString == 0 {
		return 0
	}
	return f.of(p, e) | wrapped(t, 0)
}

// wrapped says whether a type is a sensitive one or has one inside.
func wrapped(t types.Type, depth int) (k Kind) {
	t = types.Unalias(t)
	if k := sensitive[types.TypeString(t, nil)]; k != 0 || depth > 3 {
		return k
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return wrapped(u.Elem(), depth+1)
	case *types.Slice:
		return wrapped(u.Elem(), depth+1)
	case *types.Struct:
		for field := range u.Fields() {
			k |= wrapped(field.Type(), depth+1)
		}
	}
	return k
}
