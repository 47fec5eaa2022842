package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"faceproof"
	"faceproof/internal/eval/score"
)

// Limits of a protocol: outside text, though of the operator's own.
const (
	maxProtocol = 256 << 10 // bytes
	maxCells    = 200
	maxSessions = 10_000  // of a kind in a cell
	maxTrials   = 500_000 // of a campaign
	maxText     = 300     // bytes
	maxBars     = 20      // of a cell
)

// Text is a sentence for people.
type Text struct {
	En string `toml:"en" json:"en"`
	Zh string `toml:"zh" json:"zh"`
}

// Protocol says what is presented, and what must come of it. A file in
// eval/protocols, or an operator's own.
type Protocol struct {
	ID        string `toml:"id"`
	Title     Text   `toml:"title"`
	Portraits string `toml:"portraits"` // "tune", "report" (halves of the persons) or "all"
	Seed      uint64 `toml:"seed"`      // of the first session of the first cell
	Cells     []Cell `toml:"cell"`

	Digest string `toml:"-"` // SHA-256 of the text, hexadecimal
	Text   []byte `toml:"-"`
}

// Cell is one row of a campaign: sessions of some kinds under some conditions.
type Cell struct {
	Name     string         `toml:"name"`
	Title    Text           `toml:"title"`
	Method   string         `toml:"method"`   // "flash", or "digits" read aloud; empty: flash
	Kinds    []string       `toml:"kinds"`    // of simcam, or of acts
	Sessions int            `toml:"sessions"` // of each kind
	Seed     uint64         `toml:"seed"`     // 0: the protocol's, seedStep further for each cell before
	Attempts int            `toml:"attempts"` // captures a session may take while they are inconclusive; 0: 1
	Plan     string         `toml:"plan"`     // of the colours: "usual", "strict", "long"; empty: chosen by the light, as the server does
	RhoMin   float64        `toml:"rho_min"`  // screen lux / ambient lux at the face: drawn again until it holds
	RhoMax   float64        `toml:"rho_max"`  // 0: no limit
	SNR      float64        `toml:"snr"`      // of digits: dB of the speech over pink noise; 0: a quiet room
	AtOnce   bool           `toml:"at_once"`  // of digits: four that are shown together
	NoLight  bool           `toml:"no_light"` // of digits: no colours under them
	Params   map[string]any `toml:"params"`   // of simcam.Params, by JSON name; see spread
	Policy   map[string]any `toml:"policy"`   // of faceproof.Policy, by JSON name; the rest is the campaign's
	Tables   []string       `toml:"tables"`   // "summary" or conditions: what these sessions alone stand for; see tableCells
	Bars     []Bar          `toml:"bar"`

	spreads map[string]spread
}

// Seeds of cells, and of the kinds within a cell, are this far apart. A seed
// belongs to a session whatever else the campaign leaves out.
const (
	seedStep = 200_000
	kindStep = maxSessions
)

