// Package piitest reads the source of the product and says where a person's name
// or number, or a secret, could reach a text that is printed, logged, traced,
// put into an error or into an address. It follows values through assignments,
// fields, calls, results and interfaces of the whole module, without regard to
// order or branches: what it does not find is not there, within the limits that
// Guard names; what it finds may be harmless.
package piitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// Module is the product's own packages with their types; tests are left out.
type Module struct {
	Fset     *token.FileSet
	Packages []*Package // in the order of their imports
	exports  map[string]string
	importer types.Importer
}

// Package is one of them.
type Package struct {
	Path  string
	Files []*ast.File
	Types *types.Package
	Info  *types.Info
}

// Load reads the module at dir with the go command, which builds what is not
// built yet.
func Load(dir string) (*Module, error) {
	c := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles,CgoFiles,Module,Standard", "./...")
	c.Dir = dir
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, complaint.Bytes())
	}
	m := &Module{Fset: token.NewFileSet(), exports: map[string]string{}}
	type listed struct {
		ImportPath, Export, Dir string
		GoFiles, CgoFiles       []string
		Standard                bool
		Module                  *struct{ Main bool }
	}
	var own []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		m.exports[p.ImportPath] = p.Export
		if !p.Standard && p.Module != nil && p.Module.Main {
			own = append(own, p)
		}
	}
	m.importer = importer.ForCompiler(m.Fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(m.exports[path]) })
	for _, p := range own {
		if len(p.CgoFiles) > 0 {
			return nil, fmt.Errorf("%s has files with cgo, which are not read", p.ImportPath)
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(m.Fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		if err := m.add(p.ImportPath, files); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// With gives the module and one more package, of this source.
func (m *Module) With(path, source string) (*Module, error) {
	out := *m
	out.Packages = append([]*Package(nil), m.Packages...)
	f, err := parser.ParseFile(m.Fset, path+".go", source, 0)
	if err != nil {
		return nil, err
	}
	return &out, out.add(path, []*ast.File{f})
}

func (m *Module) add(path string, files []*ast.File) error {
	p := &Package{Path: path, Files: files, Info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}, Implicits: map[ast.Node]types.Object{}}}
	var err error
	if p.Types, err = (&types.Config{Importer: m}).Check(path, m.Fset, files, p.Info); err != nil {
		return err
	}
	m.Packages = append(m.Packages, p)
	return nil
}

// Import gives the module's own packages as they were read here, so that an
// object is the same one everywhere, and others from their export data.
func (m *Module) Import(path string) (*types.Package, error) {
	for _, p := range m.Packages {
		if p.Path == path {
			return p.Types, nil
		}
	}
	return m.importer.Import(path)
}
