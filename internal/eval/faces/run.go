package faces

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"faceproof"
	"faceproof/internal/face"
)

// Config is one run.
type Config struct {
	Engine    *face.Engine
	Protocols []*Protocol
	Root      string // folder of the pictures
	Work      string // folder that keeps templates between runs
	Header    Header // what the caller knows: date, version, commit, seed
	Progress  func(done, total int)
}

// Resamples of the bootstrap.
const Resamples = 1000

// listed is how many impostor comparisons are listed one by one; of more, those
// in the upper tail are.
const (
	listed    = 60_000
	tailShare = .012
	maxTrips  = 500_000_000 // comparisons of one set
)

// Run compares, and gives the trials file.
func Run(ctx context.Context, c Config) ([]byte, error) {
	h := c.Header
	match := c.Engine.Pack().Match
	h.Pack, h.ModelID, h.Metric = c.Engine.Pack().ID, c.Engine.ModelID(), match.Metric
	for _, r := range match.Rows {
		h.Rows = append(h.Rows, Row{r.ProbeFrames, r.ReferenceFrames, c.Engine.Pack().Threshold(r.ProbeFrames, r.ReferenceFrames).Threshold})
	}
	return runWith(ctx, product{c.Engine}, c, h, func(probe, reference int) float64 { return c.Engine.Pack().Threshold(probe, reference).Threshold })
}

// plan is one set with its pictures and persons.
type plan struct {
	protocol *Protocol
	set      *Set
	dir      string // of the pictures
	pairs    []pair
	files    []string
	groups   map[string]string
}

func runWith(ctx context.Context, e engine, c Config, h Header, threshold func(probe, reference int) float64) ([]byte, error) {
	h.Format, h.Networks, h.Resamples = 1, e.digest(), Resamples
	var plans []*plan
	total := 0
	for _, p := range c.Protocols {
		h.Protocols = append(h.Protocols, ProtocolID{p.ID, p.Title, p.Source, p.Digest})
		for i := range p.Sets {
			one, err := newPlan(c.Root, p, &p.Sets[i])
			if err != nil {
				return nil, err
			}
			plans, total = append(plans, one), total+len(one.files)
		}
	}
	store, err := openCache(c.Work, h.Networks)
	if err != nil {
		return nil, err
	}
	defer store.close()
	known := map[string]seen{}
	done := 0
	var sets []*trials
	for _, p := range plans {
		t := &trials{SetHeader: SetHeader{
			Name: p.set.Name, Protocol: p.protocol.ID, Title: p.set.Title, Kind: p.set.Kind, Names: p.protocol.Groups.Names,
			ProbeFrames: p.set.ProbeFrames, ReferenceFrames: p.set.ReferenceFrames, Draws: p.set.Draws,
			Attempts: p.set.person.SubexpIndex("attempt") >= 0, Refused: map[string]int{}, Calibrate: p.set.Calibrate,
			Threshold: threshold(p.set.ProbeFrames, p.set.ReferenceFrames),
		}, rest: map[class]map[int]int{}}
		vectors := map[string][]float32{}
		for _, f := range p.files {
			name := filepath.Join(p.dir, filepath.FromSlash(f))
			key := name + " " + p.protocol.Face
			s, ok := known[key]
			if !ok {
				if s, err = store.get(ctx, e, name, p.protocol.Face); errors.Is(err, fs.ErrNotExist) && p.pairs != nil {
					t.Missing++
					err = nil
					done++
					continue
				}
				if err != nil {
					return nil, err
				}
				known[key] = s
			}
			t.Pictures++
			if s.refused != "" {
				t.Refused[s.refused]++
			}
			if s.vector == nil {
				t.NotAcquired++
			} else {
				vectors[f] = s.vector
			}
			if done++; c.Progress != nil {
				c.Progress(done, total)
			}
		}
		if p.pairs != nil {
			err = t.comparePairs(e, p, vectors)
		} else {
			err = t.compareFolders(ctx, e, p, vectors, h.Seed)
		}
		if err != nil {
			return nil, err
		}
		sets = append(sets, t)
	}
	return write(h, sets)
}

// newPlan reads the lists of a set.
func newPlan(root string, p *Protocol, s *Set) (*plan, error) {
	base := filepath.Join(root, filepath.FromSlash(p.Root))
	out := &plan{protocol: p, set: s, dir: filepath.Join(base, filepath.FromSlash(s.Pictures))}
	if p.Groups.File != "" {
		text, err := readList(filepath.Join(base, filepath.FromSlash(p.Groups.File)))
		if err != nil {
			return nil, err
		}
		if out.groups, err = parseGroups(text, p.Groups); err != nil {
			return nil, err
		}
	}
	if s.Kind == KindFolders {
		files, err := listPictures(out.dir)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if _, _, ok := s.split(f); ok {
				out.files = append(out.files, f)
			}
		}
		return out, nil
	}
	text, err := readList(filepath.Join(base, filepath.FromSlash(s.File)))
	if err != nil {
		return nil, err
	}
	if s.Kind == KindPairs {
		out.pairs, err = parsePairs(text)
	} else {
		out.pairs, err = parseCSV(text, s.Columns)
	}
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(out.dir); err != nil || !info.IsDir() {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "root", Message: "the folder of the pictures is not there", Err: err}
	}
	for _, p := range out.pairs {
		out.files = append(out.files, p.a, p.b)
	}
	slices.Sort(out.files)
	out.files = slices.Compact(out.files)
	return out, nil
}

