package acceptance

// Spec is one line of the plan: what is measured, what is wanted, and when it
// is to be run.
type Spec struct {
	Area   string
	Wanted string
	Gate   string // C each commit, N nightly, R before a release; "C/N": a small instance each commit
	// Missing says why nothing can be measured yet, "" when it can.
	Missing string
}

// Reasons why a line can't be measured in this tree.
const (
	noPostgres = "there is one store, SQLite"
	noLab      = "needs attacks and people in front of real cameras"
)

// Table is the plan, in the order in which it is printed.
var Table = []Spec{
	{Area: "One-time redemption", Wanted: "1,000 at once on one credential, 100 rounds: exactly 1 first redemption a round, one stable code for the rest", Gate: "C/N"},
	{Area: "Redemption control", Wanted: "a redemption that reads and then writes is noticed in ≥ 95 % of the rounds", Gate: "N"},
	{Area: "Lost response", Wanted: "the answer lost after the commit, asked again, 1,000 times: the same body, marked as repeated, 1 redemption in the audit log", Gate: "N"},
	{Area: "Cross-app", Wanted: "9,900 credentials of other apps: 0 answered, identical bytes", Gate: "C"},
	{Area: "Expiry", Wanted: "a second before and after the end, the clock moved by ±1 h, 1,000 times: 0 wrong", Gate: "C"},
	{Area: "Crash", Wanted: "kill -9 at 200 random moments under load, at every failpoint, and stopped for 30 s: 0 lost, 0 doubled, 0 states that differ from the audit log, ready again < 5 s", Gate: "N"},
	{Area: "Power-loss model", Wanted: "writes that were not synced are dropped, 500 runs: 0 acknowledged decisions lost", Gate: "R"},
	{Area: "Disk full", Wanted: "a volume of 64 MiB filled 20 times (the plan for releases: 50): 0 decisions without an audit row, works again by itself", Gate: "N"},
	{Area: "n-th I/O failure", Wanted: "call n fails, for all n: 0 panics, 0 half-made states", Gate: "N"},
	{Area: "Fuzz uploads", Wanted: "100,000 mutated pictures, recordings, sounds and JSON bodies: 0 panics, 0 answers 5xx, a code with each refusal, p99 < 50 ms", Gate: "N/R"},
	{Area: "Memory bombs", Wanted: "500 bombs, 32 at once: memory rises < 150 MiB, each < 50 ms", Gate: "C/N"},
	{Area: "ID numbers", Wanted: "10,000 malformed and 10,000 valid: all right, 0 look-ups for malformed ones", Gate: "C"},
	{Area: "Names", Wanted: "5,000 names with rare characters, dots, look-alikes and both normal forms: what is stored is found", Gate: "C"},
	{Area: "Enumeration", Wanted: "10,000 known and 10,000 unknown: identical bytes, |t| < 4.5, AUC 0.50 ± 0.02", Gate: "N"},
	{Area: "Guessing", Wanted: "1,000,000 guessed sessions and credentials: 0 found", Gate: "N"},
	{Area: "PII in logs", Wanted: "canaries of 200 sessions (a night: 10,000) in 8 encodings over every sink: 0 found", Gate: "C/N"},
	{Area: "Static PII guard", Wanted: "no personal value reaches a formatter, a log or a URL in the source: 0 findings", Gate: "C"},
	{Area: "At rest", Wanted: "canaries in a database dump, a backup and temporary files: 0 found", Gate: "N"},
	{Area: "AAD swap", Wanted: "2,000 sealed values moved between people, purposes or models: 2,000 refused", Gate: "C"},
	{Area: "Key rotation", Wanted: "1,000,000 people wrapped anew while serving: 0 failed reads, < 10 min", Gate: "R"},
	{Area: "Deletion", Wanted: "1,000 people deleted, a backup of a week ago restored: 0 readable, the receipts verify", Gate: "N"},
	{Area: "Retention", Wanted: "400 days on a simulated clock: every class is gone within its limit + 1 h", Gate: "C"},
	{Area: "Audit", Wanted: "every flipped byte of 2,000 records, and every deletion, reorder, truncation, fork and foreign signature: found offline", Gate: "C/N"},
	{Area: "Audit completeness", Wanted: "every route that changes something, with each outcome: exactly 1 record", Gate: "C"},
	{Area: "AuthZ matrix", Wanted: "every route × role × tenant: 0 unexpected answers", Gate: "C"},
	{Area: "SSRF", Wanted: "300 payloads and 1,000 rebindings: 0 connections", Gate: "C"},
	{Area: "SQLi / XSS / CSV", Wanted: "10,000, 2,000 and 1,000 payloads: 0 take effect", Gate: "N"},
	{Area: "CSRF", Wanted: "every route that changes something, asked from another site: all refused", Gate: "C"},
	{Area: "Admin brute force", Wanted: "100,000 guesses: 0 let in, the owner still is", Gate: "N"},
	{Area: "Signed-request replay", Wanted: "10,000 repeated signed requests: 0 accepted", Gate: "C"},
	{Area: "Model tamper", Wanted: "100 flipped bits a file: 100 % refuse to start", Gate: "C"},
	{Area: "Build", Wanted: "two clean machines build the same bytes; an SBOM; 0 known reachable vulnerabilities", Gate: "R"},
	{Area: "Load", Wanted: "100 sessions/s for 1 h on 2 cores, no inference: p99 < 50 ms, 0 errors, flat memory", Gate: "N"},
	{Area: "Soak", Wanted: "72 h with faults: nothing leaks", Gate: "R"},
	{Area: "Invariants", Wanted: "100,000 random sequences of calls against a model: 0 differences", Gate: "N"},
	{Area: "Flash safety", Wanted: "100,000 codes through an independent analyser: 0 with more than 3 flashes a second, 0 saturated red", Gate: "C"},
	{Area: "Challenge", Wanted: "100,000 codes: ≥ 17 bits, χ² p > 0.01, never the same twice", Gate: "C"},
	{Area: "PAD L1-style", Wanted: "6 species × 150 attacks and 50 people: 0 accepted, BPCER ≤ 5 %", Gate: "R", Missing: noLab},
	{Area: "PAD L2-style", Wanted: "5 species × 150 attacks and 250 people: ≤ 1 % a species, BPCER ≤ 5 %", Gate: "R", Missing: noLab},
	{Area: "IAPAR", Wanted: "the whole system: upper bound < 7 % a species", Gate: "R", Missing: noLab},
	{Area: "Injection", Wanted: "2 methods × 10 instruments × 30: 0 of 600 accepted", Gate: "N", Missing: noLab},
	{Area: "Replay", Wanted: "1,000 old recordings sent again: 0 accepted", Gate: "N"},
	{Area: "Matching", Wanted: "FMR ≤ 1e-4 at FNMR ≤ 1 %, over ≥ 300,000 pairs of strangers", Gate: "R"},
	{Area: "Demographics", Wanted: "no group > 25 % worse than all together", Gate: "R"},
	{Area: "User time", Wanted: "from consent to result ≤ 20 s in the middle, capture ≤ 8 s", Gate: "R", Missing: noLab},
	{Area: "Accessibility", Wanted: "0 serious findings of axe-core on any page; all ways through it complete", Gate: "N"},
	{Area: "Legal UX", Wanted: "consent not ticked, an own screen; another way visible at each step; zh and en say the same", Gate: "C"},
	{Area: "100 k counter", Wanted: "79,999 to 100,001 people with deletions: alerts at 80, 95 and 100 thousand, the due date right", Gate: "C"},
	{Area: "Incident export", Wanted: "who was touched between two times, of 1,000,000 rows: < 60 s, and right", Gate: "N"},
	{Area: "Upgrade / rollback", Wanted: "from each of the last 5 versions with 100,000 rows, killed in the middle 20 times: 0 lost", Gate: "R"},
	{Area: "Restore drill", Wanted: "from an empty machine to serving by the documentation alone: < 15 min, checks pass", Gate: "R"},
	{Area: "PostgreSQL", Wanted: "redemption, crash and failover on PostgreSQL, 3 servers", Gate: "N", Missing: noPostgres},
	{Area: "Cost of sealing and audit", Wanted: "≤ 5 ms of CPU on one verification", Gate: "C"},
}

// Find gives the plan's line for area.
func Find(area string) (Spec, bool) {
	for _, s := range Table {
		if s.Area == area {
			return s, true
		}
	}
	return Spec{}, false
}
