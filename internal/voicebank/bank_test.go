package voicebank

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/digits"
	"faceproof/internal/keys"
)

type world struct {
	*Bank
	t   testing.TB
	dir string
	now time.Time
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)}
	ring, err := keys.Open(filepath.Join(w.dir, "keys.json"))
	w.must(err)
	blobs, err := blob.OpenDir(filepath.Join(w.dir, "recordings"), ring)
	w.must(err)
	t.Cleanup(func() { blobs.Close() })
	c := Config{Blobs: blobs, Who: "示例公司 privacy@example.com", Strings: 4, Random: rand.Reader, Now: func() time.Time { return w.now }}
	for _, ch := range change {
		ch(&c)
	}
	w.Bank, err = New(c)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) consent(film bool) (a Application) {
	a.Lang = "zh"
	a.Consent.Version, a.Consent.Lang = w.Notice().Version, "zh"
	a.Consent.Voice, a.Consent.Adult, a.Consent.Film = true, true, film
	return a
}

func (w *world) begin(film bool) Session {
	w.t.Helper()
	s, err := w.Begin(w.t.Context(), w.consent(film))
	w.must(err)
	return s
}

// spoken is noise in bursts, each late ms after its prompt: no speech, but of
// its shape. The sound begins with the pre-roll.
func spoken(s String, late float64) Take {
	t := Take{N: s.N, T0: 5000}
	for _, at := range s.ShowMS {
		t.Shown = append(t.Shown, t.T0+float64(s.PrerollMS+at))
	}
	samples := make([]int16, (s.PrerollMS+s.EndMS)*digits.Rate/1000)
	seed := uint32(s.N)
	random := func() float64 { seed = seed*1664525 + 1013904223; return float64(seed)/(1<<31) - 1 }
	for i := range samples {
		samples[i] = int16(20 * random())
	}
	for i := range Places {
		at := t.Shown[0] + float64(i)*500
		if s.Paced {
			at = t.Shown[i]
		}
		from := int((at - t.T0 + late) * digits.Rate / 1000)
		for j := range 300 * digits.Rate / 1000 {
			if from+j < len(samples) {
				samples[from+j] = int16(8000 * random() * math.Sin(math.Pi*float64(j)/4800))
			}
		}
	}
	t.WAV = encodeWAV(samples)
	return t
}

func pictures(t *Take, n int) {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 48, 64)), nil)
	for i := range n {
		t.Film = append(t.Film, Frame{T: t.T0 + float64(100*i), JPEG: b.Bytes()})
	}
}

func (w *world) readAll(s Session) {
	w.t.Helper()
	for _, st := range s.Plan {
		t := spoken(st, 400)
		if s.Film {
			pictures(&t, 5)
		}
		fault, err := w.Put(w.t.Context(), s.Code, t)
		if err != nil || fault != "" {
			w.t.Fatalf("string %d: %q %v", st.N, fault, err)
		}
	}
}

// Every digit comes equally often at each place, by both its names, half of the
// strings are paced, and no digit comes three times running.
func TestPlanIsBalanced(t *testing.T) {
	for _, c := range []struct {
		lang, say   string
		twice, name byte
		names       int
	}{{"zh", sayShown, '1', 'y', 9}, {"en", sayShown, '0', 'o', 9}, {"zh", sayLetter, '1', 'y', 18}, {"en", sayDigit, '0', 'o', 0}} {
		for range 20 {
			plan, err := drawPlan(rand.Reader, UsualStrings, c.lang, c.say)
			if err != nil || len(plan) != UsualStrings {
				t.Fatal(err)
			}
			var at [Places][10]int
			names, paced := 0, 0
			for i, s := range plan {
				shown := s.Shown()
				for p := range Places {
					at[p][shown[p]-'0']++
					if p >= 2 && shown[p] == shown[p-1] && shown[p] == shown[p-2] {
						t.Errorf("%s: three times running", shown)
					}
				}
				names += strings.Count(s.Label, string(c.name))
				want := 1
				if s.Paced {
					paced++
					want = Places
				}
				if s.N != i+1 || len(s.Label) != Places || len(s.ShowMS) != want || s.EndMS <= s.ShowMS[want-1] {
					t.Errorf("%+v", s)
				}
			}
			for p := range Places {
				for d, n := range at[p] {
					if n != UsualStrings/10 {
						t.Errorf("place %d: digit %d comes %d times", p, d, n)
					}
				}
			}
			if d := names - c.names; d < -3 || d > 3 || c.names%18 == 0 && d != 0 || paced != UsualStrings/2 {
				t.Errorf("%s %q: %d by the other name, %d paced", c.lang, c.say, names, paced)
			}
		}
	}
}

