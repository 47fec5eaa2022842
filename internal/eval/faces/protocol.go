package faces

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"faceproof"
)

// Limits of a protocol: outside text, though of the operator's own.
const (
	maxProtocol = 64 << 10 // bytes
	maxSets     = 20
	maxText     = 400 // bytes of a sentence
	maxFrames   = 32
	maxDraws    = 200
	maxGroups   = 20
)

// Text is a sentence for people.
type Text struct {
	En string `toml:"en" json:"en"`
	Zh string `toml:"zh" json:"zh"`
}

// Protocol says which pictures are compared, and how.
type Protocol struct {
	ID     string `toml:"id"`
	Title  Text   `toml:"title"`
	Source Text   `toml:"source"` // what the pictures are, for the report; may be empty
	Root   string `toml:"root"`   // folder below the one that is given
	Face   string `toml:"face"`   // which face of a picture: "largest" (as the server does) or "center"; empty: largest
	Groups Groups `toml:"groups"`
	Sets   []Set  `toml:"set"`

	Digest string `toml:"-"` // SHA-256 of the text, hexadecimal
}

// Groups names a table of persons: one column holds the person, and either
// another holds the group or everybody in it belongs to Listed.
type Groups struct {
	File   string          `toml:"file"`   // below Root; .tsv is split at tabs, all else at commas
	Person string          `toml:"person"` // column
	Group  string          `toml:"group"`  // column
	Listed string          `toml:"listed"` // group of everybody in the file
	Others string          `toml:"others"` // group of everybody else; empty: none
	Names  map[string]Text `toml:"names"`  // of groups, for people
}

// The kinds of Set.
const (
	KindPairs   = "pairs"   // LFW's pairs.txt: folds of genuine and impostor pairs
	KindCSV     = "csv"     // two files and same or different in a row
	KindFolders = "folders" // all pictures of all persons against each other
)

// Set is one set of comparisons.
type Set struct {
	Name     string   `toml:"name"`
	Title    Text     `toml:"title"`
	Kind     string   `toml:"kind"`
	File     string   `toml:"file"`     // pairs, csv: the list, below Root
	Columns  []string `toml:"columns"`  // csv: of the two files and of the answer
	Pictures string   `toml:"pictures"` // folder of the pictures, below Root
	// Person finds the person, and perhaps the attempt, in a picture's path
	// below Pictures: a regular expression whose group "person" (or first group)
	// is the person. Pictures of one person with the same group "attempt" are
	// frames of one attempt and are averaged. What does not match is left out.
	// Empty: the folder.
	Person string            `toml:"person"`
	Same   map[string]string `toml:"same"` // persons that are another one: name → name
	// Frames that are averaged on each side, folders only; 0 and 1: single
	// pictures. Each draw deals a person's pictures anew.
	ProbeFrames     int `toml:"probe_frames"`
	ReferenceFrames int `toml:"reference_frames"`
	Draws           int `toml:"draws"`
	// Calibrate puts the set into the report's table of thresholds.
	Calibrate bool `toml:"calibrate"`

	person *regexp.Regexp
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ParseProtocol reads a protocol. An unknown key is an error. Errors are
// CodeInvalid, field "protocol".
func ParseProtocol(text []byte) (*Protocol, error) {
	if len(text) > maxProtocol || !utf8.Valid(text) {
		return nil, invalid("is over %d bytes or no UTF-8", maxProtocol)
	}
	var p Protocol
	meta, err := toml.Decode(string(text), &p)
	if err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return nil, invalid("line %d: %s", syntax.Position.Line, syntax.Message)
		}
		return nil, invalid("%s", err.Error())
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, invalid("unknown key %.64q", unknown[0].String())
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	p.Digest = hex.EncodeToString(sum[:])
	return &p, nil
}

func invalid(format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "protocol", format, args...)
}

func (t Text) check() bool {
	return t.En != "" && t.Zh != "" && len(t.En) <= maxText && len(t.Zh) <= maxText && !strings.ContainsAny(t.En+t.Zh, "|\n\r")
}

// below says that a path stays within the folder that it is relative to.
func below(p string) bool {
	return p == "" || !path.IsAbs(p) && !strings.ContainsAny(p, "\\\x00") && path.Clean(p) == strings.TrimSuffix(p, "/") && p != ".." && !strings.HasPrefix(p, "../")
}

