package capture

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// makeVectors writes the scripts and every bad input at the place in a script
// where it hurts.
func makeVectors(t *testing.T) vectors {
	v := vectors{
		About: []string{
			"Capture protocol 1, docs/protocol.md. Read by the Go and the TypeScript tests; written by go test ./internal/capture -run TestVectors -update.",
			"A step is one input at a time of the server's clock (at, ms) and what the server does. Inputs: client (a JSON text message), text (a text message that is not valid, repeat times), binary (hex; frame says what it encodes; repeat: zero bytes appended), or the server's own: opened, guide, forecast (whether to show the colours), verdict, tick. audio is sound of so many samples: binary and repeat zero bytes.",
			"server: messages sent, in order. effects: what else the state machine asks for. error: why the input was refused. close: WebSocket close code.",
			"A script with method digits begins with reading digits aloud, the prompts leave with a tick or a message when they are due. A script with forecast is of a session that asks whether to show the colours.",
			"bad: one more step after the first `after` steps of a script.",
		},
		Attempts: 3, Challenge: testChallenge, Digits: testDigits, Scripts: makeScripts(t),
	}
	b := &badScribe{t: t, v: &v}
	b.shapes()
	b.hellos()
	b.frames()
	b.displays()
	b.ends()
	b.others()
	b.script = slices.IndexFunc(v.Scripts, func(s script) bool { return s.Name == "digits-pass" })
	b.sounds()
	b.prompts()
	return v
}

type badScribe struct {
	t      *testing.T
	v      *vectors
	script int // of which a prefix is played
}

// at gives the number of steps of the script up to and with the n-th that
// contains what.
func (b *badScribe) at(what string, n int) int {
	for i, st := range b.v.Scripts[b.script].Steps {
		line, _ := json.Marshal(st)
		if strings.Contains(string(line), what) {
			if n--; n == 0 {
				return i + 1
			}
		}
	}
	b.t.Fatalf("no step has %s", what)
	return 0
}

// add plays the prefix and the bad step and keeps what came out.
func (b *badScribe) add(name string, after int, st step) {
	s := vectorSession(b.v.Scripts[b.script])
	steps := b.v.Scripts[b.script].Steps
	for _, p := range steps[:after] {
		if _, err := play(s, p); err != nil {
			b.t.Fatal(err)
		}
	}
	if after > 0 && st.At == 0 {
		st.At = steps[after-1].At + 40
	}
	out, err := play(s, st)
	if err != nil {
		b.t.Fatal(err)
	}
	if out.Error == nil {
		b.t.Errorf("%s: was accepted", name)
	}
	b.v.Bad = append(b.v.Bad, badStep{Name: name, Script: b.v.Scripts[b.script].Name, After: after, Step: out})
}

func (b *badScribe) text(name string, after int, text string) {
	st := step{Text: text}
	if json.Valid([]byte(text)) && strings.HasPrefix(text, "{") {
		st = step{Client: json.RawMessage(text)}
	}
	b.add(name, after, st)
}

func (b *badScribe) shapes() {
	b.text("not JSON", 0, `hello`)
	b.text("cut JSON", 0, `{"type":"hello"`)
	b.text("an array", 0, `[]`)
	b.text("two objects", 0, `{"type":"ready","attempt":1}{}`)
	b.text("no type", 0, `{}`)
	b.text("type null", 0, `{"type":null}`)
	b.text("type unknown", 0, `{"type":"login"}`)
	b.text("member in another case", 0, `{"Type":"hello"}`)
	b.add("member twice", 0, step{Text: `{"type":"abort","type":"abort","reason":"cancel","stage":90002}`})
	b.text("nested deeply", 0, `{"type":"hello","consent":{"a":{"b":1}}}`)
	b.add("text over-large", 0, step{Text: "{", Repeat: 5000})
	b.text("first message is not hello", 0, `{"type":"ready","attempt":1}`)
}