// One voice in four is held out, and which follows from the number alone.
func TestSplit(t *testing.T) {
	// Fixed for ever: another rule would move voices that were held out.
	if SplitOf("s000000000000") != Train || SplitOf("s000000000007") != Test {
		t.Error("the rule has changed")
	}
	test := 0
	const n = 4000
	folds := map[int]int{}
	for i := range n {
		id := fmt.Sprintf("s%012x", i)
		if SplitOf(id) == Test {
			test++
		}
		folds[foldOf(id)]++
	}
	if test < n/4-110 || test > n/4+110 { // four deviations
		t.Errorf("%d of %d held out", test, n)
	}
	for f := 1; f <= 3; f++ {
		if folds[f] < n/3-120 {
			t.Errorf("fold %d: %d", f, folds[f])
		}
	}
}

func TestBeginNeedsConsent(t *testing.T) {
	w := newWorld(t)
	for field, spoil := range map[string]func(*Application){
		"consent.voice":   func(a *Application) { a.Consent.Voice = false },
		"consent.adult":   func(a *Application) { a.Consent.Adult = false },
		"consent.version": func(a *Application) { a.Consent.Version = "0123456789abcdef" },
		"consent.lang":    func(a *Application) { a.Consent.Lang = "" },
		"lang":            func(a *Application) { a.Lang = "fr" },
		"say":             func(a *Application) { a.Say = "yao" },
		"age":             func(a *Application) { a.Facts.Age = "33" },
		"sex":             func(a *Application) { a.Facts.Sex = "female male" },
		"region":          func(a *Application) { a.Facts.Region = "Example street 1" },
		"device":          func(a *Application) { a.Facts.Device = "x" },
	} {
		a := w.consent(false)
		spoil(&a)
		_, err := w.Begin(t.Context(), a)
		var e *faceproof.Error
		if code := faceproof.ErrorCode(err); code != faceproof.CodeInvalid && code != faceproof.CodeConflict || !asError(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if ids, _ := w.ids(t.Context()); len(ids) != 0 {
		t.Errorf("kept %v", ids)
	}
	s := w.begin(true)
	sp, err := w.speaker(t.Context(), s.Speaker)
	w.must(err)
	r := sp.Receipt
	if r.Version != w.Notice().Version || r.Text.Title != textZh.Title || !strings.Contains(r.Text.Paragraphs[0].Body, "privacy@example.com") || !r.Voice || !r.Film || r.At != w.now.UnixMilli() || len(r.ID) != 24 {
		t.Errorf("receipt: %+v", r)
	}
	if other := newWorld(t, func(c *Config) { c.Days = 30 }); other.Notice().Version == w.Notice().Version {
		t.Error("another time, the same version")
	}
	closed := newWorld(t, func(c *Config) { c.Who = "" })
	if _, err := closed.Begin(t.Context(), closed.consent(false)); faceproof.ErrorCode(err) != faceproof.CodeForbidden {
		t.Errorf("nobody collects: %v", err)
	}
}

func asError(err error, e **faceproof.Error) bool {
	var ok bool
	*e, ok = err.(*faceproof.Error)
	return ok
}

// Both texts say the same things in the same order.
func TestNoticeIsInBothLanguages(t *testing.T) {
	n := newWorld(t).Notice()
	if len(n.Zh.Paragraphs) != len(n.En.Paragraphs) || len(n.Zh.Paragraphs) < 6 {
		t.Fatal("not as many paragraphs")
	}
	for i := range n.Zh.Paragraphs {
		zh, en := textZh.Paragraphs[i], textEn.Paragraphs[i]
		for _, hole := range []string{"{who}", "{days}", "{strings}"} {
			if strings.Contains(zh.Body, hole) != strings.Contains(en.Body, hole) {
				t.Errorf("paragraph %d: %s", i, hole)
			}
		}
		if zh.Head == "" || en.Head == "" || strings.ContainsAny(n.Zh.Paragraphs[i].Body+n.En.Paragraphs[i].Body, "{}") {
			t.Errorf("paragraph %d: %+v", i, n.En.Paragraphs[i])
		}
	}
	if strings.ContainsAny(n.Zh.Voice+n.En.Voice, "{}") || n.Zh.Film == "" || n.En.Adult == "" {
		t.Error("the boxes")
	}
}

func TestBounds(t *testing.T) {
	for field, c := range map[string]Config{
		"days": {Days: MaxDays + 1}, "strings": {Strings: 3}, "who": {Who: "a\nb"}} {
		_, err := New(c)
		var e *faceproof.Error
		if !asError(err, &e) || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	w := newWorld(t)
	for range beginsHour {
		w.begins = append(w.begins, w.now)
	}
	if _, err := w.Begin(t.Context(), w.consent(false)); faceproof.ErrorCode(err) != faceproof.CodeRateLimited {
		t.Errorf("one too many: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.begin(false)
}

// A code is read as people type it; what is no code is told so, without being quoted.
func TestParseCode(t *testing.T) {
	code, err := newCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ParseCode(code)
	if err != nil || !idForm.MatchString(id) {
		t.Fatal(id, err)
	}
	for _, typed := range []string{strings.ToLower(code), " " + strings.ReplaceAll(code, "-", "") + "\n", strings.ReplaceAll(code, "-", " "),
		strings.NewReplacer("0", "o", "1", "l").Replace(code)} {
		if got, err := ParseCode(typed); err != nil || got != id {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, typed := range []string{"", "1234", code + "0", strings.Replace(code, code[:1], "U", 1), strings.Repeat("0", 1<<20), "密码密码密码密码"} {
		_, err := ParseCode(typed)
		var e *faceproof.Error
		if !asError(err, &e) || e.Field != "code" || len(typed) > 3 && len(typed) < 99 && strings.Contains(err.Error(), typed) {
			t.Errorf("%.20q: %v", typed, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("ABCD-EFGH-JKMN-PQRS")
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		if id, err := ParseCode(typed); (err == nil) != idForm.MatchString(id) {
			t.Errorf("%q: %q, %v", typed, id, err)
		}
	})
}

func TestPutRefuses(t *testing.T) {
	w := newWorld(t)
	s, plain := w.begin(true), w.begin(false)
	good := spoken(s.Plan[0], 400)
	for name, c := range map[string]struct {
		field string
		spoil func(*Take)
	}{
		"string 0":           {"n", func(t *Take) { t.N = 0 }},
		"string 5":           {"n", func(t *Take) { t.N = 5 }},
		"no WAV":             {"wav", func(t *Take) { t.WAV = []byte("OggS") }},
		"a long one":         {"wav", func(t *Take) { t.WAV = encodeWAV(make([]int16, 17*digits.Rate)) }},
		"time NaN":           {"t0", func(t *Take) { t.T0 = math.NaN() }},
		"time before":        {"t0", func(t *Take) { t.T0 = -1 }},
		"no prompts":         {"shown", func(t *Take) { t.Shown = nil }},
		"prompts after":      {"shown", func(t *Take) { t.Shown[len(t.Shown)-1] = 1e9 }},
		"prompt NaN":         {"shown", func(t *Take) { t.Shown[0] = math.NaN() }},
		"too many pictures":  {"film", func(t *Take) { pictures(t, maxFrames+1) }},
		"pictures go back":   {"film", func(t *Take) { pictures(t, 2); t.Film[1].T = t.Film[0].T }},
		"no JPEG":            {"film", func(t *Take) { t.Film = []Frame{{T: 5000, JPEG: []byte("\xff\xd8\xff no")}} }},
		"pictures elsewhere": {"film", func(t *Take) { pictures(t, 1); t.Film[0].T = 1e6 }},
	} {
		take := good
		take.Shown = slices.Clone(good.Shown)
		c.spoil(&take)
		_, err := w.Put(t.Context(), s.Code, take)
		var e *faceproof.Error
		if !asError(err, &e) || e.Code != faceproof.CodeInvalid || e.Field != c.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	film := spoken(plain.Plan[0], 400)
	pictures(&film, 2)
	if _, err := w.Put(t.Context(), plain.Code, film); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("pictures without consent: %v", err)
	}
	silent := good
	silent.WAV = encodeWAV(make([]int16, 8*digits.Rate))
	if s.Plan[0].Paced { // the prompts must lie in the sound
		silent.WAV = encodeWAV(make([]int16, 10*digits.Rate))
	}
	if fault, err := w.Put(t.Context(), s.Code, silent); err != nil || fault != faceproof.AudioSilent {
		t.Errorf("silence: %q %v", fault, err)
	}
	if again, err := w.Resume(t.Context(), s.Code); err != nil || len(again.Done) != 0 {
		t.Errorf("kept %v, %v", again.Done, err)
	}
	if _, err := w.Put(t.Context(), "0000-0000-0000-0000", good); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("nobody's code: %v", err)
	}
	w.now = w.now.AddDate(0, 0, writeDays+1)
	if _, err := w.Put(t.Context(), s.Code, good); faceproof.ErrorCode(err) != faceproof.CodeExpired {
		t.Errorf("too late: %v", err)
	}
}

// A session goes on where it was left; a string read again takes the place of the first.
func TestResumeAndRedo(t *testing.T) {
	w := newWorld(t)
	s := w.begin(false)
	for range 2 {
		if fault, err := w.Put(t.Context(), s.Code, spoken(s.Plan[2], 400)); err != nil || fault != "" {
			t.Fatal(fault, err)
		}
	}
	again, err := w.Resume(t.Context(), strings.ToLower(s.Code))
	if err != nil || !slices.Equal(again.Done, []int{3}) || again.Code != "" || len(again.Plan) != 4 || again.Plan[2].Label != s.Plan[2].Label {
		t.Errorf("%+v, %v", again, err)
	}
}

// files counts what lies under the bank's folder.
func (w *world) files() (n int) {
	w.must(filepath.Walk(filepath.Join(w.dir, "recordings"), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			if info.Mode().Perm() != 0o600 {
				w.t.Errorf("%s has mode %v", path, info.Mode())
			}
			n++
		}
		return err
	}))
	return n
}

func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	s, other := w.begin(true), w.begin(false)
	w.readAll(s)
	w.readAll(other)
	if n := w.files(); n != 2+4*3+4*2 {
		t.Errorf("%d files", n)
	}
	for range 2 { // asked twice, answered twice
		if id, err := w.Withdraw(t.Context(), s.Code); err != nil || id != s.Speaker {
			t.Fatal(id, err)
		}
	}
	if n := w.files(); n != 1+4*2+1 {
		t.Errorf("%d files are left", n)
	}
	if _, err := w.Resume(t.Context(), s.Code); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("resumed: %v", err)
	}
	if _, err := w.Put(t.Context(), s.Code, spoken(s.Plan[0], 400)); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("recorded: %v", err)
	}
	if _, err := w.Withdraw(t.Context(), "ZZZZ-ZZZZ-ZZZZ-ZZZZ"); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("nobody's code: %v", err)
	}
	l, err := w.List(t.Context())
	if err != nil || len(l.Speakers) != 1 || l.Speakers[0].Strings != 4 || !slices.Equal(l.Withdrawn, []string{s.Speaker}) {
		t.Errorf("%+v, %v", l, err)
	}
}

// The time that was agreed to ends it, whatever the server is started with later.
func TestSweep(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Days = 30 })
	empty, kept := w.begin(false), w.begin(false)
	w.readAll(kept)
	w.now = w.now.Add(25 * time.Hour)
	if n, err := w.Sweep(t.Context()); err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if _, err := w.Resume(t.Context(), empty.Code); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Error("who read nothing is still there")
	}
	w.c.Days = 1000
	w.now = w.now.AddDate(0, 0, 29)
	if l, _ := w.List(t.Context()); len(l.Speakers) != 0 {
		t.Error("listed after their time")
	}
	if n, err := w.Sweep(t.Context()); err != nil || n != 1 || w.files() != 0 {
		t.Errorf("swept %d, %v; %d files", n, err, w.files())
	}
}

// Nothing in the files says what was said, and the code is in none of them.
func TestSealed(t *testing.T) {
	w := newWorld(t)
	s := w.begin(false)
	w.readAll(s)
	w.must(filepath.Walk(filepath.Join(w.dir, "recordings"), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, plain := range []string{"WAVE", "label", s.Code, strings.ReplaceAll(s.Code, "-", "")} {
			if bytes.Contains(data, []byte(plain)) {
				t.Errorf("%s holds %q", path, plain)
			}
		}
		return err
	}))
	var about map[string]any
	w.must(w.read(context.Background(), aboutKey(s.Speaker), &about))
	if text, _ := json.Marshal(about); bytes.Contains(text, []byte(s.Code)) {
		t.Error("the code is kept")
	}
}
