package faceproof

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
)

// genuine is evidence that passes with room to spare.
func genuine() Evidence {
	return Evidence{
		PackID: "standard", Method: "flash", Assurance: AssuranceWebUnattested, Attempt: 1,
		Capture: CaptureEvidence{Captured: 80, Received: 80, FPS: 15, JPEGQ: 85},
		Face:    FaceEvidence{Analysed: 80, WithFace: 80, Continuity: .8},
		Flash: &FlashEvidence{P: 1e-4, Candidates: 10000, Z: 8, R2: .95, Amplitude: .1, LatencyMS: 90, BackgroundRatio: .05, BackgroundCells: 200, SkinCells: 90, Measurable: true,
			L: 8, Cut: 1, Shape: ShapeEvidence{Cells: 90, HeadCells: 200, B: .6, BSE: .1, Spec: 1, SpecSE: .5, D: .8, DSE: .6, Spread: .3, Kappa: .05, KappaSE: .05}},
		Match:     &MatchEvidence{ModelID: "m", Similarity: .8, Threshold: .5, FMR: 1e-4, ProbeFrames: 5, ReferenceFrames: 5},
		Light:     &LightEvidence{Frames: 24, FPS: 15, Brightness: .5, Predicted: true, Amplitude: .1, Error: .003, LatencyMS: 90, BackgroundCells: 200},
		Reference: ReferenceFound,
		Parallax:  &ParallaxEvidence{Slope: .1, SE: .5, Growth: 1.1, Frames: 8, Continuity: .8},
		Provenance: &ProvenanceEvidence{Frames: 80, NoiseBlocks: 9000, Noise: .8, NoiseSlope: 1, Still: .2, Encodings: 1,
			Indexed: true, Signals: []Signal{}},
	}
}