func (b *badScribe) hellos() {
	for _, c := range []struct{ name, from, to string }{
		{"hello version", `"v":1`, `"v":2`},
		{"hello session_id", testSession, "0123"},
		{"hello session_id upper case", testSession, strings.ToUpper(testSession)},
		{"hello without token", `"capture_token":"dG9rZW4",`, ""},
		{"hello token alphabet", "dG9rZW4", "dG9r ZW4"},
		{"hello lang", `"lang":"zh"`, `"lang":"fr"`},
		{"hello sdk empty", `"sdk":"0.1.0"`, `"sdk":""`},
		{"hello consent not separate", `"separate":true`, `"separate":false`},
		{"hello consent no transfer", `,"transfer":true`, ``},
		{"hello consent notice", testNotice, "ff"},
		{"hello consent unknown member", `"separate"`, `"marketing":true,"separate"`},
		{"hello camera without width", `"width":640,`, ``},
		{"hello camera fps is text", `"fps":30`, `"fps":"30"`},
		{"hello screen dpr", `"dpr":3`, `"dpr":0`},
		{"hello track label", `"v":1`, `"v":1,"track":{"label":"Canon EOS"}`},
		{"hello track facing", `"v":1`, `"v":1,"track":{"facing":"up"}`},
		{"hello track controls", `"v":1`, `"v":1,"track":{"controls":99}`},
		{"hello track clock", `"v":1`, `"v":1,"track":{"clock":"atomic"}`},
		{"hello track unknown member", `"v":1`, `"v":1,"track":{"device_id":"x"}`},
		{"hello unknown member", `"v":1`, `"v":1,"debug":true`},
		{"hello null", `"lang":"zh"`, `"lang":null`},
	} {
		b.text(c.name, 0, strings.Replace(testHello, c.from, c.to, 1))
	}
	b.text("second hello", 2, testHello)
}

func (b *badScribe) frames() {
	prepare, challenge := b.at(`"type":"prepare"`, 1), b.at(`"type":"challenge"`, 1)
	ready := b.at(`"type":"ready"`, 1)
	pass := b.v.Scripts[b.script].Steps
	frame := func(name string, after int, change func(f *vectorFrame)) {
		at := pass[after-1].At + 40
		f := vectorFrame{Attempt: 1, Seq: 200, T: float64(at) + skew, JPEG: tinyJPEG}
		change(&f)
		b.add(name, after, frameStep(f))
	}
	frame("frame before ready", 2, func(f *vectorFrame) { f.Preview = true })
	frame("frame before prepare", ready, func(*vectorFrame) {})
	frame("frame of a later attempt", challenge, func(f *vectorFrame) { f.Attempt = 2 })
	frame("frame of attempt 0", challenge, func(f *vectorFrame) { f.Attempt = 0 })
	frame("frame sequence repeats", challenge, func(f *vectorFrame) { f.Seq = 3 })
	frame("frame time goes back", challenge, func(f *vectorFrame) { f.T -= 100 })
	frame("frame time is negative", challenge, func(f *vectorFrame) { f.T = -1 })
	frame("frame time ahead of the server", challenge, func(f *vectorFrame) { f.T += 5100 })
	frame("preview sequence repeats", ready+2, func(f *vectorFrame) { f.Preview = true; f.Seq = 0 })
	frame("frame is a PNG", challenge, func(f *vectorFrame) { f.JPEG = "89504e470d0a1a0a" })
	frame("frame has 100 megapixels", challenge, func(f *vectorFrame) { f.JPEG = "ffd8ff" + hex.EncodeToString([]byte("huge")) })
	frame("frame is empty", challenge, func(f *vectorFrame) { f.JPEG = "" })
	at := pass[challenge-1].At + 40
	good := frameStep(vectorFrame{Attempt: 1, Seq: 200, T: float64(at) + skew, JPEG: tinyJPEG})
	large := good
	large.Repeat = 256<<10 - 3
	b.add("frame over-large", challenge, large)
	b.add("frame of another kind", challenge, step{Binary: "03" + good.Binary[2:]})
	b.add("frame with unknown flags", challenge, step{Binary: good.Binary[:4] + "0002" + good.Binary[8:]})
	b.add("frame time is no number", challenge, step{Binary: good.Binary[:16] + "7ff8000000000000" + good.Binary[32:]})
	b.add("frame shorter than its header", challenge, step{Binary: good.Binary[:20]})
	b.add("frame instead of hello", 0, good)
	_ = prepare
	b.add("sound in a flash attempt", prepare, audioStep(vectorAudio{Attempt: 1, T: float64(pass[prepare-1].At) + skew, Samples: 1600}))
}

