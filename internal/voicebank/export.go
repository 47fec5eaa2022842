package voicebank

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/digits"
)

func quantile(v []float64, q float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[int(q*float64(len(s)-1))]
}

// Summary describes a speaker to the operator.
type Summary struct {
	Speaker   string `json:"speaker"`
	Lang      string `json:"lang"`
	Split     string `json:"split"`
	Facts     Facts  `json:"facts"`
	Strings   int    `json:"strings"` // kept
	Of        int    `json:"of"`
	Film      bool   `json:"film"` // consented to
	Consent   string `json:"consent"`
	CreatedAt int64  `json:"created_at"` // unix milliseconds
	ExpiresAt int64  `json:"expires_at"`
}

// Listing is what a bank holds.
type Listing struct {
	Speakers  []Summary `json:"speakers"`
	Withdrawn []string  `json:"withdrawn"` // numbers, whose exported copies are to be deleted too
}

// List describes every speaker whose time is not over.
func (b *Bank) List(ctx context.Context) (Listing, error) {
	l := Listing{Speakers: []Summary{}, Withdrawn: []string{}}
	left, err := b.c.Blobs.List(ctx, withdrawn+"/")
	if err != nil {
		return l, err
	}
	for _, k := range left {
		l.Withdrawn = append(l.Withdrawn, strings.TrimPrefix(k, withdrawn+"/"))
	}
	all, err := b.speakers(ctx, l.Withdrawn)
	if err != nil {
		return l, err
	}
	for _, s := range all {
		done, err := b.done(ctx, s.ID)
		if err != nil {
			return l, err
		}
		l.Speakers = append(l.Speakers, Summary{Speaker: s.ID, Lang: s.Lang, Split: s.Split, Facts: s.Facts, Strings: len(done), Of: len(s.Plan),
			Film: s.Receipt.Film, Consent: s.Receipt.Version, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt})
	}
	return l, nil
}

// speakers reads all but those who left, in the order of their beginning.
func (b *Bank) speakers(ctx context.Context, left []string) (out []Speaker, err error) {
	ids, err := b.ids(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		s, err := b.speaker(ctx, id)
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound || slices.Contains(left, id) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Speaker) int { return cmp.Compare(a.CreatedAt, b.CreatedAt) })
	return out, nil
}

// Item is a recording of the layout that models/train/digits and internal/eval/aloud read.
type Item struct {
	File    string    `json:"file"` // <lang>/<speaker>/<label>_NN.wav
	Lang    string    `json:"lang"`
	Speaker string    `json:"speaker"`
	Labels  string    `json:"labels"` // one character a digit: y is 幺, o is "oh"
	Seconds float64   `json:"seconds"`
	Source  string    `json:"source"`
	SHA256  string    `json:"sha256"`
	Split   string    `json:"split"`
	String  int       `json:"string"`            // of the speaker's plan
	Paced   bool      `json:"paced"`             // one by one, or fluent
	Cut     bool      `json:"cut,omitempty"`     // a single digit out of a paced string
	ShownMS []float64 `json:"show_ms,omitempty"` // after the first sample
	Film    string    `json:"film,omitempty"`    // a recording as capture.ReadRecording reads it
}

// source is what Item.Source names.
type source struct {
	Licence string `json:"licence"`
	Use     string `json:"use"`
	Text    Text   `json:"text"`
}

// voiceSource is an entry of sources.json, as models/train/digits has it.
type voiceSource struct {
	Language string `json:"language"`
	Licence  string `json:"licence"`
	Use      string `json:"use"` // train, evaluate
	Clips    int    `json:"clips"`
	Facts    Facts  `json:"facts"`
}

// Exported counts what was written.
type Exported struct {
	Speakers int `json:"speakers"`
	Train    int `json:"train"` // speakers
	Test     int `json:"test"`
	Strings  int `json:"strings"`
	Digits   int `json:"digits"` // cut out of paced strings
	Uncut    int `json:"uncut"`  // paced strings whose digits were not plainly apart
	Films    int `json:"films"`
	Damaged  int `json:"damaged"` // strings that do not have their digest, left out
}

// Export writes every string into dir, which must be empty or absent and is made
// for its owner alone: manifest.json, splits.json and sources.json, the WAV files in
// the layout of training and evaluation, and films. split is train, test or empty for
// both. Errors: CodeInvalid with field "dir" or "split"; CodeNotFound when there is
// nothing.
func (b *Bank) Export(ctx context.Context, dir, split string) (Exported, error) {
	if split != "" && split != Train && split != Test {
		return Exported{}, invalid("split", "must be train or test")
	}
	l, err := b.List(ctx)
	if err != nil {
		return Exported{}, err
	}
	all, err := b.speakers(ctx, l.Withdrawn)
	if err != nil {
		return Exported{}, err
	}
	e := &export{b: b, sources: map[string]source{}, voices: map[string]voiceSource{}, folds: map[string][]string{"f1": {}, "f2": {}, "f3": {}}, train: []string{}, test: []string{}}
	all = slices.DeleteFunc(all, func(s Speaker) bool { return split != "" && s.Split != split })
	if len(all) == 0 {
		return Exported{}, faceproof.Errorf(faceproof.CodeNotFound, "", "there are no recordings")
	}
	if e.root, err = emptyFolder(dir); err != nil {
		return Exported{}, err
	}
	defer e.root.Close()
	for _, s := range all {
		if err := e.speaker(ctx, s); err != nil {
			return e.Exported, err
		}
	}
	return e.Exported, e.finish()
}