// cast numbers the persons and their groups.
func (t *trials) cast(p *plan, persons []string) map[string]int {
	slices.Sort(persons)
	persons = slices.Compact(persons)
	of := make([]string, len(persons))
	for i, name := range persons {
		if of[i] = p.groups[name]; of[i] == "" {
			of[i] = p.protocol.Groups.Others
		}
		if of[i] != "" && !slices.Contains(t.Groups, of[i]) {
			t.Groups = append(t.Groups, of[i])
		}
	}
	slices.Sort(t.Groups)
	number := map[string]int{}
	for i, name := range persons {
		number[name] = i
		t.subjects = append(t.subjects, subject{group: slices.Index(t.Groups, of[i])})
	}
	return number
}

// comparePairs scores a list.
func (t *trials) comparePairs(e engine, p *plan, vectors map[string][]float32) error {
	var persons []string
	for _, q := range p.pairs {
		persons = append(persons, q.personA, q.personB)
	}
	number := t.cast(p, persons)
	t.Cut, t.AllListed = -maxScore, true
	for f := range vectors {
		for _, q := range p.pairs {
			if q.a == f {
				t.subjects[number[q.personA]].probes++
				break
			} else if q.b == f {
				t.subjects[number[q.personB]].probes++
				break
			}
		}
	}
	for _, q := range p.pairs {
		va, vb := vectors[q.a], vectors[q.b]
		if va == nil || vb == nil {
			t.LeftOut++
			continue
		}
		v, err := e.similarity(e.mean([][]float32{va}), e.mean([][]float32{vb}))
		if err != nil {
			return err
		}
		one := trial{number[q.personA], number[q.personB], quantise(v), q.fold}
		if q.same {
			t.genuine = append(t.genuine, one)
		} else {
			t.impostor = append(t.impostor, one)
		}
	}
	return nil
}

// side is one template of a person in one draw.
type side struct {
	person, draw int
	template     faceproof.Template
}

// deal makes the templates of one draw: probes, and references, which are the
// same where both sides are made alike.
func (t *trials) deal(e engine, p *plan, people [][][]float32, attempts [][][][]float32, draw int, seed uint64) (probes, references []side) {
	add := func(list *[]side, person int, v [][]float32) {
		*list = append(*list, side{person, draw, e.mean(v)})
	}
	s := p.set
	for person, all := range people {
		if t.Attempts {
			for _, a := range attempts[person] {
				add(&probes, person, a)
			}
			continue
		}
		if !s.single() {
			all = slices.Clone(all)
			r := rand.New(rand.NewPCG(seed+uint64(draw), uint64(person)))
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		if !s.symmetric() {
			if len(all) < s.ReferenceFrames {
				continue
			}
			add(&references, person, all[:s.ReferenceFrames])
			all = all[s.ReferenceFrames:]
		}
		for ; len(all) >= s.ProbeFrames; all = all[s.ProbeFrames:] {
			add(&probes, person, all[:s.ProbeFrames])
		}
	}
	if s.symmetric() {
		references = probes
	}
	return probes, references
}

// compareFolders scores every template against every other.
func (t *trials) compareFolders(ctx context.Context, e engine, p *plan, vectors map[string][]float32, seed uint64) error {
	var persons []string
	for _, f := range p.files {
		name, _, _ := p.set.split(f)
		persons = append(persons, name)
	}
	number := t.cast(p, persons)
	people := make([][][]float32, len(t.subjects))
	attempts := make([][][][]float32, len(t.subjects))
	at := map[string]int{}
	for _, f := range p.files {
		name, attempt, _ := p.set.split(f)
		n, v := number[name], vectors[f]
		if v == nil {
			continue
		}
		people[n] = append(people[n], v)
		key := name + "\x00" + attempt
		if _, ok := at[key]; !ok {
			at[key] = len(attempts[n])
			attempts[n] = append(attempts[n], nil)
		}
		attempts[n][at[key]] = append(attempts[n][at[key]], v)
	}
	t.tally(e, p, people, attempts, seed)
	if t.comparisons(nil, -1) > maxTrips {
		return faceproof.Errorf(faceproof.CodeInvalid, "protocol", "set %s makes more than %d comparisons", p.set.Name, maxTrips)
	}
	// Twice: to find where the tail begins, and to list it.
	counts := make([]int, 2*maxScore+1)
	n := 0
	each := func(f func(a, b side, score int)) error {
		for draw := range p.set.Draws {
			probes, references := t.deal(e, p, people, attempts, draw, seed)
			for i, a := range probes {
				if err := ctx.Err(); err != nil {
					return err
				}
				rest := references
				if p.set.symmetric() {
					rest = references[i+1:]
				}
				for _, b := range rest {
					v, err := e.similarity(a.template, b.template)
					if err != nil {
						return err
					}
					f(a, b, quantise(v))
				}
			}
		}
		return nil
	}
	err := each(func(a, b side, score int) {
		if a.person != b.person {
			counts[score+maxScore]++
			n++
		}
	})
	if err != nil {
		return err
	}
	if t.Cut, t.AllListed = -maxScore, n <= listed; !t.AllListed {
		t.Cut = maxScore
		for tail := counts[2*maxScore]; float64(tail) <= tailShare*float64(n); tail += counts[t.Cut+maxScore] {
			t.Cut--
		}
	}
	return each(func(a, b side, score int) {
		switch {
		case a.person == b.person:
			t.genuine = append(t.genuine, trial{a.person, b.person, score, a.draw})
		case score >= t.Cut:
			t.impostor = append(t.impostor, trial{a.person, b.person, score, a.draw})
		default:
			t.count(t.classOf(a.person, b.person), score, 1)
		}
	})
}

// tally counts the templates of each person in a draw.
func (t *trials) tally(e engine, p *plan, people [][][]float32, attempts [][][][]float32, seed uint64) {
	probes, references := t.deal(e, p, people, attempts, 0, seed)
	for _, s := range probes {
		t.subjects[s.person].probes++
	}
	for _, s := range references {
		t.subjects[s.person].references++
	}
}
