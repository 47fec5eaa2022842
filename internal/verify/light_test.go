package verify

import (
	"context"
	"encoding/json"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
)

func (a *fakeAnalysis) Light(t capture.Transcript) faceproof.LightEvidence {
	defer a.enter("light")()
	a.lights = append(a.lights, t)
	if a.light != nil {
		return a.light(t.Attempt)
	}
	return enoughLight()
}

func enoughLight() faceproof.LightEvidence {
	return faceproof.LightEvidence{Frames: 24, FPS: 15, Brightness: .5, Predicted: true, Amplitude: .1, Error: .003, BackgroundCells: 60}
}

// Type 2 in a room where the colours would not show: no colours, the advice that
// fits, and at the last attempt colours all the same. What was predicted stays
// with the decision.
func TestLightDecidesType2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.analysis.light = func(int) faceproof.LightEvidence {
			e := enoughLight()
			e.Amplitude, e.Error = .001, .002
			return e
		}
		p := w.play(context.Background(), w.start1())
		for n, hint := range []faceproof.Hint{faceproof.HintRaiseBrightness, faceproof.HintTooBright} {
			r := p.attempt(n + 1)
			if r["outcome"] != "retry" || r["hint"] != string(hint) || r["attempt"] != float64(n+1) || p.last("challenge") != nil {
				t.Fatalf("attempt %d: %v", n+1, r)
			}
			v := w.store.only(t)
			var e faceproof.Evidence
			if err := json.Unmarshal(v.Evidence, &e); err != nil || v.State != faceproof.StateCapturing || !e.Declined || e.Light == nil || e.Light.Amplitude != .001 || e.Flash != nil {
				t.Fatalf("%s, evidence %s, %v", v.State, v.Evidence, err)
			}
		}
		if len(w.analysis.finished) != 0 || len(w.analysis.lights) != 2 {
			t.Fatalf("%d finished, %d lights", len(w.analysis.finished), len(w.analysis.lights))
		}
		r := p.attempt(3)
		if r["outcome"] != "pass" || p.last("challenge") == nil {
			t.Fatalf("last attempt: %v", r)
		}
		p.live.Close("")
		info := w.redeemed(t, r)
		if info.Method() != faceproof.AliveFlash || info.AliveReason() != "light_weak" || info.Decision.Method != "flash" {
			t.Errorf("method %d, reason %q, %+v", info.Method(), info.AliveReason(), info.Decision)
		}
	})
}

// redeemed reads the verification of the world as its business would.
func (w *world) redeemed(t *testing.T, result map[string]any) Info {
	t.Helper()
	info, err := w.s.info(w.store.only(t))
	if err != nil || result["verify_result"] == "" {
		t.Fatalf("%v, %v", err, result)
	}
	return info
}

// Whoever asked for the flash gets it whatever the light, and no reason; of
// type 2 in a good room the reason is told.
func TestLightIsOnlyRecordedForType1(t *testing.T) {
	for asked, want := range map[faceproof.AliveType]string{faceproof.AliveFlash: "", faceproof.AliveAuto: "light_enough"} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.analysis.light = func(int) faceproof.LightEvidence {
				e := enoughLight()
				if asked == faceproof.AliveFlash {
					e.Amplitude, e.Error = 0, 0
				}
				return e
			}
			st, err := w.s.Start1(context.Background(), w.app, w.subject, asked, "", false)
			if err != nil || st.Methods.First != faceproof.AliveFlash {
				t.Fatalf("%+v, %v", st, err)
			}
			p := w.play(context.Background(), st)
			r := p.attempt(1)
			if r["outcome"] != "pass" {
				t.Fatalf("asked for %d: %v", asked, r)
			}
			p.live.Close("")
			if info := w.redeemed(t, r); info.AliveReason() != want || info.Method() != faceproof.AliveFlash || info.Verification.Alive != asked {
				t.Errorf("asked for %d: %q, %+v", asked, info.AliveReason(), info.Decision)
			}
		})
	}
}

// A room that changes between the attempts is measured again.
func TestLightIsMeasuredEachAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.analysis.light = func(attempt int) faceproof.LightEvidence {
			e := enoughLight()
			if attempt == 1 {
				e.Brightness = .95
			}
			return e
		}
		p := w.play(context.Background(), w.start1())
		if r := p.attempt(1); r["outcome"] != "retry" || r["hint"] != "too_bright" {
			t.Fatalf("%v", r)
		}
		r := p.attempt(2)
		if r["outcome"] != "pass" {
			t.Fatalf("%v", r)
		}
		p.live.Close("")
		if info := w.redeemed(t, r); info.AliveReason() != "light_enough" {
			t.Errorf("%q", info.AliveReason())
		}
	})
}

// The light before the colours says how many there are, whatever type was asked.
func TestLightChoosesThePlan(t *testing.T) {
	for amplitude, want := range map[float64]faceproof.Plan{.1: faceproof.PlanUsual, .02: faceproof.PlanLong, 0: faceproof.PlanLong} {
		for _, strict := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, func(c *Config) {
					if c.Policy = faceproof.DefaultPolicy(); strict {
						c.Policy = c.Policy.Strict()
					}
				})
				w.analysis.light = func(int) faceproof.LightEvidence {
					e := enoughLight()
					e.Amplitude = amplitude
					return e
				}
				st, err := w.s.Start1(context.Background(), w.app, w.subject, faceproof.AliveFlash, "", false)
				if err != nil {
					t.Fatal(err)
				}
				p := w.play(context.Background(), st)
				p.attempt(1)
				p.live.Close("")
				if strict && want == faceproof.PlanUsual {
					want = faceproof.PlanStrict
				}
				if len(w.plans) != 1 || w.plans[0] != want {
					t.Errorf("amplitude %g, strict %t: %+v, want %+v", amplitude, strict, w.plans, want)
				}
				if asked := w.analysis.lights[0].Challenge; len(asked.Segments) != 0 || asked.Nonce != "" || asked.LeadMS == 0 {
					t.Errorf("the colours were drawn before the light was known: %+v", asked)
				}
			})
		}
	}
}