func (p *Protocol) check() error {
	if p.Face == "" {
		p.Face = pickLargest
	}
	g := p.Groups
	switch {
	case !namePattern.MatchString(p.ID):
		return invalid("id %.64q is missing or malformed", p.ID)
	case !p.Title.check():
		return invalid("title needs en and zh, one line each")
	case p.Source != Text{} && !p.Source.check():
		return invalid("source needs en and zh, one line each")
	case !below(p.Root):
		return invalid("root must be a folder below the one that is given")
	case p.Face != pickLargest && p.Face != pickCenter:
		return invalid("face is %.20q, want largest or center", p.Face)
	case len(p.Sets) == 0 || len(p.Sets) > maxSets:
		return invalid("needs 1 to %d sets", maxSets)
	case g.File == "" && (g.Person != "" || g.Group != "" || g.Listed != "" || g.Others != ""):
		return invalid("groups needs a file")
	case g.File != "" && (!below(g.File) || g.Person == "" || (g.Group == "") == (g.Listed == "")):
		return invalid("groups needs file, person and either group or listed")
	case len(g.Names) > maxGroups:
		return invalid("at most %d names of groups", maxGroups)
	}
	for id, t := range g.Names {
		if !t.check() {
			return invalid("the name of group %.64q needs en and zh, one line each", id)
		}
	}
	seen := map[string]bool{}
	for i := range p.Sets {
		s := &p.Sets[i]
		if err := s.check(); err != nil {
			return err
		}
		if seen[s.Name] {
			return invalid("two sets are called %q", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}

func (s *Set) check() error {
	bad := func(format string, args ...any) error {
		return invalid("set %.64q: "+format, append([]any{s.Name}, args...)...)
	}
	s.ProbeFrames, s.ReferenceFrames, s.Draws = max(s.ProbeFrames, 1), max(s.ReferenceFrames, 1), max(s.Draws, 1)
	folders := s.Kind == KindFolders
	switch {
	case !namePattern.MatchString(s.Name):
		return bad("the name is missing or malformed")
	case !s.Title.check():
		return bad("title needs en and zh, one line each")
	case s.Kind != KindPairs && s.Kind != KindCSV && !folders:
		return bad("kind is %.20q, want pairs, csv or folders", s.Kind)
	case !below(s.File) || !below(s.Pictures):
		return bad("file and pictures must stay below the root")
	case (s.File == "") != folders:
		return bad("pairs and csv need a file, folders none")
	case (s.Kind == KindCSV) != (len(s.Columns) == 3):
		return bad("csv needs three columns: both files and the answer")
	case !folders && (s.Person != "" || len(s.Same) > 0 || s.ProbeFrames > 1 || s.ReferenceFrames > 1 || s.Draws > 1):
		return bad("person, same, frames and draws are for folders")
	case s.Calibrate && !folders:
		return bad("thresholds are taken from folders")
	case s.ProbeFrames > maxFrames || s.ReferenceFrames > maxFrames || s.Draws > maxDraws:
		return bad("at most %d frames and %d draws", maxFrames, maxDraws)
	case s.Draws > 1 && s.single():
		return bad("draws are for averaged frames")
	}
	if s.Person == "" {
		s.Person = `^(?:.*/)?(?P<person>[^/]+)/[^/]+$`
	}
	var err error
	if s.person, err = regexp.Compile(s.Person); err != nil || s.person.NumSubexp() == 0 {
		return bad("person must be a regular expression with a group")
	}
	if s.person.SubexpIndex("attempt") >= 0 && !s.single() {
		return bad("attempts are averaged whole: leave the frames out")
	}
	return nil
}

// single says that one picture, or one attempt, makes a template.
func (s *Set) single() bool { return s.ProbeFrames == 1 && s.ReferenceFrames == 1 }

// symmetric says that both sides are made alike, so that each pair is compared
// once.
func (s *Set) symmetric() bool { return s.ProbeFrames == s.ReferenceFrames }

// split finds person and attempt in a path; ok false: left out.
func (s *Set) split(p string) (person, attempt string, ok bool) {
	m := s.person.FindStringSubmatch(p)
	if m == nil {
		return "", "", false
	}
	if i := s.person.SubexpIndex("attempt"); i >= 0 {
		attempt = m[i]
	}
	if i := s.person.SubexpIndex("person"); i >= 0 {
		person = m[i]
	}
	for i, name := range s.person.SubexpNames() {
		if person == "" && i > 0 && name != "attempt" {
			person = m[i]
		}
	}
	if other, known := s.Same[person]; known {
		person = other
	}
	return person, attempt, person != ""
}
