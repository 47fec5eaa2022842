package capture

import (
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

func audioStep(a vectorAudio) step {
	return step{Audio: &a, Binary: hex.EncodeToString(AppendAudio(nil, audioOf(a))[:FrameHeader]), Repeat: 2 * a.Samples}
}

// sound sends what was recorded since the last.
func (w *scribe) sound(attempt int) step {
	a := &w.heard
	a.Attempt, a.Samples = attempt, int((w.clock()-a.T)*audioPerMS)
	st := w.in(audioStep(*a))
	a.Seq, a.T = a.Seq+1, a.T+float64(a.Samples)/audioPerMS
	w.samples += a.Samples
	return st
}

// record begins the sound of an attempt, when prepare has come.
func (w *scribe) record() {
	w.heard, w.samples = vectorAudio{T: w.clock()}, 0
}

// media lets 100 ms pass, with a tick when a prompt is due, and sends a frame and
// the sound. It shows what it is told to show, 30 ms later.
func (w *scribe) media(attempt int) step {
	until := w.at + 100
	if due := w.s.Next(); !due.IsZero() && !due.After(epoch.Add(time.Duration(until)*time.Millisecond)) {
		w.at = max(w.at, int(due.Sub(epoch).Milliseconds()))
		st := w.in(step{Tick: true})
		if told(st, "listened") {
			return st
		}
		w.at += 30
		w.display(attempt, DisplayPrompt, w.shown)
		w.shown++
		until = max(until, w.at+20)
	}
	w.at = until
	if st := w.frame(attempt, false); told(st, "listened") {
		return st
	}
	return w.sound(attempt)
}

func told(st step, kind string) bool {
	return slices.ContainsFunc(st.Server, func(m json.RawMessage) bool { return strings.Contains(string(m), `"type":"`+kind+`"`) })
}

// aloud plays prepare to listened.
func (w *scribe) aloud(attempt int) {
	w.at += 20
	w.record()
	w.at += 20
	w.display(attempt, DisplayPreroll, 0)
	w.shown = 0
	for range 100 {
		if told(w.media(attempt), "listened") {
			return
		}
	}
	w.t.Fatal("never listened")
}

// quiet plays listened to the end.
func (w *scribe) quiet(attempt, dropped int) {
	w.at += 40
	w.sound(attempt)
	w.display(attempt, DisplayPostroll, 0)
	for range 3 {
		w.at += 100
		w.frame(attempt, false)
	}
	w.endDigits(attempt, dropped)
}

func (w *scribe) endDigits(attempt, dropped int) {
	w.at += 10
	w.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":%d,"samples":%d}`, attempt, w.sent+dropped, w.sent, dropped, w.samples)
}

// digits plays a whole attempt but its verdict.
func (w *scribe) digits(attempt int) {
	w.guided(attempt)
	w.aloud(attempt)
	w.quiet(attempt, 1)
}
