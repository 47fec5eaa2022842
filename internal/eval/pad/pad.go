// Package pad measures passive presentation attack detection on pictures of real
// people and of attacks, in the words of ISO/IEC 30107-3. It asks the networks of
// an installed pack, with the product's own crops and its own rule of which frames
// count; no session is played.
package pad

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/eval/score"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// The two folders of a collection; under each, one folder a set or a species.
const (
	BonaFide = "bona_fide"
	Attack   = "attack"
)

// Limits of a collection.
const (
	maxPictures = 100_000
	maxFrames   = 200 // of one presentation
)

// Presentation is one picture, or the pictures of one capture.
type Presentation struct {
	Kind  string // BonaFide or Attack
	Set   string // or species of instrument
	Name  string // slash path under the root
	Files []string
}

// List reads what is under root: bona_fide/<set>/ and attack/<species>/, in them
// pictures (a presentation each) and folders of pictures (one presentation each,
// judged by its middle score as a session is). digest is of names and bytes.
// Errors: CodeInvalid, field "root".
func List(root string) (all []Presentation, digest string, err error) {
	h := sha256.New()
	n := 0
	err = filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return faceproof.Errorf(faceproof.CodeInvalid, "root", "%.200q cannot be read", root)
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		part := strings.Split(name, "/")
		if d.IsDir() || !slices.Contains([]string{".jpg", ".jpeg", ".png"}, strings.ToLower(path.Ext(name))) {
			return nil
		}
		if len(part) < 3 || len(part) > 4 || part[0] != BonaFide && part[0] != Attack {
			return faceproof.Errorf(faceproof.CodeInvalid, "root", "%.200q is not bona_fide/<set>/ or attack/<species>/, with pictures or folders of pictures in it", name)
		}
		if n++; n > maxPictures {
			return faceproof.Errorf(faceproof.CodeInvalid, "root", "more than %d pictures", maxPictures)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return faceproof.Errorf(faceproof.CodeInvalid, "root", "%.200q cannot be read", name)
		}
		fmt.Fprintf(h, "%s\n%x\n", name, sha256.Sum256(b))
		one := strings.Join(part[:min(len(part), 3)], "/")
		if last := len(all) - 1; last >= 0 && len(part) == 4 && all[last].Name == one {
			all[last].Files = append(all[last].Files, file)
			return nil
		}
		all = append(all, Presentation{Kind: part[0], Set: part[1], Name: one, Files: []string{file}})
		return nil
	})
	if err == nil && len(all) == 0 {
		err = faceproof.Errorf(faceproof.CodeInvalid, "root", "has no bona_fide/<set>/ or attack/<species>/ with pictures")
	}
	for _, p := range all {
		if len(p.Files) > maxFrames && err == nil {
			err = faceproof.Errorf(faceproof.CodeInvalid, "root", "%.200q has more than %d pictures", p.Name, maxFrames)
		}
	}
	return all, hex.EncodeToString(h.Sum(nil)), err
}

// Result is what became of one presentation.
type Result struct {
	Kind  string  `json:"kind"`
	Set   string  `json:"set"`
	Light float64 `json:"light,omitempty"` // of a bona fide presentation that was darkened: the share of its light that is left
	Name  string  `json:"name"`
	Faces int     `json:"faces"` // pictures with a face
	// Looks are the scores of these, and the surroundings seen: also of those that
	// do not count.
	Looks []faceproof.PADFrame `json:"looks,omitempty"`
	faceproof.PADEvidence
}

// Config says what to measure.
type Config struct {
	Engine        *face.Engine // with networks for PAD
	Policy        faceproof.PADPolicy
	Presentations []Presentation
	// Dark scales the linear light of each bona fide presentation by each of these,
	// beside the picture as it is: a simulation of a dark room without its noise.
	Dark     []float64
	Progress func(done, total int)
}

// Measure judges every presentation.
func Measure(ctx context.Context, c Config) (*Report, error) {
	if !c.Engine.HasPAD() {
		return nil, faceproof.Errorf(faceproof.CodeUnavailable, "pad", "no networks for passive presentation attack detection are installed")
	}
	var all []Result
	for i, p := range c.Presentations {
		lights := []float64{1}
		if p.Kind == BonaFide {
			lights = append(lights, c.Dark...)
		}
		votes := make([][]faceproof.PADFrame, len(lights))
		faces := make([]int, len(lights))
		for _, file := range p.Files {
			m, err := read(file)
			if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
				continue // no picture: no response
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.Name, err)
			}
			for k, light := range lights {
				v, ok, err := look(ctx, c.Engine, scaled(m, light))
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.Name, err)
				}
				if ok {
					votes[k], faces[k] = append(votes[k], v), faces[k]+1
				}
			}
		}
		for k, light := range lights {
			r := Result{Kind: p.Kind, Set: p.Set, Name: p.Name, Faces: faces[k], Looks: votes[k]}
			if light != 1 {
				r.Set, r.Light = r.Set+fmt.Sprintf(" × %g", light), light
			}
			if e := faceproof.PADOf(votes[k], 1); e != nil {
				r.PADEvidence = *e
			}
			all = append(all, r)
		}
		if c.Progress != nil {
			c.Progress(i+1, len(c.Presentations))
		}
	}
	return Judge(all, c.Policy), nil
}

