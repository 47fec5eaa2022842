package flash

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof"
)

// lead films the lead and the pre-roll of a challenge in a world whose page was
// some light before: the series and the times that the client reports.
func (w world) lead(ch faceproof.FlashChallenge, page float64, r *rand.Rand) (Series, Lead) {
	s := Series{BackgroundCells: 60, SkinCells: 140}
	l := Lead{Dark: 100.05, End: math.Inf(1)}
	l.Neutral = l.Dark + float64(ch.LeadMS)/1000 + .01
	fade, rest := float64(ch.FadeMS)/1000, srgb(ch.Neutral[1])
	shown := func(t float64) float64 {
		if t < l.Neutral {
			return page * min(max(1-(t-l.Dark)/fade, 0), 1)
		}
		return rest * min((t-l.Neutral)/fade, 1)
	}
	walk := 0.
	for t := 100.; t < l.Neutral+1.05; t += 1 / w.fps {
		var x float64
		for i := range 4 {
			x += shown(t-w.latency-w.exposure*float64(i)/4) / 4
		}
		walk = .9*walk + w.motion*r.NormFloat64()
		gain := 1 / (1 + .5*w.q[1]*x) * (1 + walk)
		var face, bg [3]float64
		for c := range face {
			face[c] = w.ambient[c] * gain * (1 + w.q[c]*x) * (1 + w.noise*r.NormFloat64())
			bg[c] = .3 * gain * (1 + w.bg*w.q[c]*x) * (1 + w.noise*r.NormFloat64())
		}
		s.Times = append(s.Times, t+w.jitter*math.Abs(r.NormFloat64()))
		s.Face, s.Background = append(s.Face, face), append(s.Background, bg)
	}
	return s, l
}

// The prediction is the amplitude, whatever the exposure does, within its own
// error (simulated).
func TestPredict(t *testing.T) {
	const n = 400
	r := rand.New(rand.NewPCG(5, 6))
	ch := drawOne(t, seeded(4))
	full := srgb(ch.Neutral[1])
	inside, refused := 0, 0
	for i := range n {
		w := room(r)
		w.bg = 0
		s, l := w.lead(ch, r.Float64(), r)
		p, ok := Predict(ch, l, s)
		if !ok {
			refused++
			continue
		}
		want := 0. // the log of what neutral light adds, by light
		for _, q := range w.q {
			want += math.Log(1+q*full) / full / 3
		}
		if math.Abs(p.Amplitude-want) <= 2*p.Error {
			inside++
		}
		if math.Abs(p.Amplitude-want) > .01+.1*want {
			t.Errorf("world %d %+v: %+v, want amplitude %.4f", i, w, p, want)
		}
		if p.Error > .02 || !(p.Error > 0) || math.Abs(p.LatencyMS/1000-w.latency) > .08+w.exposure {
			t.Errorf("world %d, latency %.3f: %+v", i, w.latency, p)
		}
	}
	t.Logf("simulated: %d of %d within two standard errors, %d not told", inside, n, refused)
	if inside < n*80/100 || refused > 0 {
		t.Errorf("%d of %d within two standard errors, %d not told", inside, n, refused)
	}
}

// What the background gets too is lost.
func TestPredictIsTooSmallByTheBackground(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	ch := drawOne(t, seeded(4))
	w := world{fps: 15, latency: .1, exposure: .02, ambient: [3]float64{.3, .2, .2}, q: [3]float64{.1, .1, .1}, bg: .5, noise: .001}
	s, l := w.lead(ch, .9, r)
	if p, ok := Predict(ch, l, s); !ok || math.Abs(p.Amplitude-.05) > .006 {
		t.Errorf("%+v, %t", p, ok)
	}
}

func TestPredictTellsWhenItCannot(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	ch := drawOne(t, seeded(4))
	w := room(r)
	w.fps, w.latency = 15, .1
	good, lead := w.lead(ch, .9, r)
	if _, ok := Predict(ch, lead, good); !ok {
		t.Fatal("the good one cannot be told")
	}
	cut := func(s Series, n int) Series {
		s.Times, s.Face, s.Background = s.Times[:n], s.Face[:n], s.Background[:n]
		return s
	}
	noBackground, still, noLead := good, good, ch
	noBackground.Background = nil
	still.Background = make([][3]float64, len(good.Times))
	noLead.LeadMS = 0
	for name, c := range map[string]struct {
		ch faceproof.FlashChallenge
		l  Lead
		s  Series
	}{
		"nothing":              {ch, lead, Series{}},
		"no lead":              {noLead, lead, good},
		"no lead reported":     {ch, Lead{Dark: math.NaN(), Neutral: lead.Neutral, End: lead.End}, good},
		"no pre-roll reported": {ch, Lead{Dark: lead.Dark, Neutral: math.NaN(), End: lead.End}, good},
		"a lead cut short":     {ch, Lead{Dark: lead.Neutral - .1, Neutral: lead.Neutral, End: lead.End}, good},
		"dark only":            {ch, lead, cut(good, 12)},
		"no background":        {ch, lead, noBackground},
		"black background":     {ch, lead, still},
		"over before it began": {ch, Lead{Dark: lead.Dark, Neutral: lead.Neutral, End: lead.Dark}, good},
	} {
		if p, ok := Predict(c.ch, c.l, c.s); ok {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