func (b *badScribe) displays() {
	prepare, challenge := b.at(`"type":"prepare"`, 1), b.at(`"type":"challenge"`, 1)
	pass := b.v.Scripts[b.script].Steps
	display := func(name string, after, attempt int, event string, index int, dt float64) {
		t := float64(pass[after-1].At+40) + skew + dt
		b.text(name, after, fmt.Sprintf(`{"type":"display","attempt":%d,"event":%q,"index":%d,"t":%v}`, attempt, event, index, t))
	}
	display("display before prepare", prepare-2, 1, "preroll", 0, 0)
	display("display of another attempt", prepare, 2, "preroll", 0, 0)
	display("display segment before the challenge", prepare+1, 1, "segment", 0, 0)
	preroll := b.at(`"event":"preroll"`, 1)
	display("display lead twice", prepare+1, 1, "lead", 0, 0)
	display("display lead with an index", prepare, 1, "lead", 1, 0)
	display("display lead after the pre-roll", preroll, 1, "lead", 0, 0)
	display("display preroll twice", preroll, 1, "preroll", 0, 0)
	display("display segment skipped", challenge, 1, "segment", 1, 0)
	display("display segment twice", challenge+1, 1, "segment", 0, 0)
	display("display segment after the post-roll", b.at(`"event":"postroll"`, 1), 1, "segment", len(testChallenge.Segments)+1, 0)
	display("display postroll too early", challenge+1, 1, "postroll", 0, 0)
	display("display before the challenge was known", challenge, 1, "segment", 0, -41)
	display("display time goes back", challenge+1, 1, "segment", 1, -41)
	display("display time ahead of the server", challenge, 1, "segment", 0, 5300)
	display("display event unknown", challenge, 1, "flash", 0, 0)
	display("display postroll with an index", challenge, 1, "postroll", 2, 0)
	b.text("display without a time", challenge, `{"type":"display","attempt":1,"event":"segment","index":0}`)
	b.text("display time is text", challenge, `{"type":"display","attempt":1,"event":"segment","index":0,"t":"1"}`)
	// The client's clock runs well, but the event is far from every frame.
	st := step{At: pass[challenge-1].At + 6000, Client: json.RawMessage(fmt.Sprintf(
		`{"type":"display","attempt":1,"event":"segment","index":0,"t":%v}`, float64(pass[challenge-1].At+6000)+skew))}
	b.add("display disagrees with the frames", challenge, st)
}

