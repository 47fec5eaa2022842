package faceproof

import (
	"bufio"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house that a machine can check. docs/decisions.md says why.

// imports lists, for each package of the product, which packages of the product
// its non-test files may import. A package that is not listed may not exist.
var imports = map[string][]string{
	".": {},
	// level 0
	"internal/signal":            {},
	"internal/draw":              {},
	"internal/radiance":          {},
	"internal/imaging":           {"."},
	"internal/onnx":              {"."},
	"internal/modelpack":         {".", "internal/modelpack/convert", "models"},
	"internal/modelpack/convert": {".", "internal/modelpack/statedict"},
	// state dicts of PyTorch: bytes to tensors, nothing run
	"internal/modelpack/statedict": {"."},
	"internal/eval/score":          {},
	"internal/eval/svg":            {},
	"internal/eval/pages":          {"."}, // reports as files, in both languages
	"internal/clock":               {},
	"internal/pace":                {}, // token buckets, a bounded number of them
	"internal/metrics":             {"."},
	"internal/keys":                {"."},
	"internal/egress":              {"."},                    // connections to addresses that others name
	"internal/passkey":             {"."},                    // WebAuthn
	"internal/oidc":                {".", "internal/egress"}, // OpenID Connect
	"internal/audit":               {"."},                    // the audit log as evidence; it knows no database
	"internal/audit/bucket":        {".", "internal/audit"},  // heads in an object store
	"internal/gallery":             {"."},                    // 1:N over templates; it knows no person
	"internal/failpoint":           {},                       // breaks the program on purpose, with a build tag only
	"internal/acceptance":          {},                       // what tests measured; only tests and build/acceptance call it
	"models":                       {},
	"eval/protocols":               {},
	"web":                          {},
	// level 1
	"internal/capture": {"."},
	"internal/flash":   {".", "internal/draw", "internal/radiance", "internal/signal"},
	"internal/face":    {".", "internal/imaging", "internal/onnx", "internal/modelpack", "internal/signal"},
	"internal/simcam":  {".", "internal/capture", "internal/flash", "internal/imaging", "internal/radiance"},
	"internal/blob":    {".", "internal/failpoint", "internal/keys"},
	"internal/store":   {".", "internal/audit", "internal/failpoint", "internal/keys"},
	// internal/digits is pure; its recogniser runs a network
	"internal/digits":     {".", "internal/draw", "internal/flash", "internal/signal"},
	"internal/digits/asr": {".", "internal/digits", "internal/modelpack", "internal/onnx"},
	// where frames come from
	"internal/provenance": {".", "internal/imaging"},
	"internal/registry":   {".", "internal/gallery"},
	// voices for training the recogniser; it meets no person of the product
	"internal/voicebank": {".", "internal/blob", "internal/capture", "internal/digits", "internal/draw"},
	// what a person consents to, and how they take it back
	"internal/consent": {"."},
	// the duties of whoever keeps faces: working days, the annex, who was touched
	"internal/privacy": {"."},
	// level 2
	"internal/analysis": {".", "internal/capture", "internal/digits", "internal/face", "internal/flash", "internal/imaging", "internal/provenance"},
	"internal/verify":   {".", "internal/capture", "internal/consent", "internal/digits", "internal/flash", "internal/keys", "internal/pace"},
	// one desk for the command line and the admin API: the same steps, in the same order
	"internal/onboarding": {"."},
	// messages to the apps, and the people who run the server
	"internal/webhook": {".", "internal/egress", "internal/keys"},
	"internal/admin":   {".", "internal/keys", "internal/oidc", "internal/passkey"},
	// level 3
	"internal/server": {".", "internal/admin", "internal/oidc", "internal/verify", "internal/capture", "internal/consent", "internal/onboarding", "internal/pace", "internal/registry", "internal/voicebank", "web"},
	"internal/wechat": {".", "internal/verify"},
	// strings of digits against the recogniser; pure, so that its tests need no networks
	"internal/eval/aloud": {".", "internal/digits", "internal/eval/pages", "internal/eval/score"},
	// pictures against the networks of passive PAD; no session is played
	"internal/eval/pad":   {".", "internal/eval/score", "internal/face", "internal/imaging"},
	"internal/eval/faces": {".", "internal/eval/pages", "internal/eval/score", "internal/eval/svg", "internal/face", "internal/imaging", "internal/modelpack"},
	"internal/eval":       {".", "internal/analysis", "internal/capture", "internal/digits", "internal/eval/aloud", "internal/eval/pages", "internal/eval/score", "internal/eval/svg", "internal/face", "internal/flash", "internal/imaging", "internal/simcam"},
	// how fast a machine verifies: the server's own parts on filmed sessions
	"internal/bench": {".", "internal/analysis", "internal/capture", "internal/eval", "internal/face", "internal/flash", "internal/imaging", "internal/simcam", "internal/verify"},
	// docs/acceptance.md from what tests measured
	"build/acceptance": {"internal/acceptance"},
	// level 4
	"cmd/faceproof": {"*"},
}

// cgo lists the only packages that may reach the one cgo package, internal/onnx;
// everything else builds and tests with CGO_ENABLED=0.
var cgo = []string{"internal/onnx", "internal/face", "internal/digits/asr", "internal/analysis", "internal/eval", "internal/bench", "internal/eval/faces", "internal/eval/pad", "cmd/faceproof"}

// forbidden names say nothing about what a package is for.
var forbidden = []string{"util", "utils", "common", "types", "service", "pkg", "mock", "errors", "logger", "manager", "helper"}

// long lists files over maxLines, with the reason.
var long = map[string]string{}

const maxLines = 500

// only says which packages may import a foreign module.
var only = map[string][]string{
	"github.com/yalue/onnxruntime_go":     {"internal/onnx"},
	"github.com/tink-crypto/tink-go":      {"internal/keys"},
	"github.com/emmansun/gmsm":            {"internal/keys"},
	"modernc.org/sqlite":                  {"internal/store"},
	"golang.org/x/mod":                    {"internal/audit", "internal/store"},
	"github.com/pressly/goose":            {"internal/store"},
	"github.com/coder/websocket":          {"internal/server"},
	"github.com/prometheus/client_golang": {"internal/metrics"},
	"github.com/spf13/cobra":              {"cmd/faceproof"},
	"github.com/go-webauthn/webauthn":     {"internal/passkey"},
	"github.com/coreos/go-oidc":           {"internal/oidc"},
	"golang.org/x/oauth2":                 {"internal/oidc"},
	"github.com/minio/minio-go":           {"internal/audit/bucket"},
	"golang.org/x/crypto":                 {"cmd/faceproof"},                                                                                                                       // ACME
	"math/rand":                           {},                                                                                                                                      // challenges come from crypto/rand
	"math/rand/v2":                        {"internal/flash", "internal/eval", "internal/eval/aloud", "internal/bench", "internal/eval/faces", "internal/simcam", "cmd/faceproof"}, // the candidates of a test and the conditions of a simulation, seeded
}

// sources calls f for each Go file of the product, with its slash path.
func sources(t *testing.T, f func(path string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "data" || name == "testdata" || name == "e2e") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			f(filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	reaches := map[string][]string{}
	sources(t, func(path string) {
		dir := filepath.ToSlash(filepath.Dir(path))
		for _, part := range strings.Split(dir, "/") {
			if slices.Contains(forbidden, part) {
				t.Errorf("%s: %q says nothing about what a package is for", path, part)
			}
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		test := strings.HasSuffix(path, "_test.go") || strings.HasSuffix(dir, "test")
		allowed, listed := imports[dir]
		if !listed && !test {
			t.Errorf("%s: package %s is not in the plan of the house", path, dir)
			return
		}
		seen[dir] = true
		for _, spec := range file.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			if test {
				continue
			}
			for module, who := range only {
				if (p == module || strings.HasPrefix(p, module+"/")) && !(module == "math/rand" && p == "math/rand/v2") && !slices.Contains(who, dir) {
					t.Errorf("%s imports %s, which only %v may", path, p, who)
				}
			}
			if p != "faceproof" && !strings.HasPrefix(p, "faceproof/") {
				if dir == "." && strings.Contains(strings.Split(p, "/")[0], ".") {
					t.Errorf("%s: the vocabulary imports only the standard library, not %s", path, p)
				}
				continue
			}
			to := "."
			if p != "faceproof" {
				to = strings.TrimPrefix(p, "faceproof/")
			}
			reaches[dir] = append(reaches[dir], to)
			if !slices.Contains(allowed, "*") && !slices.Contains(allowed, to) {
				t.Errorf("%s: %s may not import %s", path, dir, to)
			}
		}
	})
	for dir := range imports {
		if !seen[dir] {
			t.Errorf("%s is in the plan of the house but not in the tree", dir)
		}
	}
	var reach func(from string) bool
	reach = func(from string) bool {
		return from == "internal/onnx" || slices.ContainsFunc(reaches[from], reach)
	}
	for dir := range seen {
		if reach(dir) && !slices.Contains(cgo, dir) && !strings.HasSuffix(dir, "test") {
			t.Errorf("%s reaches cgo; only %v may", dir, cgo)
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	sources(t, func(path string) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			lines++
		}
		if _, ok := long[path]; lines > maxLines && !ok {
			t.Errorf("%s has %d lines; split it, or say why in arch_test.go", path, lines)
		}
	})
}