// look judges the largest face of a picture; false: there is none.
func look(ctx context.Context, e *face.Engine, m *imaging.Image) (faceproof.PADFrame, bool, error) {
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return faceproof.PADFrame{}, false, err
	}
	p, err := e.PAD(ctx, m, faces[0].Box)
	return faceproof.PADFrame{Live: p.Live, Reach: p.Reach}, err == nil, err
}

func read(file string) (*imaging.Image, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "root", "is gone")
	}
	if err != nil {
		return nil, err
	}
	return imaging.Decode(b, imaging.PhotoLimits)
}

// scaled is the picture with its linear light times k, in whole values again.
func scaled(m *imaging.Image, k float64) *imaging.Image {
	if k == 1 {
		return m
	}
	var table [256]uint8
	for v := range table {
		table[v] = imaging.FromLinear(imaging.Linear(uint8(v)) * float32(k))
	}
	out := imaging.New(m.W, m.H)
	for i, v := range m.Pix {
		out.Pix[i] = table[v]
	}
	return out
}

// Report is the whole measurement; the results are in it, so that Judge gives the
// rates again.
type Report struct {
	Date    string              `json:"date,omitempty"`
	Version string              `json:"version,omitempty"`
	Pack    string              `json:"pack,omitempty"`
	Models  []string            `json:"models,omitempty"` // SHA-256 of the files
	Root    string              `json:"root,omitempty"`   // digest of the collection
	Policy  faceproof.PADPolicy `json:"policy"`
	Rules   []Rule              `json:"rules"`
	Results []Result            `json:"results"`
}

// Rule is what a threshold makes of the sets: a score below it is an attack.
type Rule struct {
	Threshold float64 `json:"threshold"`
	Sets      []Set   `json:"sets"`
	// APCER is that of the worst species, BPCER of all bona fide presentations as
	// they are (without the darkened), ACER their mean.
	APCER score.Rate `json:"apcer"`
	BPCER score.Rate `json:"bpcer"`
	ACER  float64    `json:"acer"`
}

// Set counts one set of bona fide presentations, or one species of attack.
type Set struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	score.Outcomes
	Error score.Rate `json:"error"`       // APCER or BPCER
	None  score.Rate `json:"no_response"` // APNRR or BPNRR: no face, or no frame that counts
}

// thresholds are those of the published tables, beside the policy's own.
var thresholds = []float64{.5, .7}

// Judge counts results by the rule.
func Judge(results []Result, p faceproof.PADPolicy) *Report {
	r := &Report{Policy: p, Results: results}
	cuts := append([]float64{p.PADSpoof}, thresholds...)
	slices.Sort(cuts)
	for _, at := range slices.Compact(cuts) {
		r.Rules = append(r.Rules, judge(results, at))
	}
	return r
}

func judge(results []Result, at float64) Rule {
	rule := Rule{Threshold: at}
	var bona score.Outcomes
	for _, x := range results {
		i := slices.IndexFunc(rule.Sets, func(s Set) bool { return s.Kind == x.Kind && s.Name == x.Set })
		if i < 0 {
			i = len(rule.Sets)
			rule.Sets = append(rule.Sets, Set{Kind: x.Kind, Name: x.Set})
		}
		into := []*score.Outcomes{&rule.Sets[i].Outcomes}
		if x.Kind == BonaFide && x.Light == 0 {
			into = append(into, &bona)
		}
		for _, o := range into {
			switch {
			case x.Frames == 0:
				o.Inconclusive++
			case x.Score < at:
				o.Rejected++
			default:
				o.Accepted++
			}
		}
	}
	rule.BPCER = bona.BPCER()
	for i := range rule.Sets {
		s := &rule.Sets[i]
		if s.Kind == BonaFide {
			s.Error, s.None = s.BPCER(), s.BPNRR()
			continue
		}
		s.Error, s.None = s.APCER(), s.APNRR()
		if s.Error.N > 0 && (rule.APCER.N == 0 || s.Error.Rate > rule.APCER.Rate) {
			rule.APCER = s.Error
		}
	}
	rule.ACER = (rule.APCER.Rate + rule.BPCER.Rate) / 2
	return rule
}