func (b *badScribe) ends() {
	challenge, post, end := b.at(`"type":"challenge"`, 1), b.at(`"postroll"`, 1), b.at(`"type":"end"`, 1)
	pass := b.v.Scripts[b.script].Steps
	var good ClientEnd
	if err := json.Unmarshal(pass[end-1].Client, &good); err != nil {
		b.t.Fatal(err)
	}
	send := func(name string, after int, change func(e *ClientEnd)) {
		e := good
		change(&e)
		b.text(name, after, fmt.Sprintf(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":%d}`, e.Attempt, e.Captured, e.Sent, e.Dropped))
	}
	send("end before the challenge", challenge-1, func(*ClientEnd) {})
	send("end without the segments", challenge, func(*ClientEnd) {})
	send("end without the post-roll", post-1, func(*ClientEnd) {})
	send("end of another attempt", end-1, func(e *ClientEnd) { e.Attempt = 2 })
	send("end captured is not sent and dropped", end-1, func(e *ClientEnd) { e.Captured++ })
	send("end sent more than came", end-1, func(e *ClientEnd) { e.Sent++; e.Captured++ })
	send("end sent fewer than came", end-1, func(e *ClientEnd) { e.Sent--; e.Captured-- })
	send("end captured fewer than numbered", end-1, func(e *ClientEnd) { e.Sent = 1; e.Dropped = 0; e.Captured = 1 })
	send("end negative", end-1, func(e *ClientEnd) { e.Dropped = -1; e.Captured -= 3 })
	send("end twice", end, func(*ClientEnd) {})
	b.text("end of a flash attempt with samples", end-1, fmt.Sprintf(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":%d,"samples":1600}`, good.Captured, good.Sent, good.Dropped))
	b.text("end with a fraction", end-1, `{"type":"end","attempt":1,"captured":1.5,"sent":1,"dropped":0}`)
}

func (b *badScribe) others() {
	ready, end := b.at(`"type":"ready"`, 1), b.at(`"type":"end"`, 1)
	pass := b.v.Scripts[b.script].Steps
	b.text("ready of another attempt", ready-1, `{"type":"ready","attempt":2}`)
	b.text("ready twice", ready, `{"type":"ready","attempt":1}`)
	b.text("ready while analysing", end, `{"type":"ready","attempt":2}`)
	b.text("abort reason", ready, `{"type":"abort","reason":"bored","stage":90004}`)
	b.text("abort stage", ready, `{"type":"abort","reason":"cancel","stage":1}`)
	b.add("frame after the end", end, frameStep(vectorFrame{Attempt: 1, Seq: 200, T: float64(pass[end-1].At+40) + skew, JPEG: tinyJPEG}))
	b.text("message after the verdict", len(pass), `{"type":"ready","attempt":1}`)
	b.add("too slow from ready to result", ready, step{At: pass[ready-1].At + 120_000, Client: json.RawMessage(`{"type":"ready","attempt":1}`)})
}

// sounds spoils one message of sound at a time.
func (b *badScribe) sounds() {
	prepare, preroll, end := b.at(`"type":"prepare"`, 1), b.at(`"audio":`, 3), b.at(`"type":"end"`, 1)
	steps := b.v.Scripts[b.script].Steps
	last := *steps[preroll-1].Audio
	next := vectorAudio{Attempt: 1, Seq: last.Seq + 1, T: last.T + 100, Samples: 1600}
	sound := func(name string, after int, change func(a *vectorAudio)) {
		a := next
		change(&a)
		b.add(name, after, audioStep(a))
	}
	sound("sound before hello", 0, func(*vectorAudio) {})
	sound("sound before ready", 2, func(*vectorAudio) {})
	sound("sound before prepare", prepare-1, func(*vectorAudio) {})
	sound("sound after the end", end, func(a *vectorAudio) { a.Seq, a.T = 900, a.T+7000 })
	sound("sound of another attempt", preroll, func(a *vectorAudio) { a.Attempt = 2 })
	sound("sound of attempt 0", preroll, func(a *vectorAudio) { a.Attempt = 0 })
	sound("sound sequence repeats", preroll, func(a *vectorAudio) { a.Seq-- })
	sound("sound time goes back", preroll, func(a *vectorAudio) { a.T -= 61 })
	sound("sound time ahead of the server", preroll, func(a *vectorAudio) { a.T += 5200 })
	sound("sound time is negative", preroll, func(a *vectorAudio) { a.T = -1 })
	sound("sound from before prepare", prepare, func(a *vectorAudio) { a.Seq, a.T = 0, a.T-1200 })
	sound("sound of nothing", preroll, func(a *vectorAudio) { a.Samples = 0 })
	sound("sound too short", preroll, func(a *vectorAudio) { a.Samples = MinAudioSamples - 1 })
	sound("sound too long", preroll, func(a *vectorAudio) { a.Samples = MaxAudioSamples + 1 })
	good := audioStep(next)
	odd, huge := good, good
	odd.Audio, odd.Repeat = nil, good.Repeat+1
	b.add("sound with half a sample", preroll, odd)
	huge.Audio, huge.Repeat = nil, 300<<10
	b.add("sound over-large", preroll, huge)
	b.add("sound with unknown flags", preroll, step{Binary: good.Binary[:4] + "0001" + good.Binary[8:], Repeat: good.Repeat})
	b.add("sound time is no number", preroll, step{Binary: good.Binary[:16] + "7ff8000000000000", Repeat: good.Repeat})
	b.add("sound shorter than its header", preroll, step{Binary: good.Binary[:20]})
}

// prompts spoils the display and the end of a digits attempt.
func (b *badScribe) prompts() {
	prepare, first, second := b.at(`"type":"prepare"`, 1), b.at(`"type":"prompt"`, 1), b.at(`"type":"prompt"`, 2)
	listened, post, end := b.at(`"type":"listened"`, 1), b.at(`"postroll"`, 1), b.at(`"type":"end"`, 1)
	steps := b.v.Scripts[b.script].Steps
	display := func(name string, after int, event string, index int, dt float64) {
		t := float64(steps[after-1].At+40) + skew + dt
		b.text(name, after, fmt.Sprintf(`{"type":"display","attempt":1,"event":%q,"index":%d,"t":%v}`, event, index, t))
	}
	display("prompt before any was sent", prepare+2, "prompt", 0, 0)
	display("prompt before it was sent", second-1, "prompt", 1, 0)
	display("prompt skipped", first, "prompt", 1, 0)
	display("prompt twice", first+1, "prompt", 0, 0)
	display("prompt before it was known", second, "prompt", 1, -300)
	display("prompt after the post-roll", post, "prompt", len(testDigits.ShowMS)+1, 0)
	display("segment in a digits attempt", first, "segment", 0, 0)
	display("lead in a digits attempt", prepare, "lead", 0, 0)
	display("postroll before the end of listening", listened-1, "postroll", 0, 0)
	var good ClientEnd
	if err := json.Unmarshal(steps[end-1].Client, &good); err != nil {
		b.t.Fatal(err)
	}
	send := func(name string, after, samples int) {
		b.text(name, after, fmt.Sprintf(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":%d,"samples":%d}`, good.Captured, good.Sent, good.Dropped, samples))
	}
	send("end before the end of listening", listened-1, good.Samples)
	send("end of digits without the post-roll", post-1, good.Samples)
	send("end with more samples than came", end-1, good.Samples+1)
	send("end with fewer samples than came", end-1, good.Samples-1)
	send("end with negative samples", end-1, -1)
	b.text("end of digits without samples", end-1, fmt.Sprintf(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":%d}`, good.Captured, good.Sent, good.Dropped))
}