// emptyFolder makes dir, for its owner alone.
func emptyFolder(dir string) (*os.Root, error) {
	names, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(dir, 0o700)
	case err == nil && len(names) > 0:
		return nil, invalid("dir", "must be empty or absent")
	}
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "dir", Message: "cannot be used: " + err.Error(), Err: err}
	}
	return os.OpenRoot(dir)
}

// export is one that runs.
type export struct {
	Exported
	b           *Bank
	root        *os.Root
	items       []Item
	sources     map[string]source
	voices      map[string]voiceSource
	train, test []string
	folds       map[string][]string
}

func (e *export) put(name string, data []byte) error {
	name = filepath.FromSlash(name)
	if err := e.root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return e.root.WriteFile(name, data, 0o600)
}

func (e *export) speaker(ctx context.Context, s Speaker) error {
	done, err := e.b.done(ctx, s.ID)
	if err != nil || len(done) == 0 {
		return err
	}
	from := "recordings-" + s.Receipt.Version
	e.sources[from] = source{Licence: "consent " + s.Receipt.Version + ", not to be published or passed on", Use: "train+eval until the speaker's time is over", Text: s.Receipt.Text}
	numbers, clips := map[string]int{}, 0
	add := func(it Item, wav []byte) error {
		numbers[it.Labels]++
		it.File = fmt.Sprintf("%s/%s/%s_%02d.wav", s.Lang, s.ID, it.Labels, numbers[it.Labels])
		it.Lang, it.Speaker, it.Source, it.Split = s.Lang, s.ID, from, s.Split
		sum := sha256.Sum256(wav)
		it.SHA256, it.Seconds = hex.EncodeToString(sum[:]), math.Round(float64(len(wav)-44)/2/digits.Rate*1000)/1000
		e.items = append(e.items, it)
		clips++
		return e.put(it.File, wav)
	}
	for _, n := range done {
		var k kept
		if err := e.b.read(ctx, stringKey(s.ID, n, "about"), &k); err != nil {
			return gonePast(err)
		}
		wav, err := e.b.c.Blobs.Get(ctx, stringKey(s.ID, n, "sound"))
		if err != nil {
			return gonePast(err)
		}
		sum := sha256.Sum256(wav)
		sound, err := digits.ParseWAV(wav, MaxTake)
		if err != nil || hex.EncodeToString(sum[:]) != k.SHA256 {
			e.Damaged++
			continue
		}
		it := Item{Labels: k.Label, String: n, Paced: k.Paced, ShownMS: k.Shown}
		if k.Frames > 0 {
			film, err := e.b.c.Blobs.Get(ctx, stringKey(s.ID, n, "film"))
			if err != nil {
				return gonePast(err)
			}
			it.Film = fmt.Sprintf("film/%s_%02d.zip", s.ID, n)
			if err := e.put(it.Film, film); err != nil {
				return err
			}
			e.Films++
		}
		if err := add(it, wav); err != nil {
			return err
		}
		e.Strings++
		if !k.Paced {
			continue
		}
		parts := cutDigits(sound.Samples, k.Shown)
		if len(parts) != len(k.Label) {
			e.Uncut++
			continue
		}
		for i, p := range parts {
			if err := add(Item{Labels: k.Label[i : i+1], String: n, Paced: true, Cut: true}, encodeWAV(sound.Samples[p[0]:p[1]])); err != nil {
				return err
			}
			e.Digits++
		}
	}
	use := "train"
	if s.Split == Test {
		use, e.test = "evaluate", append(e.test, s.ID)
		e.Test++
	} else {
		f := fmt.Sprintf("f%d", foldOf(s.ID))
		e.train, e.folds[f] = append(e.train, s.ID), append(e.folds[f], s.ID)
		e.Train++
	}
	e.Speakers++
	e.voices[s.ID] = voiceSource{Language: s.Lang, Licence: e.sources[from].Licence, Use: use, Clips: clips, Facts: s.Facts}
	return nil
}

// gonePast says that a speaker withdrew while the export ran: it is to be begun again.
func gonePast(err error) error {
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return faceproof.Errorf(faceproof.CodeConflict, "", "a speaker withdrew or read a string again meanwhile; delete what was written and export once more")
	}
	return err
}

func (e *export) finish() error {
	for name, v := range map[string]any{
		"manifest.json": map[string]any{
			"note": "16 kHz mono PCM16 as recorded. labels: one character a digit, y = yao (1), o = oh (0). split was fixed when recording began: voices of test are never trained on. Exported " +
				e.b.c.Now().UTC().Format(time.DateOnly) + "; speakers who withdraw later are to be deleted here too.",
			"sources": e.sources, "items": e.items},
		"splits.json": map[string]any{
			"note":  "Voices by use, as models/train/digits/splits.json. 'evaluate' is never trained on.",
			"train": e.train, "evaluate": e.test, "folds": e.folds},
		"sources.json": map[string]any{"recordings": e.voices},
	} {
		data, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			return err
		}
		if err := e.put(name, append(data, '\n')); err != nil {
			return err
		}
	}
	return nil
}