// Bona fide is the kind of presentation that ought to be accepted.
const bonaFide = "live"

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// ParseProtocol reads a protocol. An unknown key, kind or name of a quantity is
// an error, so that a misspelt condition is never silently ignored. Errors are
// CodeInvalid, field "protocol".
func ParseProtocol(text []byte) (*Protocol, error) {
	if len(text) > maxProtocol || !utf8.Valid(text) {
		return nil, invalid("is over %d bytes or no UTF-8", maxProtocol)
	}
	var p Protocol
	meta, err := toml.Decode(string(text), &p)
	if err != nil {
		var syntax toml.ParseError
		if errors.As(err, &syntax) {
			return nil, invalid("line %d: %s", syntax.Position.Line, syntax.Message)
		}
		return nil, invalid("%s", err.Error())
	}
	for _, key := range meta.Undecoded() {
		if len(key) < 3 || key[0] != "cell" || key[1] != "params" && key[1] != "policy" { // those are read by their own rules
			return nil, invalid("unknown key %q", key.String())
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	p.Digest, p.Text = hex.EncodeToString(sum[:]), slices.Clone(text)
	return &p, nil
}

func invalid(format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "protocol", format, args...)
}

func (t Text) check() bool {
	return t.En != "" && t.Zh != "" && len(t.En) <= maxText && len(t.Zh) <= maxText && !strings.ContainsAny(t.En+t.Zh, "|\n\r")
}

func (p *Protocol) check() error {
	switch {
	case !namePattern.MatchString(p.ID):
		return invalid("id %.64q is missing or malformed", p.ID)
	case !p.Title.check():
		return invalid("title needs en and zh, one line each")
	case p.Portraits != string(score.Tune) && p.Portraits != string(score.Report) && p.Portraits != "all":
		return invalid("portraits is %.20q, want tune, report or all", p.Portraits)
	case len(p.Cells) == 0 || len(p.Cells) > maxCells:
		return invalid("needs 1 to %d cells", maxCells)
	}
	names := map[string]bool{}
	total := 0
	for i := range p.Cells {
		c := &p.Cells[i]
		if c.Seed == 0 {
			c.Seed = p.Seed + uint64(i)*seedStep
		}
		c.Attempts = max(c.Attempts, 0)
		if c.Attempts == 0 {
			c.Attempts = 1
		}
		if err := c.check(); err != nil {
			return err
		}
		if names[c.Name] {
			return invalid("two cells are called %q", c.Name)
		}
		names[c.Name] = true
		total += c.Sessions * len(c.Kinds)
		if err := p.checkSeeds(c); err != nil {
			return err
		}
	}
	if total > maxTrials {
		return invalid("asks for %d sessions, at most %d", total, maxTrials)
	}
	return nil
}

// checkSeeds keeps seeds for reports out of tuning and the other way round.
func (p *Protocol) checkSeeds(c *Cell) error {
	last := c.Seed + uint64(len(c.Kinds)*kindStep)
	switch {
	case c.Seed > math.MaxUint32-seedStep:
		return invalid("cell %s: the seed is too large", c.Name)
	case p.Portraits == string(score.Report) && c.Seed < score.FirstReportSeed,
		p.Portraits == string(score.Tune) && last > score.FirstReportSeed:
		return invalid("cell %s: seeds under %d are for tuning, the others for reports", c.Name, score.FirstReportSeed)
	}
	return nil
}

func (c *Cell) check() error {
	bad := func(format string, args ...any) error {
		args = append([]any{c.Name}, args...)
		return invalid("cell %.64q: "+format, args...)
	}
	switch {
	case !namePattern.MatchString(c.Name):
		return bad("the name is missing or malformed")
	case !c.Title.check():
		return bad("title needs en and zh, one line each")
	case c.Method != "" && c.Method != faceproof.MethodFlash && c.Method != faceproof.MethodDigits:
		return bad("there is no method %.20q", c.Method)
	case !c.aloud() && (c.SNR != 0 || c.AtOnce || c.NoLight):
		return bad("snr, at_once and no_light are of digits")
	case c.aloud() && c.Plan != "":
		return bad("digits have no plan")
	case !(c.SNR >= 0 && c.SNR <= 60):
		return bad("snr must be 0 to 60 dB")
	case len(c.Kinds) == 0 || len(c.Kinds) > len(c.known()):
		return bad("kinds is missing or too long")
	case c.Sessions < 1 || c.Sessions > maxSessions:
		return bad("sessions must be 1 to %d", maxSessions)
	case c.Plan != "" && plans[c.Plan] == faceproof.Plan{}:
		return bad("there is no plan %.20q", c.Plan)
	case c.Attempts > 10:
		return bad("attempts must be at most 10")
	case !(c.RhoMin >= 0 && c.RhoMax >= 0) || (c.RhoMax > 0 && c.RhoMax <= c.RhoMin) || c.RhoMin > 1e3 || c.RhoMax > 1e3:
		return bad("rho_min and rho_max must be a range above 0")
	case len(c.Bars) > maxBars:
		return bad("at most %d bars", maxBars)
	}
	for i, k := range c.Kinds {
		if !slices.Contains(c.known(), k) {
			return bad("there is no kind %.40q; there are %s", k, strings.Join(c.known(), ", "))
		}
		if slices.Contains(c.Kinds[:i], k) || (k == bonaFide) != (c.Kinds[0] == bonaFide) {
			return bad("a kind comes twice, or live is mixed with attacks")
		}
	}
	for _, t := range c.Tables {
		if _, known := splitTexts[t]; !known && t != tableSummary {
			return bad("there is no table %.40q", t)
		} else if !c.plain() {
			return bad("tables are of single attempts under the campaign's policy")
		}
	}
	var err error
	if c.spreads, err = spreads(c.Params); err != nil {
		return bad("%s", err.Error())
	}
	if _, err := withPolicy(faceproof.DefaultPolicy(), c.Policy); err != nil {
		return bad("policy: %s", err.Error())
	}
	for i := range c.Bars {
		if err := c.Bars[i].check(); err != nil {
			return bad("bar %d: %s", i+1, err.Error())
		}
	}
	return nil
}

// aloud says whether digits are read.
func (c *Cell) aloud() bool { return c.Method == faceproof.MethodDigits }

// Aloud says whether digits are read in a cell that the limits leave.
func (p *Protocol) Aloud(l Limits) bool {
	return slices.ContainsFunc(p.Cells, func(c Cell) bool {
		return c.aloud() && (len(l.Cells) == 0 || slices.Contains(l.Cells, c.Name))
	})
}

// known kinds of presentation of the cell's method.
func (c *Cell) known() []string {
	if c.aloud() {
		return readingKinds()
	}
	return kinds()
}

// live says whether the cell presents bona fide persons.
func (c *Cell) live() bool { return c.Kinds[0] == bonaFide }
