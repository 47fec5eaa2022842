package faceproof

import (
	"math/rand"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// hinted is a capture against which every hint speaks.
func hinted() *ProvenanceEvidence {
	p := &ProvenanceEvidence{Frames: 80, Repeats: 70, Still: 1, NoiseBlocks: 9000, Grid: 2, Combed: 1, Encodings: 9, EvenTimes: 1, DriftMS: 4000,
		Track: TrackEvidence{Label: "virtual", Facing: "environment", Clock: "page", Webdriver: true}, Indexed: true, Similar: 60}
	p.Weigh()
	return p
}

func TestCaptureAssurance(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ProvenanceEvidence)
		want   Assurance
	}{
		"nothing odd":               {func(*ProvenanceEvidence) {}, AssuranceWebUnattested},
		"a virtual camera's name":   {func(p *ProvenanceEvidence) { p.Track.Label = "virtual" }, AssuranceWebSuspicious},
		"a driven browser":          {func(p *ProvenanceEvidence) { p.Track.Webdriver = true }, AssuranceWebSuspicious},
		"no noise":                  {func(p *ProvenanceEvidence) { p.Noise, p.Still = 0, .7 }, AssuranceWebUnattested},
		"no noise, twice quantised": {func(p *ProvenanceEvidence) { p.Noise, p.Still, p.Combed = 0, .7, .4 }, AssuranceWebSuspicious},
		"a camera that smooths":     {func(p *ProvenanceEvidence) { p.Noise, p.Combed, p.EvenTimes = 0, .4, 0 }, AssuranceWebUnattested},
		"no noise was measured":     {func(p *ProvenanceEvidence) { p.Noise, p.NoiseBlocks = 0, 0 }, AssuranceWebUnattested},
		"a still picture":           {func(p *ProvenanceEvidence) { p.Still = 1 }, AssuranceWebSuspicious},
		"one weak hint":             {func(p *ProvenanceEvidence) { p.Track.Clock = "page" }, AssuranceWebUnattested},
		"a slow network":            {func(p *ProvenanceEvidence) { p.DriftMS = 4000 }, AssuranceWebUnattested},
		"weak hints together":       {func(p *ProvenanceEvidence) { p.Combed, p.EvenTimes = 1, 1 }, AssuranceWebSuspicious},
		"few marks are chance":      {func(p *ProvenanceEvidence) { p.Similar = minSimilar - 1 }, AssuranceWebUnattested},
		"a near-duplicate":          {func(p *ProvenanceEvidence) { p.Similar = minSimilar }, AssuranceReplaySuspected},
		"a stored picture":          {func(p *ProvenanceEvidence) { p.Reused = 1 }, AssuranceReplaySuspected},
		"few marks of sound":        {func(p *ProvenanceEvidence) { p.Heard = minHeard - 1 }, AssuranceWebUnattested},
		"a sound heard before":      {func(p *ProvenanceEvidence) { p.Heard = minHeard }, AssuranceReplaySuspected},
		"the same samples":          {func(p *ProvenanceEvidence) { p.SameSound = true }, AssuranceReplaySuspected},
		"a duplicate that is noisy": {func(p *ProvenanceEvidence) { p.Similar, p.Noise = minSimilar, 0 }, AssuranceReplaySuspected},
	} {
		e := genuine()
		c.change(e.Provenance)
		e.Provenance.Weigh()
		if got := CaptureAssurance(e); got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, e.Provenance.Signals)
		}
	}
	if got := CaptureAssurance(Evidence{}); got != AssuranceWebUnattested {
		t.Errorf("not measured: %s", got)
	}
}

// Whatever the hints say, and however many, the decision is the one without
// them: only stored bytes are a finding.
func TestHintsNeverDecide(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	fill := func(p *ProvenanceEvidence) {
		v := reflect.ValueOf(p).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); f.Kind() {
			case reflect.Float64:
				f.SetFloat(r.NormFloat64() * 1000)
			case reflect.Int:
				f.SetInt(int64(r.Intn(1000)))
			}
		}
		p.Reused, p.Track = 0, hinted().Track
		p.Weigh()
	}
	for range 2000 {
		e := genuine()
		e.Flash.P, e.Match.Similarity = []float64{1e-4, .01, .4}[r.Intn(3)], []float64{.8, .3}[r.Intn(2)]
		want := Decide(DefaultPolicy(), e)
		fill(e.Provenance)
		if got := Decide(DefaultPolicy(), e); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, want %+v, with %+v", got, want, e.Provenance)
		}
	}
}

// A sound that was heard before rejects where sound is judged, and where the
// policy asks the index at all.
func TestHeardSoundRejects(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		reused int
		p      ProvenanceEvidence
		want   bool
	}{
		"few marks":        {MethodDigits, 2, ProvenanceEvidence{Heard: minHeard - 1}, false},
		"enough":           {MethodDigits, 2, ProvenanceEvidence{Heard: minHeard}, true},
		"the same samples": {MethodDigits, 2, ProvenanceEvidence{SameSound: true}, true},
		"not asked":        {MethodDigits, 0, ProvenanceEvidence{SameSound: true, Heard: 900}, false},
		"colours":          {MethodFlash, 2, ProvenanceEvidence{SameSound: true, Heard: 900}, false},
		"stored frames":    {MethodDigits, 2, ProvenanceEvidence{Reused: 2}, true},
	} {
		p := DefaultPolicy()
		p.MinReused = c.reused
		d := Decide(p, Evidence{Method: c.method, Provenance: &c.p})
		if got := d.Reasons[0] == ReasonReplayed && d.Outcome == OutcomeReject; got != c.want {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

// docs/security.md publishes every signal with its weight.
func TestSignalsArePublished(t *testing.T) {
	b, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	all := hinted().Signals
	if len(all) != len(SignalRules()) {
		t.Errorf("%v do not speak together", all)
	}
	for _, r := range SignalRules() {
		if want := "| `" + string(r.Signal) + "` | " + strconv.FormatFloat(r.Weight, 'f', -1, 64) + " |"; !strings.Contains(string(b), want) {
			t.Errorf("docs/security.md does not say %q", want)
		}
	}
}
