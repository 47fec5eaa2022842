package modelpack

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"

	"faceproof"
	"faceproof/internal/modelpack/convert"
	"faceproof/models"
)

// maxFile bounds a file of a pack, and of what it is converted from, in bytes.
const maxFile = 256 << 20

// converters turns the networks of npm packages into ONNX, by kind.
var converters = map[string]func(convert.Files) ([]byte, error){
	KindBlazeFace:  convert.BlazeFace,
	KindFaceMesh:   convert.FaceMesh,
	KindDlibResNet: convert.DlibResNet,
}

// fromStateDict turns the state dicts of PyTorch into ONNX, by kind. That is done
// when a pack is loaded, in milliseconds: what is installed is the published file,
// under its published digest.
var fromStateDict = map[string]func([]byte) ([]byte, error){
	KindMiniFASNetV2:   convert.MiniFASNetV2,
	KindMiniFASNetV1SE: convert.MiniFASNetV1SE,
}

// manifest is one models/packs/*.toml.
type manifest struct {
	ID         string          `toml:"id"`
	Title      string          `toml:"title"`
	Continuity float64         `toml:"continuity"`
	Warning    manifestText    `toml:"warning"`
	Runtime    manifestRuntime `toml:"runtime"`
	Models     []manifestModel `toml:"model"`
	Flash      manifestFlash   `toml:"flash"`
	Match      manifestMatch   `toml:"match"`
}

type manifestText struct {
	En string `toml:"en"`
	Zh string `toml:"zh"`
}

// manifestRuntime is ONNX Runtime's library in an npm package.
type manifestRuntime struct {
	Package string       `toml:"package"`
	Version string       `toml:"version"`
	Licence string       `toml:"licence"`
	AMD64   manifestFile `toml:"linux-amd64"`
	ARM64   manifestFile `toml:"linux-arm64"`
}

type manifestFile struct {
	Path   string `toml:"path"`
	SHA256 string `toml:"sha256"`
	Bytes  int64  `toml:"bytes"`
}

// manifestModel is one network: fetched from URL, converted from a package, or
// carried by the program (a file of models.Weights, with the calibration beside
// it).
type manifestModel struct {
	ID      string           `toml:"id"`
	Role    Role             `toml:"role"`
	Kind    string           `toml:"kind"`
	File    string           `toml:"file"`
	SHA256  string           `toml:"sha256"`
	Bytes   int64            `toml:"bytes"`
	Licence string           `toml:"licence"`
	Source  string           `toml:"source"`
	Origin  string           `toml:"origin"`
	URL     string           `toml:"url"`
	Convert *manifestConvert `toml:"convert"`
	Input   manifestInput    `toml:"input"`

	Embedded    string `toml:"embedded"`
	Calibration string `toml:"calibration"`

	Context float64        `toml:"context"` // of RolePAD
	Ready   *manifestReady `toml:"ready"`   // of RolePAD: the same network as ONNX, for a mirror that has only that
}

type manifestReady struct {
	File   string `toml:"file"`
	SHA256 string `toml:"sha256"`
	Bytes  int64  `toml:"bytes"`
}

type manifestConvert struct {
	Package       string `toml:"package"`
	Version       string `toml:"version"`
	JSON          string `toml:"json"`
	JSONSHA256    string `toml:"json_sha256"`
	Weights       string `toml:"weights"`
	WeightsSHA256 string `toml:"weights_sha256"`
}

type manifestInput struct {
	Width  int        `toml:"width"`
	Height int        `toml:"height"`
	Color  string     `toml:"color"`
	Mean   [3]float32 `toml:"mean"`
	Std    [3]float32 `toml:"std"`
}

// manifestFlash is faceproof.ShapePolicy and the report that sets it.
type manifestFlash struct {
	faceproof.ShapePolicy
	Report string `toml:"report"`
}

