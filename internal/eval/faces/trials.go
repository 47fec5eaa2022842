package faces

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"faceproof"
)

// unit is the resolution of the scores that are kept: a similarity is rounded
// down to it, so that "at least the threshold" means the same before and after.
const unit = 10_000

// maxScore bounds a kept score: 1 − L2 of raw descriptors may be below −1.
const maxScore = 20 * unit

// Header says what was measured with what.
type Header struct {
	Format    int          `json:"format"` // 1
	Date      string       `json:"date"`
	Version   string       `json:"version"`
	Commit    string       `json:"commit"`
	Pack      string       `json:"pack"`
	ModelID   string       `json:"model_id"`
	Metric    string       `json:"metric"`     // "cosine", or "l2": a similarity is 1 − distance
	Networks  string       `json:"networks"`   // SHA-256 of detector, landmarks and embedder
	Seed      uint64       `json:"seed"`       // of draws and of the bootstrap
	Resamples int          `json:"resamples"`  // of the bootstrap
	Rows      []Row        `json:"thresholds"` // of the pack
	Protocols []ProtocolID `json:"protocols"`
}

// Row is a threshold as shipped.
type Row struct {
	ProbeFrames     int     `json:"probe_frames"`
	ReferenceFrames int     `json:"reference_frames"`
	Threshold       float64 `json:"threshold"`
}

// ProtocolID names a protocol that was run.
type ProtocolID struct {
	ID     string `json:"id"`
	Title  Text   `json:"title"`
	Source Text   `json:"source"`
	Digest string `json:"sha256"`
}

// SetHeader describes one set of comparisons.
type SetHeader struct {
	Name            string          `json:"set"`
	Protocol        string          `json:"protocol"`
	Title           Text            `json:"title"`
	Kind            string          `json:"kind"`
	ProbeFrames     int             `json:"probe_frames"`
	ReferenceFrames int             `json:"reference_frames"`
	Draws           int             `json:"draws"`
	Attempts        bool            `json:"attempts,omitempty"` // frames of one attempt are averaged whole
	Pictures        int             `json:"pictures"`
	Missing         int             `json:"missing"`     // pictures of the list that are not there
	NotAcquired     int             `json:"no_template"` // pictures without a template: failure to acquire
	Refused         map[string]int  `json:"refused"`     // pictures that the gate of enrolment would refuse, by reason
	LeftOut         int             `json:"left_out"`    // comparisons with a picture that is missing or has no template
	Groups          []string        `json:"groups"`
	Names           map[string]Text `json:"names,omitempty"` // of groups
	Threshold       float64         `json:"threshold"`       // the pack's, for these numbers of frames
	Calibrate       bool            `json:"calibrate,omitempty"`
	// Impostor comparisons under Cut are counted by score and class, not listed.
	Cut       int  `json:"cut"`
	AllListed bool `json:"all_listed"`
}

// subject is a person without a name.
type subject struct {
	group      int // index of SetHeader.Groups; −1: none
	probes     int // templates of each draw
	references int
}

// trial is one comparison that is listed.
type trial struct {
	a, b  int // subjects; equal when genuine
	score int // similarity · unit, rounded down
	fold  int
}

// class sorts impostor comparisons for counting: the group of both, or −1.
type class int

const mixed class = -1

// trials is one set, ready to be scored.
type trials struct {
	SetHeader
	subjects          []subject
	genuine, impostor []trial
	rest              map[class]map[int]int // impostors under Cut, by score
}

func (t *trials) classOf(a, b int) class {
	if g := t.subjects[a].group; g >= 0 && g == t.subjects[b].group {
		return class(g)
	}
	return mixed
}

// quantise rounds a similarity down to the unit.
func quantise(v float64) int {
	return int(math.Floor(min(max(v*unit, -maxScore), maxScore) + 1e-6))
}