func TestDecide(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Evidence)
		want   Outcome
		reason Reason
		hint   Hint
	}{
		{"genuine", func(*Evidence) {}, OutcomePass, ReasonPass, HintNone},
		{"replay: stored pictures", func(e *Evidence) { e.Provenance.Reused = 2 }, OutcomeReject, ReasonReplayed, HintNone},
		{"one stored picture", func(e *Evidence) { e.Provenance.Reused = 1 }, OutcomePass, ReasonPass, HintNone},
		{"hints never accuse", func(e *Evidence) { e.Provenance = hinted() }, OutcomePass, ReasonPass, HintNone},
		{"replay: strong light, another sequence", func(e *Evidence) { e.Flash.P = .4 }, OutcomeReject, ReasonNotFresh, HintNone},
		{"replay: another sequence that ours fits badly", func(e *Evidence) { e.Flash.P, e.Flash.Amplitude, e.Flash.Flicker = .4, .02, .1 }, OutcomeReject, ReasonNotFresh, HintNone},
		{"static picture: no light", func(e *Evidence) { e.Flash.P, e.Flash.Amplitude = .4, .004 }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"one attempt may not use the whole alpha", func(e *Evidence) { e.Flash.P = 1e-3 }, OutcomeInconclusive, ReasonFreshUnsure, HintRaiseBrightness},
		{"whole print or tint", func(e *Evidence) { e.Flash.BackgroundRatio, e.Flash.L = .6, -5 }, OutcomeReject, ReasonBackground, HintNone},
		{"a wall close behind", func(e *Evidence) { e.Flash.BackgroundRatio = .9 }, OutcomePass, ReasonPass, HintNone},
		{"a background that answers, a shape not sure", func(e *Evidence) { e.Flash.BackgroundRatio, e.Flash.L = .4, 3 }, OutcomeInconclusive, ReasonBackgroundUnsure, HintHoldStill},
		{"no background to see, a sure shape", func(e *Evidence) { e.Flash.BackgroundCells = 3 }, OutcomePass, ReasonPass, HintNone},
		{"no background to see", func(e *Evidence) { e.Flash.BackgroundCells, e.Flash.L = 3, 3 }, OutcomeInconclusive, ReasonBackgroundUnsure, HintFarther},
		{"weak light never accuses the background", func(e *Evidence) { e.Flash.BackgroundRatio, e.Flash.Amplitude, e.Flash.L = .6, .02, -1 }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"a cut-out or a tint of the face", func(e *Evidence) { e.Flash.L = -4 }, OutcomeReject, ReasonFlat, HintNone},
		{"another screen", func(e *Evidence) { e.Flash.Shape.Kappa, e.Flash.L = -.9, 1 }, OutcomeReject, ReasonEmissive, HintNone},
		{"pieces of video", func(e *Evidence) { e.Flash.Cut = 3.5 }, OutcomeReject, ReasonSplice, HintNone},
		{"a screen's shape is no print's", func(e *Evidence) { e.Flash.Shape.Kappa, e.Flash.L = -.9, -4 }, OutcomeReject, ReasonEmissive, HintNone},
		{"weak light never accuses the shape", func(e *Evidence) { e.Flash.L, e.Flash.Amplitude = -4, .02 }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"no shape in too much light", func(e *Evidence) { e.Flash.L, e.Flash.Amplitude = .2, .02 }, OutcomeInconclusive, ReasonShapeUnsure, HintRaiseBrightness},
		{"no shape in little light", func(e *Evidence) { e.Flash.L, e.Flash.Amplitude = .2, .05 }, OutcomeInconclusive, ReasonShapeUnsure, HintRaiseBrightness},
		{"no shape of a small face", func(e *Evidence) { e.Flash.L, e.Face.Quality.WidthShare = .2, .3 }, OutcomeInconclusive, ReasonShapeUnsure, HintCloser},
		{"no shape", func(e *Evidence) { e.Flash.L = .2 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"a shape that seems to glow", func(e *Evidence) { e.Flash.Shape.Kappa = -.9 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"perhaps a screen", func(e *Evidence) { e.Flash.Shape.Kappa = -.75 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"an uneven answer", func(e *Evidence) { e.Flash.Shape.Spread = 1.3 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"perhaps pieces", func(e *Evidence) { e.Flash.Cut = 2.5 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"shape not measured", func(e *Evidence) { e.Flash.Shape.Cells = 0 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"veil not measured", func(e *Evidence) { e.Flash.Shape.HeadCells = 0 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"cuts not measured", func(e *Evidence) { e.Flash.Cut = 0 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"parallax helps a weak shape", func(e *Evidence) { e.Flash.L, e.Parallax.L = .8, 6 }, OutcomePass, ReasonPass, HintNone},
		{"parallax alone shows no shape", func(e *Evidence) { e.Flash.L, e.Parallax.L = .2, 30 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"parallax of somebody else", func(e *Evidence) { e.Flash.L, e.Parallax.L, e.Parallax.Continuity = .8, 6, .1 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"parallax does not undo a flat answer", func(e *Evidence) { e.Flash.L, e.Parallax.L = -5, 30 }, OutcomeReject, ReasonFlat, HintNone},
		{"parallax of a sheet, in weak light", func(e *Evidence) { e.Flash.L, e.Flash.Amplitude, e.Parallax.L = .2, .02, -7 }, OutcomeReject, ReasonFlat, HintNone},
		{"perhaps a sheet, in weak light", func(e *Evidence) { e.Flash.L, e.Flash.Amplitude, e.Parallax.L = .2, .02, -5 }, OutcomeInconclusive, ReasonWeakLight, HintRaiseBrightness},
		{"parallax of a sheet, of somebody else", func(e *Evidence) { e.Flash.L, e.Parallax.L, e.Parallax.Continuity = .2, -7, 0 }, OutcomeReject, ReasonFlat, HintNone},
		{"parallax against a clear shape", func(e *Evidence) { e.Flash.L, e.Parallax.L = 5, -7 }, OutcomeInconclusive, ReasonShapeUnsure, HintHoldStill},
		{"strong light that half fits, as a splice does", func(e *Evidence) { e.Flash.R2 = .7 }, OutcomeInconclusive, ReasonFreshUnsure, HintHoldStill},
		{"weak light that half fits, as noise does", func(e *Evidence) { e.Flash.R2, e.Flash.Amplitude = .5, .014 }, OutcomePass, ReasonPass, HintNone},
		{"relayed", func(e *Evidence) { e.Flash.LatencyMS = 360 }, OutcomeReject, ReasonLatency, HintNone},
		{"slow", func(e *Evidence) { e.Flash.LatencyMS = 320 }, OutcomeInconclusive, ReasonLatency, HintHoldStill},
		{"slow network never accuses", func(e *Evidence) { e.Capture.FPS = 5; e.Flash.P = 1; e.Flash.BackgroundRatio = 1 }, OutcomeInconclusive, ReasonTooFewFrames, HintSlowNetwork},
		{"late frames", func(e *Evidence) { e.Capture.ServerMS, e.Capture.DurationMS = 11000, 5300 }, OutcomeInconclusive, ReasonTiming, HintSlowNetwork},
		{"frames as late as a slow network may make them", func(e *Evidence) { e.Capture.ServerMS, e.Capture.DurationMS = 10000, 5300 }, OutcomePass, ReasonPass, HintNone},
		{"gaps", func(e *Evidence) { e.Capture.GapShare = .5 }, OutcomeInconclusive, ReasonTooFewFrames, HintSlowNetwork},
		{"coarse pictures", func(e *Evidence) { e.Capture.JPEGQ = 50 }, OutcomeInconclusive, ReasonTooFewFrames, HintSlowNetwork},
		{"not measurable", func(e *Evidence) { e.Flash.Measurable = false }, OutcomeInconclusive, ReasonTooFewFrames, HintHoldStill},
		{"no flash evidence", func(e *Evidence) { e.Flash = nil }, OutcomeInconclusive, ReasonTooFewFrames, HintHoldStill},
		{"two faces", func(e *Evidence) { e.Face.ManyFaces = 20 }, OutcomeInconclusive, ReasonManyFaces, HintOnePerson},
		{"no face", func(e *Evidence) { e.Face.WithFace = 20 }, OutcomeInconclusive, ReasonNoFace, HintFaceScreen},
		{"a face that leaves", func(e *Evidence) { e.Face.AwayMS = 1000 }, OutcomeInconclusive, ReasonNoFace, HintFaceScreen},
		{"a blink", func(e *Evidence) { e.Face.AwayMS = 400 }, OutcomePass, ReasonPass, HintNone},
		{"no good frame, blurred", func(e *Evidence) { e.Face.Poor, e.Face.Quality.Hint, e.Face.Continuity = true, HintTooDark, 0 }, OutcomeInconclusive, ReasonQuality, HintTooDark},
		{"no good frame, by its components", func(e *Evidence) {
			e.Face.Poor, e.Match = true, nil
			e.Face.Quality.Components = &Components{Sharpness: 40, HeadPoseYaw: 90, HeadPosePitch: 20, LuminanceMean: 90, LuminanceVariance: 90, OverExposurePrevention: NotMeasured}
		}, OutcomeInconclusive, ReasonQuality, HintEyeLevel},
		{"no good frame, unknown why", func(e *Evidence) { e.Face.Poor = true }, OutcomeInconclusive, ReasonQuality, HintHoldStill},
		{"empty capture", func(e *Evidence) { *e = Evidence{} }, OutcomeInconclusive, ReasonTooFewFrames, HintSlowNetwork},
		{"somebody else took over", func(e *Evidence) { e.Face.Continuity = .1 }, OutcomeReject, ReasonSubjectChanged, HintNone},
		{"another person", func(e *Evidence) { e.Match.Similarity = .2 }, OutcomeReject, ReasonFaceMismatch, HintNone},
		{"a threshold without a good enough FMR", func(e *Evidence) { e.Match.FMR = .01 }, OutcomeReject, ReasonFaceMismatch, HintNone},
		{"not registered", func(e *Evidence) { e.Reference, e.Match = ReferenceAbsent, nil }, OutcomeReject, ReasonAbsent, HintNone},
		{"name differs", func(e *Evidence) { e.Reference, e.Match = ReferenceNameMismatch, nil }, OutcomeReject, ReasonNameMismatch, HintNone},
		{"other embedder", func(e *Evidence) { e.Reference, e.Match = ReferenceOtherModel, nil }, OutcomeReject, ReasonOtherModel, HintNone},
		{"nothing could be embedded", func(e *Evidence) { e.Match = nil }, OutcomeInconclusive, ReasonQuality, HintNone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := genuine()
			c.change(&e)
			d := Decide(DefaultPolicy(), e)
			if d.Outcome != c.want || d.Reasons[0] != c.reason || d.Hint != c.hint {
				t.Fatalf("got %+v", d)
			}
		})
	}
}

// Before liveness has passed, the decision is the same whatever the registry
// says: it can't be asked who is registered.
func TestDecideHidesRegistryBeforeLiveness(t *testing.T) {
	for _, p := range []float64{.4, .01} {
		e := genuine()
		e.Flash.P = p
		want := Decide(DefaultPolicy(), e)
		for _, r := range []ReferenceState{ReferenceAbsent, ReferenceNameMismatch, ReferenceOtherModel} {
			e.Reference, e.Match = r, nil
			if got := Decide(DefaultPolicy(), e); !reflect.DeepEqual(got, want) {
				t.Errorf("p %v, %s: %+v, want %+v", p, r, got, want)
			}
		}
	}
}

// Every number that could not be measured (NaN) fails closed.
func TestDecideFailsClosedOnNaN(t *testing.T) {
	v := reflect.TypeOf(Evidence{})
	var walk func(path []int, v reflect.Type)
	walk = func(path []int, v reflect.Type) {
		for i := range v.NumField() {
			f := v.Field(i)
			at := append(append([]int{}, path...), i)
			ft := f.Type
			if ft.Kind() == reflect.Pointer {
				if ft = ft.Elem(); reflect.ValueOf(genuine()).FieldByIndex(at).IsNil() {
					continue // of the other method: TestDecideDigitsFailsClosed
				}
			}
			switch ft.Kind() {
			case reflect.Struct:
				if f.Name != "Quality" {
					walk(at, ft)
				}
			case reflect.Float64:
				e := genuine()
				reflect.ValueOf(&e).Elem().FieldByIndex(at).SetFloat(math.NaN())
				if d := Decide(DefaultPolicy(), e); d.Pass() {
					t.Errorf("%s = NaN passes", f.Name)
				}
			}
		}
	}
	walk(nil, v)
}

func TestEvidenceRoundTrip(t *testing.T) {
	want := genuine()
	j, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Evidence
	if err := json.Unmarshal(j, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v %+v", err, got)
	}
}

func TestStates(t *testing.T) {
	all := []State{StateCreated, StateCapturing, StateCaptured, StateDecided, StateRedeemed, StateEnded}
	allowed := 0
	for _, s := range all {
		for _, u := range all {
			if s.Can(u) {
				allowed++
			}
		}
		if s.Can(s) || StateRedeemed.Can(s) || StateEnded.Can(s) || s.Can(StateCreated) {
			t.Errorf("%s", s)
		}
	}
	if allowed != 8 {
		t.Errorf("%d transitions", allowed)
	}
}

func TestAskApproach(t *testing.T) {
	p := DefaultPolicy()
	ask := func(m ParallaxMode, r Reason) bool { p.Parallax = m; return AskApproach(p, r) }
	for _, c := range []struct {
		mode ParallaxMode
		last Reason
		want bool
	}{
		{ParallaxAuto, "", false}, {ParallaxAuto, ReasonWeakLight, true}, {ParallaxAuto, ReasonShapeUnsure, true},
		{ParallaxAuto, ReasonFreshUnsure, true}, {ParallaxAuto, ReasonBackgroundUnsure, true},
		{ParallaxAuto, ReasonNoFace, false}, {ParallaxAuto, ReasonTooFewFrames, false},
		{ParallaxAlways, "", true}, {ParallaxAlways, ReasonNoFace, true}, {ParallaxNever, ReasonWeakLight, false},
	} {
		if got := ask(c.mode, c.last); got != c.want {
			t.Errorf("%s after %q: %v", c.mode, c.last, got)
		}
	}
	if d := DefaultParallaxPolicy(); !(d.ParallaxPass < DefaultShapePolicy().MinL) {
		t.Error("parallax alone would pass")
	}
}
