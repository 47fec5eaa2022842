package modelpack

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/models"
)

func TestPacksOfTheBinary(t *testing.T) {
	if got := packIDs(); !slices.Equal(got, []string{packOffline, packStandard}) {
		t.Fatalf("packs %v", got)
	}
	for _, id := range packIDs() {
		m, err := manifestOf(id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if m.Flash.ShapePolicy != faceproof.DefaultShapePolicy() {
			t.Errorf("%s: %+v is not the published default", id, m.Flash.ShapePolicy)
		}
		reports := []string{m.Flash.Report}
		for _, r := range m.match().Rows {
			for _, p := range r.Points {
				reports = append(reports, p.Report)
			}
		}
		for _, name := range reports {
			file, anchor, _ := strings.Cut(name, "#")
			path := filepath.Join("..", "..", filepath.FromSlash(file))
			if anchor == "" { // the folder of a report
				path = filepath.Join(path, "report.md")
			}
			report, err := os.ReadFile(path)
			if err != nil || anchor != "" && !slices.Contains(anchors(string(report)), anchor) {
				t.Errorf("%s: the report %s does not exist (%v)", id, name, err)
			}
		}
	}
	if _, err := manifestOf("none"); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "standard") {
		t.Errorf("unknown pack: %v", err)
	}
}

// anchors gives the anchors of a Markdown page's headings.
func anchors(page string) []string {
	var all []string
	for _, h := range regexp.MustCompile(`(?m)^#+ +(.*)$`).FindAllStringSubmatch(page, -1) {
		slug := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(h[1]), "")
		all = append(all, strings.ReplaceAll(slug, " ", "-"))
	}
	return all
}

