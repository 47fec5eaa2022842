package score

// Outcomes counts what became of presentations of one kind.
type Outcomes struct {
	Accepted     int `json:"accepted"`
	Rejected     int `json:"rejected"`     // called an attack, or another person
	Inconclusive int `json:"inconclusive"` // no response, in the words of the standard
}

// N is how many presentations there were.
func (o Outcomes) N() int { return o.Accepted + o.Rejected + o.Inconclusive }

// The rates of ISO/IEC 30107-3. Those of attacks belong to one species of
// instrument; a figure for several is the greatest of theirs, never their mean.

// IAPAR is the share of all attack presentations that were accepted: what an
// attacker gets out of one try at the whole system.
func (o Outcomes) IAPAR() Rate { return Proportion(o.Accepted, o.N()) }

// APCER is the share taken for bona fide among the attacks that were classified
// at all. It is never below IAPAR.
func (o Outcomes) APCER() Rate { return Proportion(o.Accepted, o.Accepted+o.Rejected) }

// APNRR is the share of attacks that got no response.
func (o Outcomes) APNRR() Rate { return Proportion(o.Inconclusive, o.N()) }

// FRR is the share of genuine presentations that were not accepted, for
// whatever reason.
func (o Outcomes) FRR() Rate { return Proportion(o.Rejected+o.Inconclusive, o.N()) }

// BPCER is the share called an attack among the bona fide presentations that
// were classified at all.
func (o Outcomes) BPCER() Rate { return Proportion(o.Rejected, o.Accepted+o.Rejected) }

// BPNRR is the share of bona fide presentations that got no response.
func (o Outcomes) BPNRR() Rate { return Proportion(o.Inconclusive, o.N()) }

// RIAPAR is FRR + IAPAR (ISO/IEC 30107-3:2023): one figure that neither a door
// that never opens nor one that never shuts can make small.
func RIAPAR(live, worst Outcomes) float64 { return live.FRR().Rate + worst.IAPAR().Rate }

// GroupRatio is the greatest rate among groups over their unweighted mean: 1
// when no group fares worse. Groups without members are left out; without any
// error it is 1, with no group 0.
func GroupRatio(groups []Rate) float64 {
	worst, sum, n := 0., 0., 0
	for _, g := range groups {
		if g.N == 0 {
			continue
		}
		worst, sum, n = max(worst, g.Rate), sum+g.Rate, n+1
	}
	switch {
	case n == 0:
		return 0
	case sum == 0:
		return 1
	}
	return worst / (sum / float64(n))
}
