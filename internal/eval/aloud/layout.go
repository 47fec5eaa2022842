package aloud

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/digits"
)

// Limits of a folder of voices.
const (
	maxClips = 200_000
	maxBytes = 16 << 20
	maxClip  = 60 * time.Second
)

// Clip is one recording of digits.
type Clip struct {
	Path  string // in the folder, with slashes
	Lang  string // zh, en
	Voice string // unique within Lang
	Label string // what is said: one digit a character, y = 幺, o = "oh"
	Sound []int16
}

// Expect is the label in digits: what a challenge would have asked for.
func (c *Clip) Expect() string { return strings.NewReplacer("y", "1", "o", "0").Replace(c.Label) }

// Languages of the layout, in the order of a report, and the letters that each
// has beside the digits.
var languages = []struct{ id, letters string }{{"zh", "y"}, {"en", "o"}}

var (
	voicePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	filePattern  = regexp.MustCompile(`^([0-9yo]{1,32})_([0-9]{1,4})\.wav$`)
)

// Parse reads a path of the layout, <lang>/<speaker>/<label>_NN.wav, without
// opening the file. Errors: CodeInvalid, field "root".
func Parse(name string) (Clip, error) {
	bad := func(why string, args ...any) (Clip, error) {
		return Clip{}, faceproof.Errorf(faceproof.CodeInvalid, "root", "%.120q is not <lang>/<speaker>/<label>_NN.wav: %s", name, fmt.Sprintf(why, args...))
	}
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return bad("two folders, then a file")
	}
	i := slices.IndexFunc(languages, func(l struct{ id, letters string }) bool { return l.id == parts[0] })
	if i < 0 {
		return bad("the language is zh or en")
	}
	if !voicePattern.MatchString(parts[1]) {
		return bad("a speaker is lower case, digits, dot, dash, underscore")
	}
	m := filePattern.FindStringSubmatch(parts[2])
	if m == nil {
		return bad("a label of digits (y: 幺, o: “oh”), an underscore, a number, .wav")
	}
	for _, l := range languages {
		if l.id != parts[0] && strings.ContainsAny(m[1], l.letters) {
			return bad("%q is only said in %s", l.letters, l.id)
		}
	}
	return Clip{Path: name, Lang: parts[0], Voice: parts[1], Label: m[1]}, nil
}

// Load reads every clip under root, and their digest. Files at the top and in
// the folders of languages (a manifest, a note) are passed over, so are names
// that begin with a dot; anything else out of layout is CodeInvalid, field
// "root". voices, when given, are the only ones read.
func Load(root string, voices []string) (clips []Clip, digest string, err error) {
	if _, err := os.Stat(root); err != nil { // else the error would name "."
		return nil, "", err
	}
	tree := os.DirFS(root)
	var names []string
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || strings.Count(name, "/") < 2 && !strings.HasSuffix(name, ".wav"):
			return nil
		}
		if names = append(names, name); len(names) > maxClips {
			return faceproof.Errorf(faceproof.CodeInvalid, "root", "more than %d clips", maxClips)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	slices.Sort(names)
	all := sha256.New()
	met := map[string]bool{}
	for _, name := range names {
		c, err := Parse(name)
		if err != nil {
			return nil, "", err
		}
		met[c.Voice] = true
		if len(voices) > 0 && !slices.Contains(voices, c.Voice) {
			continue
		}
		data, err := readFile(tree, name)
		if err != nil {
			return nil, "", err
		}
		if c.Sound, err = readWAV(data, name); err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(data)
		fmt.Fprintf(all, "%s %x\n", name, sum)
		clips = append(clips, c)
	}
	for _, v := range voices {
		if !met[v] {
			return nil, "", faceproof.Errorf(faceproof.CodeInvalid, "voices", "there is no speaker %.40q under %s", v, root)
		}
	}
	if len(clips) == 0 {
		return nil, "", faceproof.Errorf(faceproof.CodeInvalid, "root", "%s has no <lang>/<speaker>/<label>_NN.wav", root)
	}
	slices.SortStableFunc(clips, func(a, b Clip) int { return cmp.Compare(order(a.Lang), order(b.Lang)) })
	return clips, hex.EncodeToString(all.Sum(nil)), nil
}

// order is the place of a language in a report.
func order(lang string) int {
	return slices.IndexFunc(languages, func(l struct{ id, letters string }) bool { return l.id == lang })
}

func readFile(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxBytes {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "root", "%s is no file of at most %d bytes", name, maxBytes)
	}
	return fs.ReadFile(tree, name)
}

func readWAV(data []byte, name string) ([]int16, error) {
	s, err := digits.ParseWAV(data, maxClip)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s.Samples, nil
}

// Other is a sound without digits.
type Other struct {
	Kind  string // the folder that it lies in, or how it was drawn
	Name  string
	Sound []int16
}

// LoadOther reads every WAV under dir: speech without digits, music, whatever an
// operator fears. A kind is the first folder; "speech" for files at the top.
func LoadOther(dir string) (others []Other, err error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	tree := os.DirFS(dir)
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(path.Ext(name), ".wav") {
			return err
		}
		kind, _, deep := strings.Cut(name, "/")
		if !deep {
			kind = "speech"
		}
		data, err := readFile(tree, name)
		if err != nil {
			return err
		}
		samples, err := readWAV(data, name)
		if err != nil {
			return err
		}
		if others = append(others, Other{Kind: kind, Name: name, Sound: samples}); len(others) > maxClips {
			return faceproof.Errorf(faceproof.CodeInvalid, "garbage", "more than %d sounds", maxClips)
		}
		return nil
	})
	if err == nil && len(others) == 0 {
		err = faceproof.Errorf(faceproof.CodeInvalid, "garbage", "%s has no WAV file", dir)
	}
	return others, err
}

// TrainedVoices are those that a calibration file says were heard in training:
// "data": {"train": ["…"]}.
func TrainedVoices(calibration []byte) []string {
	var c struct {
		Data struct {
			Train []string `json:"train"`
		} `json:"data"`
	}
	if json.Unmarshal(calibration, &c) != nil {
		return nil
	}
	return c.Data.Train
}