// TestParseManifestRefuses changes one line of a real manifest at a time.
func TestParseManifestRefuses(t *testing.T) {
	text, err := models.Packs.ReadFile("packs/offline.toml")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][3]string{
		"unknown key":           {`continuity =`, `continuty =`, "continuty"},
		"unknown key in a row":  {`probe_frames = 2`, "probe_frames = 2\nprobe = 2", "probe"},
		"unknown table":         {`[match]`, "[metch]\n[match]", "metch"},
		"not TOML":              {`title =`, `title`, "line"},
		"wrong type":            {`width = 256`, `width = "256"`, "width"},
		"unknown role":          {`role = "landmarks"`, `role = "ears"`, "role"},
		"unknown kind":          {`kind = "facemesh"`, `kind = "earmesh"`, "kind"},
		"kind of another role":  {`kind = "facemesh"`, `kind = "blazeface"`, "kind"},
		"file with a path":      {`file = "facemesh.onnx"`, `file = "../facemesh.onnx"`, "file"},
		"short digest":          {`sha256 = "a3af4096`, `sha256 = "a3`, "sha256"},
		"upper-case digest":     {`sha256 = "a3af4096`, `sha256 = "A3AF4096`, "sha256"},
		"no size":               {`bytes = 2451001`, `bytes = 0`, "bytes"},
		"no licence":            {`licence = "Apache-2.0"`, `licence = ""`, "licence"},
		"no colour order":       {`color = "rgb"`, `color = "grb"`, "color"},
		"division by zero":      {`std = [255, 255, 255]`, `std = [255, 0, 255]`, "std"},
		"four channels":         {`std = [255, 255, 255]`, `std = [255, 255, 255, 255]`, "std"},
		"both sources":          {`file = "facemesh.onnx"`, "file = \"facemesh.onnx\"\nurl = \"https://host/x\"", "url"},
		"escape from a package": {`json = "models/facemesh.json"`, `json = "models/../../x"`, "convert"},
		"package with a path":   {`package = "@vladmandic/human"`, `package = "../human"`, "convert"},
		"runtime digest":        {`sha256 = "ffb75a92`, `sha256 = "`, "runtime"},
		"warning in one tongue": {`zh = `, `# `, "languages"},
		"metric":                {`metric = "l2"`, `metric = "l1"`, "metric"},
		"a flash threshold":     {`min_l = 2.0`, `min_ell = 2.0`, "min_ell"},
		"no flash threshold":    {`max_spread = 1.2`, ``, "flash.max_spread is missing"},
		"spoof over pass":       {`spoof_l = -3.0`, `spoof_l = 3.0`, "spoof_l"},
		"the sign of kappa":     {`min_kappa = -0.7`, `min_kappa = 0.7`, "kappa"},
		"spread":                {`max_spread = 1.2`, `max_spread = -1.0`, "spread"},
		"cut":                   {`max_cut = 2.0`, `max_cut = 4.0`, "cut"},
		"accuse":                {`accuse_amplitude = 0.03`, `accuse_amplitude = nan`, "accuse"},
		"no flash report":       {`report = "docs/evaluation.md#liveness-shape-veil-and-cuts"`, `report = ""`, "flash.report"},
		"continuity":            {`continuity = 0.50`, `continuity = 2.0`, "continuity"},
	} {
		changed := strings.Replace(string(text), c[0], c[1], 1)
		if changed == string(text) {
			t.Errorf("%s: nothing to change", name)
			continue
		}
		_, err := parseManifest(changed)
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestParseManifestRefusesRolesAndAddresses(t *testing.T) {
	text, err := models.Packs.ReadFile("packs/standard.toml")
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.SplitAfter(string(text), "[[model]]\n")
	if len(sections) != 7 {
		t.Fatalf("%d models, want 6", len(sections)-1)
	}
	sections[3] += sections[4] + sections[5] + sections[6]
	for name, c := range map[string]struct{ text, says string }{
		"missing role":       {sections[0] + sections[1] + sections[3], "no model has the role landmarks"},
		"role twice":         {sections[0] + sections[1] + sections[1] + sections[2] + sections[3], "two models have the role detector"},
		"no context":         {strings.Replace(string(text), "context = 2.7", "", 1), "context"},
		"no such kind":       {strings.Replace(string(text), `kind = "minifasnet-v2"`, `kind = "yunet"`, 1), "kind"},
		"ready digest":       {strings.Replace(string(text), `sha256 = "d6701181`, `sha256 = "`, 1), "ready"},
		"context of another": {strings.Replace(string(text), `role = "detector"`, "role = \"detector\"\ncontext = 2.0", 1), "context"},
		"no https":           {strings.Replace(string(text), `url = "https`, `url = "http`, 1), "url"},
		"no source":          {regexp.MustCompile(`(?m)^url = .*$`).ReplaceAllString(string(text), ""), "url or convert"},
	} {
		if _, err := parseManifest(c.text); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, id := range packIDs() {
		text, err := models.Packs.ReadFile("packs/" + id + ".toml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		if p, err := m.pack(m.Runtime.AMD64, func(s string) string { return s }); err == nil && (len(p.Models) < len(Roles) || p.Threshold(1, 1).Threshold <= 0) {
			t.Errorf("a pack with %d models was taken", len(p.Models))
		}
	})
}

// npmDir gives the installed npm packages, or skips the test; in CI, where they
// must be there, it fails instead.
func npmDir(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("FACEPROOF_NPM")
	if dir == "" {
		dir = filepath.Join("..", "..", "models", "npm", "node_modules")
	}
	if _, err := os.Stat(filepath.Join(dir, "@vladmandic", "human")); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
		}
		tb.Skip("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
	}
	return dir
}