// packIDs lists the packs that the binary knows.
func packIDs() []string {
	entries, _ := fs.ReadDir(models.Packs, "packs")
	var ids []string
	for _, e := range entries {
		ids = append(ids, strings.TrimSuffix(e.Name(), ".toml"))
	}
	sort.Strings(ids)
	return ids
}

// manifestOf reads the manifest of a pack. Errors: CodeInvalid, field "pack".
func manifestOf(id string) (*manifest, error) {
	if !slices.Contains(packIDs(), id) {
		return nil, invalid("pack", "there is no model pack %.40q; there are %s", id, strings.Join(packIDs(), ", "))
	}
	text, err := models.Packs.ReadFile("packs/" + id + ".toml")
	if err != nil {
		return nil, fmt.Errorf("modelpack: %w", err)
	}
	m, err := parseManifest(string(text))
	if err != nil {
		return nil, err
	}
	if m.ID != id {
		return nil, invalid("pack", "packs/%s.toml calls itself %q", id, m.ID)
	}
	return m, nil
}

// parseManifest reads and checks a manifest; an unknown key is an error, so that
// a misspelt threshold is never silently ignored.
func parseManifest(text string) (*manifest, error) {
	var m manifest
	meta, err := toml.Decode(text, &m)
	if err != nil {
		var syntax toml.ParseError
		message := err.Error()
		if errors.As(err, &syntax) {
			message = fmt.Sprintf("line %d: %s", syntax.Position.Line, syntax.Message)
		}
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "pack", Message: message, Err: err}
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, invalid("pack", "unknown key %q", unknown[0].String())
	}
	for _, key := range flashKeys {
		if !meta.IsDefined("flash", key) {
			return nil, invalid("pack", "flash.%s is missing", key)
		}
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	for i := range m.Models {
		if err := m.Models[i].resolve(); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// flashKeys must all be there: a threshold left out would be 0.
var flashKeys = []string{"min_l", "sure_l", "spoof_l", "min_kappa", "spoof_kappa", "max_spread", "max_cut", "spoof_cut", "accuse_amplitude", "report"}

var (
	idPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]{0,63}$`)
	filePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	packPattern = regexp.MustCompile(`^(@[a-z0-9-]+/)?[a-z0-9-]+$`)
)

// check refuses what the types allow but a pack does not.
func (m *manifest) check() error {
	if !idPattern.MatchString(m.ID) || m.Title == "" {
		return invalid("pack", "id %.64q or title is missing or malformed", m.ID)
	}
	if (m.Warning.En == "") != (m.Warning.Zh == "") {
		return invalid("pack", "the warning needs both languages")
	}
	if !packPattern.MatchString(m.Runtime.Package) || m.Runtime.Version == "" || m.Runtime.Licence == "" {
		return invalid("pack", "runtime needs package, version and licence")
	}
	for _, f := range []manifestFile{m.Runtime.AMD64, m.Runtime.ARM64} {
		if !inside(f.Path) || !isDigest(f.SHA256) || f.Bytes < 1 || f.Bytes > maxFile {
			return invalid("pack", "runtime needs path, sha256 and bytes for linux-amd64 and linux-arm64")
		}
	}
	have := map[Role]bool{}
	for i := range m.Models {
		if err := m.Models[i].check(); err != nil {
			return err
		}
		if role := m.Models[i].Role; have[role] && role != RolePAD {
			return invalid("pack", "two models have the role %s", role)
		} else {
			have[role] = true
		}
	}
	for _, role := range Roles {
		if !have[role] {
			return invalid("pack", "no model has the role %s", role)
		}
	}
	if err := m.Flash.check(); err != nil {
		return err
	}
	return m.checkMatch()
}

// check holds the thresholds to their order: a rejection is never nearer than a
// pass.
func (f *manifestFlash) check() error {
	switch {
	case f.Report == "":
		return invalid("pack", "flash.report is missing")
	case !(f.SpoofL < 0 && f.MinL > 0 && f.SureL >= f.MinL):
		return invalid("pack", "flash needs spoof_l < 0 < min_l ≤ sure_l")
	case !(f.SpoofKappa <= f.MinKappa && f.MinKappa < 0):
		return invalid("pack", "flash needs spoof_kappa ≤ min_kappa < 0")
	case !(f.MaxSpread > 0):
		return invalid("pack", "flash.max_spread is not positive")
	case !(f.MaxCut > 1 && f.SpoofCut >= f.MaxCut):
		return invalid("pack", "flash needs 1 < max_cut ≤ spoof_cut")
	case !(f.AccuseAmplitude > 0):
		return invalid("pack", "flash.accuse_amplitude is not positive")
	}
	return nil
}

// kindRoles says which role a kind of network can have.
var kindRoles = map[string]Role{
	KindYuNet: RoleDetector, KindBlazeFace: RoleDetector, KindFaceMesh: RoleLandmarks,
	KindMobileFaceNet: RoleEmbedder, KindDlibResNet: RoleEmbedder,
	KindCTCLogMel40: RoleSpeech, KindMiniFASNetV2: RolePAD, KindMiniFASNetV1SE: RolePAD,
}

func (m *manifestModel) check() error {
	bad := func(key string) error { return invalid("pack", "model %.64q: %s is missing or malformed", m.ID, key) }
	in := m.Input
	switch {
	case !idPattern.MatchString(m.ID):
		return bad("id")
	case !slices.Contains(Roles, m.Role) && m.Role != RoleSpeech && m.Role != RolePAD:
		return bad("role")
	case kindRoles[m.Kind] != m.Role:
		return bad("kind")
	case !filePattern.MatchString(m.File):
		return bad("file")
	case m.Licence == "":
		return bad("licence")
	case m.Source == "" || m.Origin == "":
		return bad("source or origin")
	case m.Role == RoleSpeech:
		return m.checkEmbedded(bad)
	case !isDigest(m.SHA256):
		return bad("sha256")
	case m.Bytes < 1 || m.Bytes > maxFile:
		return bad("bytes")
	case m.Embedded != "" || m.Calibration != "":
		return bad("embedded or calibration (only of the role speech)")
	case in.Width < 1 || in.Width > 4096 || in.Height < 1 || in.Height > 4096:
		return bad("input.width or input.height")
	case in.Color != "rgb" && in.Color != "bgr":
		return bad("input.color")
	case slices.ContainsFunc(in.Std[:], func(v float32) bool { return !(v > 0) }):
		return bad("input.std")
	case (m.URL == "") == (m.Convert == nil):
		return bad("url or convert (exactly one)")
	case (m.Role == RolePAD) != (m.Context != 0), m.Context != 0 && !(m.Context >= 1 && m.Context <= 10):
		return bad("context (of the role pad, 1 to 10)")
	case m.Role != RolePAD && m.Ready != nil, m.Role == RolePAD && m.URL == "":
		return bad("ready or url (of the role pad)")
	}
	if r := m.Ready; r != nil && (!filePattern.MatchString(r.File) || r.File == m.File || !isDigest(r.SHA256) || r.Bytes < 1 || r.Bytes > maxFile) {
		return bad("ready")
	}
	if m.URL != "" {
		u, err := url.Parse(m.URL)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return bad("url")
		}
		return nil
	}
	c := m.Convert
	if !packPattern.MatchString(c.Package) || c.Version == "" || !inside(c.JSON) || !inside(c.Weights) || !isDigest(c.JSONSHA256) || !isDigest(c.WeightsSHA256) || converters[m.Kind] == nil {
		return bad("convert")
	}
	return nil
}

// checkEmbedded holds a network that the program carries to just that.
func (m *manifestModel) checkEmbedded(bad func(string) error) error {
	switch {
	case m.URL != "" || m.Convert != nil || !inside(m.Embedded):
		return bad("embedded")
	case !inside(m.Calibration):
		return bad("calibration")
	case m.Input != manifestInput{}:
		return bad("input (of sound there is none)")
	case m.SHA256 != "" && !isDigest(m.SHA256), m.Bytes < 0 || m.Bytes > maxFile:
		return bad("sha256 or bytes")
	}
	return nil
}

// resolve fills in what the calibration of an embedded network pins: its digest.
// The two are trained, measured and committed together.
func (m *manifestModel) resolve() error {
	if m.Embedded == "" || m.SHA256 != "" {
		return nil
	}
	calibration, err := readEmbedded(m.Calibration)
	if err != nil {
		return err
	}
	var pin struct {
		SHA256 string `json:"sha256"`
	}
	if err := json.Unmarshal(calibration, &pin); err != nil || !isDigest(pin.SHA256) {
		return invalid("pack", "%s pins no network", m.Calibration)
	}
	network, err := readEmbedded(m.Embedded)
	m.SHA256, m.Bytes = pin.SHA256, int64(len(network))
	return err
}

// pinned is the network's file.
func (m *manifestModel) pinned() pinned {
	return pinned{name: m.File, sha256: m.SHA256, bytes: m.Bytes, embedded: m.Embedded}
}

// inside says whether p is a slash path that stays under its folder.
func inside(p string) bool { return fs.ValidPath(p) && p != "." && path.Clean(p) == p }

func isDigest(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32 && strings.ToLower(s) == s
}

// library gives the runtime's file for a machine, as runtime.GOOS and GOARCH
// name it. Errors: CodeInvalid, field "runtime".
func (m *manifest) library(goos, goarch string) (manifestFile, error) {
	switch goos + "/" + goarch {
	case "linux/amd64":
		return m.Runtime.AMD64, nil
	case "linux/arm64":
		return m.Runtime.ARM64, nil
	}
	return manifestFile{}, invalid("runtime", "pack %s has no ONNX Runtime for %s/%s", m.ID, goos, goarch)
}

// pack gives what Load returns; file turns a digest into an absolute path.
// Embedded files have been verified. The networks of RolePAD are left out: see
// folder.pad.
func (m *manifest) pack(library manifestFile, file func(sha256 string) string) (*Pack, error) {
	p := &Pack{
		ID: m.ID, Title: m.Title, Models: map[Role]Model{}, Continuity: m.Continuity, Flash: m.Flash.ShapePolicy,
		Warning: Text{En: m.Warning.En, Zh: m.Warning.Zh}, Runtime: file(library.SHA256),
		Match: m.match(),
	}
	for _, v := range m.Models {
		if v.Role == RolePAD {
			continue
		}
		model := v.model(file)
		if v.Embedded != "" {
			model.File = ""
			var err error
			if model.Data, err = readEmbedded(v.Embedded); err != nil {
				return nil, err
			}
			if model.Calibration, err = readEmbedded(v.Calibration); err != nil {
				return nil, err
			}
		}
		p.Models[v.Role] = model
	}
	return p, nil
}

// model gives what Load returns of one network.
func (m *manifestModel) model(file func(sha256 string) string) Model {
	return Model{
		ID: m.ID, Role: m.Role, Kind: m.Kind, Name: m.File, File: file(m.SHA256), SHA256: m.SHA256, Bytes: m.Bytes,
		Input:   Input{Width: m.Input.Width, Height: m.Input.Height, Color: m.Input.Color, Mean: m.Input.Mean, Std: m.Input.Std},
		Licence: m.Licence, Source: m.Source, Origin: m.Origin, Context: m.Context,
	}
}

// readEmbedded reads a file that the program carries.
func readEmbedded(name string) ([]byte, error) {
	b, err := models.Weights.ReadFile(name)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "pack", Message: "names a file that the program does not carry", Err: err}
	}
	return b, nil
}
