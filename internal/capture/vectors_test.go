package capture

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"faceproof"
)

var update = flag.Bool("update", false, "write testdata/vectors.json from the scripts below")

const vectorsFile = "testdata/vectors.json"

// vectors is the file that the TypeScript tests read too.
type vectors struct {
	About     []string                  `json:"about"`
	Attempts  int                       `json:"attempts"`
	Challenge faceproof.FlashChallenge  `json:"challenge"`
	Digits    faceproof.DigitsChallenge `json:"digits"`
	Scripts   []script                  `json:"scripts"`
	Bad       []badStep                 `json:"bad"`
}

// lines writes the file with one step a line, for people and for git.
func (v vectors) lines(t *testing.T) []byte {
	one := func(x any) string {
		b, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	list := func(indent string, n int, item func(i int) string) string {
		var b strings.Builder
		for i := range n {
			sep := ","
			if i == n-1 {
				sep = ""
			}
			fmt.Fprintf(&b, "%s%s%s\n", indent, item(i), sep)
		}
		return b.String()
	}
	out := "{\n\"about\": [\n" + list(" ", len(v.About), func(i int) string { return one(v.About[i]) }) + "],\n"
	out += fmt.Sprintf("\"attempts\": %d,\n\"challenge\": %s,\n\"digits\": %s,\n\"scripts\": [\n", v.Attempts, one(v.Challenge), one(v.Digits))
	out += list(" ", len(v.Scripts), func(i int) string {
		s := v.Scripts[i]
		ask := ""
		if s.Forecast {
			ask = ` "forecast": true,`
		}
		if s.Method != "" {
			ask += fmt.Sprintf(` "method": %q,`, s.Method)
		}
		return fmt.Sprintf("{\"name\": %s,%s \"steps\": [\n%s ]}", one(s.Name), ask, list("  ", len(s.Steps), func(j int) string { return one(s.Steps[j]) }))
	})
	out += "],\n\"bad\": [\n" + list(" ", len(v.Bad), func(i int) string { return one(v.Bad[i]) }) + "]\n}\n"
	return []byte(out)
}

type script struct {
	Name     string `json:"name"`
	Forecast bool   `json:"forecast,omitempty"` // the colours are asked for
	Method   string `json:"method,omitempty"`   // of the first attempt; empty: flash
	Steps    []step `json:"steps"`
}

// badStep is one step after the first After steps of a script.
type badStep struct {
	Name   string `json:"name"`
	Script string `json:"script"`
	After  int    `json:"after"`
	Step   step   `json:"step"`
}

// step is one input at a time of the server's clock, and what comes out.
type step struct {
	At int `json:"at"` // ms

	// Exactly one input. Frame, or Audio with Repeat zero bytes, is what Binary encodes.
	Client   json.RawMessage `json:"client,omitempty"`
	Text     string          `json:"text,omitempty"` // a text message that is no valid message
	Repeat   int             `json:"repeat,omitempty"`
	Frame    *vectorFrame    `json:"frame,omitempty"`
	Audio    *vectorAudio    `json:"audio,omitempty"`
	Binary   string          `json:"binary,omitempty"` // hex
	Opened   bool            `json:"opened,omitempty"`
	Guide    json.RawMessage `json:"guide,omitempty"`
	Forecast *int            `json:"forecast,omitempty"` // colours; 0: none
	Verdict  *vectorVerdict  `json:"verdict,omitempty"`
	Tick     bool            `json:"tick,omitempty"`

	Server  []json.RawMessage `json:"server,omitempty"`
	Effects []string          `json:"effects,omitempty"` // other than sending
	Error   *vectorError      `json:"error,omitempty"`
	Close   int               `json:"close,omitempty"`
	Reason  faceproof.Reason  `json:"reason,omitempty"`
}

type vectorFrame struct {
	Attempt int     `json:"attempt"`
	Seq     uint32  `json:"seq"`
	T       float64 `json:"t"`
	Preview bool    `json:"preview"`
	JPEG    string  `json:"jpeg"` // hex
}

// vectorAudio is silence: the protocol does not listen.
type vectorAudio struct {
	Attempt int     `json:"attempt"`
	Seq     uint32  `json:"seq"`
	T       float64 `json:"t"`
	Samples int     `json:"samples"`
}

type vectorVerdict struct {
	Outcome      ResultOutcome  `json:"outcome"`
	Hint         faceproof.Hint `json:"hint,omitempty"`
	Method       string         `json:"method,omitempty"` // of the next attempt; empty: the same
	ErrCode      int            `json:"err_code"`
	VerifyResult string         `json:"verify_result,omitempty"`
}

type vectorError struct {
	Code  faceproof.Code `json:"code"`
	Field string         `json:"field"`
}

var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// play feeds the input of a step and gives the step with its outputs.
func play(s *Session, in step) (step, error) {
	now := epoch.Add(time.Duration(in.At) * time.Millisecond)
	var effects []Effect
	var err error
	switch {
	case in.Client != nil:
		effects, err = s.Handle(now, false, in.Client)
	case in.Text != "":
		effects, err = s.Handle(now, false, []byte(strings.Repeat(in.Text, max(in.Repeat, 1))))
	case in.Binary != "":
		data, e := hex.DecodeString(in.Binary)
		if e != nil {
			return step{}, e
		}
		effects, err = s.Handle(now, true, append(data, make([]byte, in.Repeat)...))
	case in.Opened:
		effects = s.Opened(now)
	case in.Guide != nil:
		var g faceproof.Guidance
		if e := json.Unmarshal(in.Guide, &g); e != nil {
			return step{}, e
		}
		effects = s.Guide(now, g)
	case in.Forecast != nil:
		var plan faceproof.Plan
		if *in.Forecast > 0 {
			plan = faceproof.Plan{Segments: *in.Forecast, SegmentMS: testChallenge.SegmentMS}
		}
		effects = s.Forecasted(now, plan)
	case in.Verdict != nil:
		v := in.Verdict
		effects = s.Result(now, Verdict{Outcome: v.Outcome, Hint: v.Hint, Method: v.Method, ErrCode: v.ErrCode, VerifyResult: faceproof.NewToken(v.VerifyResult)})
	case in.Tick:
		effects = s.Tick(now)
	default:
		return step{}, fmt.Errorf("a step without an input")
	}
	out := in
	out.Server, out.Effects, out.Error, out.Close, out.Reason = nil, nil, nil, 0, ""
	if err != nil {
		e := err.(*faceproof.Error)
		out.Error = &vectorError{e.Code, e.Field}
	}
	for _, e := range effects {
		switch e := e.(type) {
		case Send:
			b, err := Marshal(e.Message)
			if err != nil {
				return step{}, err
			}
			out.Server = append(out.Server, b)
		case End:
			out.Effects = append(out.Effects, "end")
			out.Close, out.Reason = e.Code, e.Reason
		case Analyse:
			what := "analyse"
			if e.Declined {
				what = "analyse-declined"
			} else if !e.Complete {
				what = "analyse-incomplete"
			}
			out.Effects = append(out.Effects, what)
		default:
			out.Effects = append(out.Effects, strings.ToLower(strings.TrimPrefix(reflect.TypeOf(e).String(), "capture.")))
		}
	}
	return out, nil
}

func vectorSession(sc script) *Session {
	return New(Config{Attempts: 3, Start: epoch, Forecast: sc.Forecast, Method: sc.Method, Plan: testPlan, Opening: testOpening(),
		NewDigits:    func() (faceproof.DigitsChallenge, error) { return testDigits, nil },
		NewChallenge: func(p faceproof.Plan) (faceproof.FlashChallenge, error) { return testChallengeOf(p), nil },
		CheckFrame: func(b []byte) error {
			if bytes.Contains(b, []byte("huge")) {
				return faceproof.Errorf(faceproof.CodeInvalid, "image", "has more than 4 megapixels")
			}
			return nil
		}})
}

// TestVectors replays the file. With -update it writes it first.
func TestVectors(t *testing.T) {
	if *update {
		if err := os.WriteFile(vectorsFile, makeVectors(t).lines(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(v.Challenge, testChallenge) || !reflect.DeepEqual(v.Digits, testDigits) || v.Attempts != 3 {
		t.Fatal("the file's challenge is not the test's")
	}
	scripts := map[string]script{}
	for _, sc := range v.Scripts {
		scripts[sc.Name] = sc
		t.Run(sc.Name, func(t *testing.T) {
			s := vectorSession(sc)
			for i, st := range sc.Steps {
				replay(t, s, i, st)
			}
			if !s.Ended() {
				t.Error("the script does not end")
			}
		})
	}
	if len(v.Scripts) < 6 || len(v.Bad) < 40 {
		t.Errorf("%d scripts and %d bad steps: the file is cut", len(v.Scripts), len(v.Bad))
	}
	for _, bad := range v.Bad {
		t.Run("bad/"+bad.Name, func(t *testing.T) {
			s := vectorSession(scripts[bad.Script])
			for i, st := range scripts[bad.Script].Steps[:bad.After] {
				replay(t, s, i, st)
			}
			replay(t, s, bad.After, bad.Step)
			if bad.Step.Error == nil || !s.Ended() {
				t.Error("a bad step must have an error and end the session")
			}
		})
	}
}

func replay(t *testing.T, s *Session, i int, want step) {
	t.Helper()
	if want.Frame != nil {
		if hex.EncodeToString(AppendFrame(nil, frameOf(*want.Frame))) != want.Binary {
			t.Fatalf("step %d: the frame does not encode to its binary", i)
		}
		data, _ := hex.DecodeString(want.Binary)
		if f, err := ParseFrame(append(data, make([]byte, want.Repeat)...), 1<<20); err == nil && want.Repeat == 0 && !reflect.DeepEqual(f, frameOf(*want.Frame)) {
			t.Fatalf("step %d: the binary does not decode to its frame", i)
		}
	}
	if want.Audio != nil {
		a := audioOf(*want.Audio)
		data, _ := hex.DecodeString(want.Binary)
		data = append(data, make([]byte, want.Repeat)...)
		if !bytes.Equal(AppendAudio(nil, a), data) {
			t.Fatalf("step %d: the sound does not encode to its binary", i)
		}
		if got, err := ParseAudio(data); err == nil && !reflect.DeepEqual(got, a) {
			t.Fatalf("step %d: the binary does not decode to its sound", i)
		}
	}
	got, err := play(s, want)
	if err != nil {
		t.Fatalf("step %d: %v", i, err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want) // compacts the raw messages
	if !bytes.Equal(a, b) {
		t.Fatalf("step %d:\n got %s\nwant %s", i, a, b)
	}
}

func audioOf(v vectorAudio) Audio {
	return Audio{Attempt: v.Attempt, Seq: v.Seq, T: v.T, PCM: make([]byte, 2*v.Samples)}
}

func frameOf(v vectorFrame) Frame {
	jpeg, err := hex.DecodeString(v.JPEG)
	if err != nil {
		panic(err)
	}
	return Frame{Attempt: v.Attempt, Seq: v.Seq, T: v.T, Preview: v.Preview, JPEG: jpeg}
}
