package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/face"
	"faceproof/internal/flash"
	"faceproof/internal/simcam"
)

// Camera presents simulated sessions of real portraits.
type Camera struct {
	Engine    *face.Engine
	Portraits []Portrait        // dealt to sessions in turn
	Policy    faceproof.Policy  // decides whether there is another attempt
	Speech    digits.Recogniser // for cells of digits
	Talkers   []aloud.Talker    // for them too: dealt by the seed
}

// scene is what the test camera puts before itself.
func (j Job) scene() simcam.Kind {
	if j.Cell.aloud() {
		return acts[j.Kind].scene
	}
	return simcam.Kind(j.Kind)
}

// voiceParam names, among the conditions of a session, whose voice reads.
const voiceParam = "voice"

// kinds lists what the test camera can present.
func kinds() []string {
	var out []string
	for _, k := range simcam.Kinds {
		out = append(out, string(k))
	}
	return out
}

// quantities lists what a protocol may fix or draw, by JSON name.
func quantities() map[string]reflect.Kind { return scalars(reflect.TypeFor[simcam.Params]()) }

// maxDraws bounds how often conditions are drawn until ρ is in its range, and digits
// until the talkers can say them.
const maxDraws = 1000

// redraw is how far apart the seeds of drawing again are: beyond any seed of a
// session, so that no two share one.
const redraw = 1 << 32

// draw chooses the conditions of a session.
func draw(j Job) (simcam.Params, error) {
	for k := range uint64(maxDraws) {
		seed := j.Seed + k*redraw
		values := drawAll(j.Cell.spreads, rand.New(stream(seed, "params", "")))
		var err error
		p := simcam.Draw(seed, j.scene(), func(p *simcam.Params) {
			w, h := p.Width, p.Height
			*p, err = overlay(*p, values)
			if _, fixed := values["height"]; !fixed { // the picture keeps its shape
				p.Height = p.Width * h / w
			}
		})
		if err != nil {
			return p, err
		}
		if rho := p.Rho(); rho >= j.Cell.RhoMin && (j.Cell.RhoMax == 0 || rho < j.Cell.RhoMax) {
			return p, nil
		}
	}
	return simcam.Params{}, faceproof.Errorf(faceproof.CodeInvalid, "protocol", "rho_min and rho_max do not fit the cell's other conditions: not met in %d draws", maxDraws)
}

// Judge presents one session and measures each of its captures.
func (c *Camera) Judge(ctx context.Context, j Job) (Trial, error) {
	p, err := draw(j)
	if err != nil {
		return Trial{}, err
	}
	who := c.whose(j)
	t := Trial{Person: who.Person, Portrait: who.Key, Rho: p.Rho()}
	if t.Params, err = asMap(p); err != nil {
		return t, err
	}
	if j.Cell.aloud() {
		if c.Speech == nil || len(c.Talkers) == 0 {
			return t, faceproof.Errorf(faceproof.CodeUnavailable, "speech", "digits need a recogniser and voices")
		}
		voice, _ := c.talkers(j)
		t.Params[voiceParam] = voice.Lang + "/" + voice.ID
	}
	scene, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, p)
	if err != nil {
		return t, err
	}
	policy, err := withPolicy(c.Policy, j.Cell.Policy)
	if err != nil {
		return t, err
	}
	for i := range j.Cell.Attempts {
		m := c.measurement(policy, j.Seed, i+1)
		rec, err := c.record(ctx, j, scene, policy, i+1, m)
		if err != nil {
			return t, err
		}
		ev, err := m.finish(ctx, rec)
		if err != nil {
			return t, err
		}
		t.Attempts = append(t.Attempts, ev)
		if decide(policy, t.Attempts).Outcome != faceproof.OutcomeInconclusive {
			break
		}
	}
	return t, nil
}

// whose face a session shows.
func (c *Camera) whose(j Job) *Portrait { return &c.Portraits[int(j.Seed%uint64(len(c.Portraits)))] }

// Present gives the first capture of a session as a recording, to be looked at.
func (c *Camera) Present(ctx context.Context, j Job) (capture.Recording, error) {
	p, err := draw(j)
	if err != nil {
		return capture.Recording{}, err
	}
	who := c.whose(j)
	scene, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, p)
	if err != nil {
		return capture.Recording{}, err
	}
	policy, err := withPolicy(c.Policy, j.Cell.Policy)
	if err != nil {
		return capture.Recording{}, err
	}
	return c.record(ctx, j, scene, policy, 1, c.measurement(policy, j.Seed, 1))
}

// measurement is the analysis of an attempt of a session.
func (c *Camera) measurement(policy faceproof.Policy, seed uint64, attempt int) *measurement {
	return measure(c.Engine, c.Speech, policy.Candidates, stream(seed, "analysis", fmt.Sprint(attempt)))
}

// record films one attempt under a new challenge. Its plan is chosen as the server
// does it: by what m makes of the opening.
func (c *Camera) record(ctx context.Context, j Job, scene *simcam.Scene, policy faceproof.Policy, attempt int, m *measurement) (capture.Recording, error) {
	seed := j.Seed + uint64(attempt-1)*redraw
	if j.Cell.aloud() {
		rd, err := c.newReading(j, fmt.Sprint(attempt))
		if err != nil {
			return capture.Recording{}, err
		}
		rec, err := rd.film(scene, seed)
		rec.Meta.Transcript.Attempt = attempt
		return rec, err
	}
	draw := func(p faceproof.Plan) (faceproof.FlashChallenge, error) {
		return flash.New(stream(j.Seed, "challenge", fmt.Sprint(attempt)), p)
	}
	plan, fixed := plans[j.Cell.Plan]
	if !fixed {
		plan = faceproof.PlanUsual // of the opening
	}
	ch, err := draw(plan)
	if err != nil {
		return capture.Recording{}, err
	}
	var rec capture.Recording
	if fixed {
		rec, err = scene.Record(ch, seed)
	} else {
		rec, err = scene.RecordChosen(ch, seed, func(opening capture.Recording) (faceproof.FlashChallenge, error) {
			light, err := m.forecast(ctx, opening)
			if err != nil {
				return faceproof.FlashChallenge{}, err
			}
			return draw(faceproof.PlanColours(policy, faceproof.PredictLight(policy, light), light))
		})
	}
	rec.Meta.Transcript.Attempt = attempt
	return rec, err
}

// plans are the fixed ones by their names in a protocol; without one the plan is
// chosen.
var plans = map[string]faceproof.Plan{"usual": faceproof.PlanUsual, "strict": faceproof.PlanStrict, "long": faceproof.PlanLong}

// asMap gives the fields of a value by their JSON names.
func asMap(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return m, nil
}
