package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"faceproof"
)

// Header is the first line of trials.jsonl: what was run, on what.
type Header struct {
	Format    int              `json:"format"`   // 1
	Campaign  string           `json:"campaign"` // id of the protocol, or "recordings"
	Protocol  string           `json:"protocol_sha256,omitempty"`
	Limits    Limits           `json:"limits"`
	Simulated bool             `json:"simulated"`
	Portraits PortraitsInfo    `json:"portraits"`
	Speech    *SpeechInfo      `json:"speech,omitempty"` // where digits may be read
	Pack      string           `json:"pack"`
	Version   string           `json:"version"`          // of the product
	Commit    string           `json:"commit,omitempty"` // of its source, when the build knew it
	Date      string           `json:"date"`             // of the first session, UTC
	Policy    faceproof.Policy `json:"policy"`
}

// Limits narrow a protocol for one campaign; zero values do not.
type Limits struct {
	Sessions int      `json:"sessions,omitempty"` // at most, of each kind in each cell
	Seed     uint64   `json:"seed,omitempty"`     // instead of the protocol's; cells follow at their distances
	Kinds    []string `json:"kinds,omitempty"`    // only these
	Cells    []string `json:"cells,omitempty"`    // only these
}

// PortraitsInfo says whose faces were presented, without names.
type PortraitsInfo struct {
	Half    string `json:"half,omitempty"` // tune, report or all
	Persons int    `json:"persons"`
	Photos  int    `json:"photos"`
	Unfit   int    `json:"unfit"`            // photos left out: no face of portrait quality
	Digest  string `json:"sha256,omitempty"` // of the photos' digests
}

// SpeechInfo says what hears the digits, and who says them.
type SpeechInfo struct {
	Model       string      `json:"model"`
	Network     string      `json:"network_sha256"`
	Calibration string      `json:"calibration_sha256"`
	Source      string      `json:"source,omitempty"`        // of the voices: a program, or recordings
	Digest      string      `json:"voices_sha256,omitempty"` // of recordings
	Voices      []VoiceInfo `json:"voices,omitempty"`
}

// VoiceInfo is one of them.
type VoiceInfo struct {
	Voice   string `json:"voice"`   // language/name
	Trained bool   `json:"trained"` // the recogniser has heard it, or its like, in training
}

// same says whether a campaign begun under o can go on under h.
func (h Header) same(o Header) bool {
	h.Date, o.Date = "", ""
	a, errA := json.Marshal(h)
	b, errB := json.Marshal(o)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// Trial is one line of trials.jsonl: a session, and what was measured in each of
// its captures. It holds no picture and no name.
type Trial struct {
	Cell     string               `json:"cell"`
	Kind     string               `json:"kind"`
	Index    int                  `json:"index"` // within the kind of the cell, from 0
	Seed     uint64               `json:"seed"`
	Person   string               `json:"person,omitempty"`   // anonymous key
	Portrait string               `json:"portrait,omitempty"` // anonymous key of the photo
	Rho      float64              `json:"rho,omitempty"`      // screen lux / ambient lux at the face
	Params   map[string]any       `json:"params,omitempty"`   // of the test camera
	Attempts []faceproof.Evidence `json:"attempts"`           // at least one
	Decision faceproof.Decision   `json:"decision"`           // for readers: scoring decides again
}

// param gives a numeric parameter of the test camera.
func (t *Trial) param(name string) (float64, bool) {
	if name == "rho" {
		return t.Rho, t.Rho > 0
	}
	v, ok := t.Params[name].(float64)
	return v, ok
}

// flash is the first capture's evidence of the flash; nil: none.
func (t *Trial) flash() *faceproof.FlashEvidence { return t.Attempts[0].Flash }

// decide goes through the captures as the product does: another one only after
// an inconclusive one.
func decide(p faceproof.Policy, attempts []faceproof.Evidence) faceproof.Decision {
	var d faceproof.Decision
	for _, e := range attempts {
		if d = faceproof.Decide(p, e); d.Outcome != faceproof.OutcomeInconclusive {
			break
		}
	}
	return d
}

// maxLine bounds a line of trials.jsonl, in bytes.
const maxLine = 1 << 20

// ReadTrials reads trials.jsonl. A last line that a crash cut short is left
// out; size is where the whole lines end. Errors: CodeInvalid, field "trials",
// or of the file.
func ReadTrials(path string) (h Header, trials []Trial, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, nil, 0, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLine)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			if n == 1 {
				return h, nil, 0, faceproof.Errorf(faceproof.CodeInvalid, "trials", "%s is empty", path)
			}
			return h, trials, size, nil
		} else if err != nil {
			return h, nil, 0, faceproof.Errorf(faceproof.CodeInvalid, "trials", "line %d cannot be read: %v", n, err)
		}
		if n == 1 {
			err = strict(line, &h)
			if err == nil && h.Format != 1 {
				err = fmt.Errorf("format %d is unknown", h.Format)
			}
		} else {
			var t Trial
			if err = strict(line, &t); err == nil && (len(t.Attempts) == 0 || len(t.Attempts) > 10) {
				err = errors.New("holds no evidence, or too much")
			}
			trials = append(trials, t)
		}
		if err != nil || len(trials) > maxTrials {
			return h, nil, 0, faceproof.Errorf(faceproof.CodeInvalid, "trials", "line %d: %v", n, err)
		}
		size += int64(len(line))
	}
}

func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func appendLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