// write gives the trials file, compressed: the same bytes for the same trials.
func write(h Header, sets []*trials) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(z)
	line := func(v any) {
		b, e := json.Marshal(v)
		if e != nil && err == nil {
			err = e
		}
		_, _ = w.Write(append(b, '\n'))
	}
	line(h)
	for _, t := range sets {
		line(t.SetHeader)
		for i, s := range t.subjects {
			fmt.Fprintf(w, "s,%d,%d,%d,%d\n", i, s.group, s.probes, s.references)
		}
		for _, g := range t.genuine {
			fmt.Fprintf(w, "g,%d,%d,%d\n", g.a, g.score, g.fold)
		}
		for _, g := range t.impostor {
			fmt.Fprintf(w, "i,%d,%d,%d,%d\n", g.a, g.b, g.score, g.fold)
		}
		for _, c := range slices.Sorted(maps.Keys(t.rest)) {
			for _, score := range slices.Sorted(maps.Keys(t.rest[c])) {
				fmt.Fprintf(w, "h,%d,%d,%d\n", c, score, t.rest[c][score])
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

// Limits of a trials file, unpacked.
const (
	maxTrials    = 128 << 20 // bytes
	maxTrialLine = 64 << 10
	maxResamples = 10_000
)

func badTrials(line int, what string) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "trials", "line %d: %s", line, what)
}

// read is the reverse of write. Errors are CodeInvalid, field "trials".
func read(data []byte) (Header, []*trials, error) {
	var h Header
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return h, nil, badTrials(0, "not a compressed file")
	}
	s := bufio.NewScanner(io.LimitReader(z, maxTrials))
	s.Buffer(make([]byte, 0, maxTrialLine), maxTrialLine)
	var sets []*trials
	n := 0
	for s.Scan() {
		n++
		text := s.Text()
		switch {
		case n == 1:
			if json.Unmarshal([]byte(text), &h) != nil || h.Format != 1 || h.Resamples < 1 || h.Resamples > maxResamples {
				return h, nil, badTrials(n, "not the header of a trials file of format 1")
			}
		case strings.HasPrefix(text, "{"):
			t := &trials{rest: map[class]map[int]int{}}
			if json.Unmarshal([]byte(text), &t.SetHeader) != nil || t.Name == "" || t.Draws < 1 || t.ProbeFrames < 1 || t.ReferenceFrames < 1 || len(t.Groups) > maxGroups+1 {
				return h, nil, badTrials(n, "not the header of a set")
			}
			if sets = append(sets, t); len(sets) > maxSets*maxSets {
				return h, nil, badTrials(n, "too many sets")
			}
		case len(sets) == 0:
			return h, nil, badTrials(n, "a trial before its set")
		default:
			if what := sets[len(sets)-1].parse(text); what != "" {
				return h, nil, badTrials(n, what)
			}
		}
	}
	if err := s.Err(); err != nil || n == 0 {
		return h, nil, badTrials(n, "cannot be read")
	}
	for _, t := range sets {
		if what := t.verify(); what != "" {
			return h, nil, faceproof.Errorf(faceproof.CodeInvalid, "trials", "set %.64q: %s", t.Name, what)
		}
	}
	return h, sets, nil
}

// parse reads one line; the answer says what is wrong.
func (t *trials) parse(text string) string {
	f := strings.Split(text, ",")
	v := make([]int, 0, 4)
	for _, x := range f[1:] {
		n, err := strconv.Atoi(x)
		if err != nil || n < -maxScore || n > math.MaxInt32 || len(v) == 4 {
			return "a number is malformed"
		}
		v = append(v, n)
	}
	person := func(n int) bool { return n >= 0 && n < len(t.subjects) }
	switch {
	case f[0] == "s" && len(v) == 4:
		if v[0] != len(t.subjects) || v[1] < -1 || v[1] >= len(t.Groups) || v[2] < 0 || v[3] < 0 || v[2] > maxPictures || v[3] > maxPictures || len(t.subjects) >= maxPictures {
			return "a subject is malformed"
		}
		t.subjects = append(t.subjects, subject{v[1], v[2], v[3]})
	case f[0] == "g" && len(v) == 3:
		if !person(v[0]) || v[1] > maxScore || v[2] < 0 {
			return "a genuine trial is malformed"
		}
		t.genuine = append(t.genuine, trial{v[0], v[0], v[1], v[2]})
	case f[0] == "i" && len(v) == 4:
		if !person(v[0]) || !person(v[1]) || v[2] > maxScore || v[3] < 0 {
			return "an impostor trial is malformed"
		}
		t.impostor = append(t.impostor, trial{v[0], v[1], v[2], v[3]})
	case f[0] == "h" && len(v) == 3:
		if v[0] < -1 || v[0] >= len(t.Groups) || v[1] >= t.Cut || v[2] < 1 {
			return "a count is malformed"
		}
		t.count(class(v[0]), v[1], v[2])
	default:
		return "unknown kind of line"
	}
	return ""
}

func (t *trials) count(c class, score, n int) {
	if t.rest[c] == nil {
		t.rest[c] = map[int]int{}
	}
	t.rest[c][score] += n
}

// verify says what does not fit together: of folders, every template must have
// been compared with every other.
func (t *trials) verify() string {
	if t.Kind != KindFolders {
		return ""
	}
	want, have := t.comparisons(nil, -1), float64(len(t.impostor))
	for _, counts := range t.rest {
		for _, n := range counts {
			have += float64(n)
		}
	}
	if want != have {
		return fmt.Sprintf("holds %.0f impostor comparisons, its subjects make %.0f", have, want)
	}
	return ""
}

// comparisons is how many impostor comparisons there are when each subject
// counts weight times (nil: once), within a group or (−1) in all.
func (t *trials) comparisons(weight []float64, group int) float64 {
	sumP, sumR, same := 0., 0., 0.
	for i, s := range t.subjects {
		if group >= 0 && s.group != group {
			continue
		}
		w := 1.
		if weight != nil {
			w = weight[i]
		}
		p, r := w*float64(s.probes), w*float64(s.references)
		sumP, sumR, same = sumP+p, sumR+r, same+p*r
	}
	n := sumP*sumR - same
	if t.ProbeFrames == t.ReferenceFrames {
		n /= 2
	}
	return n * float64(t.Draws)
}
