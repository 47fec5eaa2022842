package faceproof

import (
	"maps"
	"slices"
	"time"
)

// RetentionClass names what is kept for one purpose and deleted at one time.
// Each table of the store and each kind of blob has one.
type RetentionClass string

// The classes.
const (
	// RetainCapture: pictures, sound, a portrait for getimage, a recording for
	// getvideo. Raw pictures are in memory alone, until the decision.
	RetainCapture RetentionClass = "capture"
	// RetainEvidence: the numbers that a decision was made by.
	RetainEvidence RetentionClass = "evidence"
	// RetainDecision: the verification with its outcome and its sealed subject.
	RetainDecision RetentionClass = "decision"
	// RetainConsent: what the person agreed to, and when.
	RetainConsent RetentionClass = "consent"
	// RetainAudit: who did what, without names. Entries go from the oldest on;
	// their hashes stay, so that the log still proves what it holds.
	RetainAudit RetentionClass = "audit"
	// RetainProof: hashes of audit entries, the tree over them and its signed
	// heads. Nobody is named in them, and no entry can be read from them.
	RetainProof RetentionClass = "proof"
	// RetainMarks: keyed hashes of frames and sounds, by which a replay is known.
	RetainMarks RetentionClass = "marks"
	// RetainCounters: attempts and calls that count against a budget.
	RetainCounters RetentionClass = "counters"
	// RetainLocks: failures in a row of one person; from the last one on.
	RetainLocks RetentionClass = "locks"
	// RetainTokens: tokens, user_id_keys and credentials, after their own expiry.
	RetainTokens RetentionClass = "tokens"
	// RetainRegistry: who is enrolled. It ends by removal, not by time.
	RetainRegistry RetentionClass = "registry"
	// RetainSettings: apps, applications and facts about the database. No person
	// is in them.
	RetainSettings RetentionClass = "settings"
)

const day = 24 * time.Hour

// MinAuditDays is how long an audit entry is kept at least: three years, as
// records of processing must be (PIPL Art. 56). Whoever checks the log holds the
// removal of an entry against it.
const MinAuditDays = 1095

// RetentionRule says how long a class is kept.
type RetentionRule struct {
	Class RetentionClass
	// Limit is the time after which a row is deleted, at the latest an hour
	// later; 0: not by time.
	Limit time.Duration
	// MinDays and MaxDays bound what an operator may set for the server; both 0:
	// it is fixed.
	MinDays, MaxDays int
	// PerApp classes may be shorter in one app, never longer.
	PerApp bool
	// From names the moment that Limit counts from.
	From string
}

// RetentionRules is the whole table, in the order of the documentation.
// Sources: security.md section 2.2 (raw captures in memory);
// PIPL Art. 19 (the shortest time necessary) and Art. 56 (records of processing
// for at least three years); NIST SP 800-63B section 3.2.3 for locks.
func RetentionRules() []RetentionRule {
	return []RetentionRule{
		{Class: RetainCapture, Limit: 5 * time.Minute, From: "the decision"},
		{Class: RetainEvidence, Limit: 365 * day, MinDays: 1, MaxDays: 3650, PerApp: true, From: "the end of the verification"},
		{Class: RetainDecision, Limit: 3650 * day, MinDays: 1, MaxDays: 3650, PerApp: true, From: "the end of the verification"},
		{Class: RetainConsent, Limit: 1095 * day, MinDays: 1, MaxDays: 3650, PerApp: true, From: "the consent"},
		{Class: RetainAudit, Limit: MinAuditDays * day, MinDays: MinAuditDays, MaxDays: 3650, From: "the end of the half hour of the entry"},
		{Class: RetainProof, From: "never: what is kept of the log would prove nothing"},
		{Class: RetainMarks, Limit: 30 * day, MinDays: 1, MaxDays: 30, From: "the capture"},
		{Class: RetainCounters, Limit: 2 * day, From: "the attempt, or the end of the day of the calls"},
		{Class: RetainLocks, Limit: 365 * day, MinDays: 30, MaxDays: 3650, From: "the last failure"},
		{Class: RetainTokens, Limit: day, From: "the expiry; of user_id_keys and credentials at once"},
		{Class: RetainRegistry, From: "the removal of the person"},
		{Class: RetainSettings, From: "the removal"},
	}
}

// Retention is a number of days by class: of an app, or of a server. What it
// does not name is as the rules say.
type Retention map[RetentionClass]int

// ruleOf finds the rule of a class.
func ruleOf(c RetentionClass) (RetentionRule, bool) {
	rules := RetentionRules()
	i := slices.IndexFunc(rules, func(r RetentionRule) bool { return r.Class == c })
	if i < 0 {
		return RetentionRule{}, false
	}
	return rules[i], true
}

// CheckRetention refuses classes that may not be set and days out of bounds;
// perApp says that the days are an app's. Errors: CodeInvalid with field.
func CheckRetention(r Retention, perApp bool, field string) error {
	for _, c := range slices.Sorted(maps.Keys(r)) {
		rule, known := ruleOf(c)
		switch days := r[c]; {
		case !known || rule.MaxDays == 0 || perApp && !rule.PerApp:
			return Errorf(CodeInvalid, field, "must name one of %v", settable(perApp))
		case days < rule.MinDays || days > rule.MaxDays:
			return Errorf(CodeInvalid, field, "%s must be %d to %d days", c, rule.MinDays, rule.MaxDays)
		}
	}
	return nil
}

// settable lists the classes whose days an operator may set.
func settable(perApp bool) (out []RetentionClass) {
	for _, r := range RetentionRules() {
		if r.MaxDays > 0 && (r.PerApp || !perApp) {
			out = append(out, r.Class)
		}
	}
	return out
}

// Limit is how long the server keeps a class; 0: not by time.
func (r Retention) Limit(c RetentionClass) time.Duration {
	if days, set := r[c]; set {
		return time.Duration(days) * day
	}
	rule, _ := ruleOf(c)
	return rule.Limit
}

// LimitOf is how long the server r keeps a class of one app: the shortest of
// the server's limit, the app's own, and, for a decision, what its notice tells
// the person. Evidence never outlives its decision.
func (r Retention) LimitOf(a App, c RetentionClass) time.Duration {
	limit := r.Limit(c)
	if days, set := a.Retain[c]; set {
		limit = min(limit, time.Duration(days)*day)
	}
	switch c {
	case RetainDecision:
		// A day at least, so that the business can read the result.
		limit = min(limit, time.Duration(max(a.Notice.RetentionDays, 1))*day)
	case RetainEvidence:
		limit = min(limit, r.LimitOf(a, RetainDecision))
	}
	return limit
}