// TestRealPacks installs the packs of the binary: that the converters still give
// the pinned bytes, and that the pinned bytes are those of the packages.
func TestRealPacks(t *testing.T) {
	npm, data, ctx := npmDir(t), t.TempDir(), context.Background()
	if _, err := Load(data, ""); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("nothing is installed: %v", err)
	}
	p, err := Install(ctx, InstallConfig{DataDir: data, NPMDir: npm, Pack: packOffline})
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != packOffline || p.Warning.En == "" || p.Warning.Zh == "" {
		t.Errorf("pack %q, warning %q", p.ID, p.Warning)
	}
	again, err := Load(data, "")
	if err != nil || again.ID != packOffline {
		t.Errorf("active pack: %v, %v", again, err)
	}
	// auto keeps the pack that the templates were made with, with no source left.
	if p, err = Install(ctx, InstallConfig{DataDir: data, NPMDir: t.TempDir(), Pack: PackAuto}); err != nil || p.ID != packOffline {
		t.Errorf("auto: %v, %v", p, err)
	}
	for _, machine := range []string{"amd64", "arm64"} {
		m, err := manifestOf(packStandard)
		if err != nil {
			t.Fatal(err)
		}
		lib, err := m.library("linux", machine)
		if err != nil {
			t.Fatal(err)
		}
		want := pinned{name: libraryName, sha256: lib.SHA256, bytes: lib.Bytes}
		if b, err := readPinned(filepath.Join(npm, m.Runtime.Package, lib.Path), want); err != nil || int64(len(b)) != lib.Bytes {
			t.Errorf("linux/%s: %d bytes, %v", machine, len(b), err)
		}
	}
	s, err := Verify(data, packOffline)
	if err != nil || !s.Ready || !s.Active || len(s.Files) != 5 || s.Files[4].Role != RoleSpeech {
		t.Errorf("verify: %+v, %v", s, err)
	}
	change(t, p.Models[RoleEmbedder].File, damages["a flipped bit"])
	s, err = Verify(data, packOffline)
	if err != nil || s.Ready || s.Files[3].State != "damaged" || !strings.Contains(s.Files[3].Error, "expected sha256") {
		t.Errorf("verify after damage: %+v, %v", s, err)
	}
	all, err := List(data)
	if err != nil || len(all) != 2 || all[1].Ready || all[1].Files[1].State != "missing" || all[1].Files[2].State != "ok" {
		t.Errorf("list: %+v, %v", all, err)
	}
}

// A network that the program carries needs no folder, but its digest.
func TestEmbedded(t *testing.T) {
	w := newWorld(t)
	const name = "digits/digits.json" // any file that is carried
	b, err := models.Weights.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	speech := manifestModel{ID: "ears", Role: RoleSpeech, Kind: KindCTCLogMel40, File: "ears.onnx", SHA256: digest(b), Bytes: int64(len(b)),
		Licence: "MIT", Source: "a test", Origin: "a test", Embedded: name, Calibration: name}
	w.manifest.Models = append(w.manifest.Models, speech)
	if err := w.manifest.check(); err != nil {
		t.Fatal(err)
	}
	p, err := w.install(t, w.mirror)
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Models[RoleSpeech]; m.File != "" || digest(m.Data) != m.SHA256 || len(m.Calibration) == 0 {
		t.Errorf("%s: file %q, %d and %d bytes", m.ID, m.File, len(m.Data), len(m.Calibration))
	}
	if slices.Contains(w.stored(t), digest(b)) {
		t.Error("stored in the folder too")
	}
	for field, change := range map[string]func(*manifestModel){
		"url":         func(m *manifestModel) { m.URL = "https://example.org/x" },
		"embedded":    func(m *manifestModel) { m.Embedded = "../x" },
		"calibration": func(m *manifestModel) { m.Calibration = "" },
		"input":       func(m *manifestModel) { m.Input.Width = 1 },
		"kind":        func(m *manifestModel) { m.Kind = KindYuNet },
		"role":        func(m *manifestModel) { m.Role = RoleDetector },
	} {
		m := speech
		if change(&m); faceproof.ErrorCode(m.check()) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", field, m.check())
		}
	}
	last := &w.manifest.Models[len(w.manifest.Models)-1]
	pinned := manifestModel{Embedded: "digits/digits.onnx", Calibration: name}
	if err := pinned.resolve(); err != nil || !isDigest(pinned.SHA256) || pinned.Bytes == 0 {
		t.Errorf("the calibration pins %q, %d bytes, %v", pinned.SHA256, pinned.Bytes, err)
	}
	for what, m := range map[string]manifestModel{
		"no calibration": {Embedded: name, Calibration: "digits/none.json"},
		"no JSON":        {Embedded: name, Calibration: "digits/digits.onnx"},
		"no network":     {Embedded: "digits/none.onnx", Calibration: name},
	} {
		if err := m.resolve(); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, m := range map[string][2]string{
		"another digest": {strings.Repeat("0", 64), name},
		"no such file":   {digest(b), "digits/none.onnx"},
	} {
		last.SHA256, last.Embedded = m[0], m[1]
		if _, err := w.load(t); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}
