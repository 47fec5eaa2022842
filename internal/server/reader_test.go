package server

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/verify"
)

// reader is a client that reads aloud: its messages come to a goroutine, so that
// it can wait for the server (a ping) between two steps of the clock.
type reader struct {
	*client
	id     string
	mu     sync.Mutex
	got    []map[string]any
	code   int // of the close; 0: open
	done   chan struct{}
	soundT float64 // until when sound was sent
	sounds uint32
	heard  int // samples that were sent
	sent   int // frames
}

func (f *fixture) reader() *reader {
	f.t.Helper()
	s := f.start(map[string]any{"api": "startFacialRecognitionVerify", "name": testName, "id_card_number": testNumber, "check_alive_type": 0})
	r := &reader{client: f.connect(s), id: s.ID, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for {
			_, data, err := r.conn.Read(context.Background())
			r.mu.Lock()
			if err != nil {
				r.code = int(websocket.CloseStatus(err))
				r.mu.Unlock()
				return
			}
			var m map[string]any
			if json.Unmarshal(data, &m) == nil {
				r.got = append(r.got, m)
			}
			r.mu.Unlock()
		}
	}()
	return r
}

// all gives the messages of a type so far.
func (r *reader) all(kind string) (out []map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if m["type"] == kind {
			out = append(out, m)
		}
	}
	return out
}

// wait gives the first message of a type.
func (r *reader) wait(kind string) map[string]any {
	r.f.t.Helper()
	for range 4000 {
		if m := r.all(kind); len(m) > 0 {
			return m[0]
		}
		select {
		case <-r.done:
			if m := r.all(kind); len(m) > 0 {
				return m[0]
			}
			r.f.t.Fatalf("closed while waiting for %s: %v", kind, r.got)
		case <-time.After(5 * time.Millisecond):
		}
	}
	r.f.t.Fatalf("no %s came: %v", kind, r.got)
	return nil
}

// sync waits until the server has taken all that was sent; false: the socket is
// closed.
func (r *reader) sync() bool {
	ctx, cancel := context.WithTimeout(r.f.t.Context(), 30*time.Second)
	defer cancel()
	return r.conn.Ping(ctx) == nil
}

func (r *reader) display(event string, i int) {
	r.f.t.Helper()
	r.send(map[string]any{"type": "display", "attempt": 1, "event": event, "index": i, "t": r.t + 1})
}

// raw sends one binary message; a closed socket is no error.
func (r *reader) raw(b []byte) { _ = r.conn.Write(r.f.t.Context(), websocket.MessageBinary, b) }

// next is the message of sound that is due.
func (r *reader) next() capture.Audio {
	n := int((r.t - r.soundT) * capture.AudioRate / 1000)
	return capture.Audio{Attempt: 1, Seq: r.sounds, T: r.soundT, PCM: []byte(strings.Repeat("\x01\x02", n))}
}

func (r *reader) sound() {
	a := r.next()
	r.sounds, r.soundT, r.heard = r.sounds+1, r.soundT+float64(a.Len())*1000/capture.AudioRate, r.heard+a.Len()
	r.raw(capture.AppendAudio(nil, a))
}

// step is a fifteenth of a second: a frame, sound, and what the server makes of
// them.
func (r *reader) step() {
	r.f.t.Helper()
	r.frame(false)
	r.sent++
	r.sound()
	if !r.sync() {
		r.f.t.Fatalf("closed: %v", r.all("error"))
	}
}

// prepare goes as far as the pre-roll.
func (r *reader) prepare() {
	r.f.t.Helper()
	r.wait("welcome")
	r.send(map[string]any{"type": "ready", "attempt": 1})
	for i := range 3 {
		r.frame(true)
		for len(r.all("guide")) <= i {
			r.sync()
		}
	}
	r.wait("prepare")
	r.soundT = r.t
}

// aloud goes on until the server has listened, and gives when each prompt came,
// ms of the clock.
func (r *reader) aloud() (came []int64) {
	r.f.t.Helper()
	r.display(capture.DisplayPreroll, 0)
	for i := 0; len(r.all("listened")) == 0; i++ {
		if i > 200 {
			r.f.t.Fatal("never listened")
		}
		r.step()
		if n := len(r.all("prompt")); n > len(came) {
			if n != len(came)+1 {
				r.f.t.Fatalf("%d prompts at once", n-len(came))
			}
			r.display(capture.DisplayPrompt, n-1)
			came = append(came, r.f.now.Load())
		}
	}
	return came
}

func (r *reader) finish() map[string]any {
	r.f.t.Helper()
	r.display(capture.DisplayPostroll, 0)
	for range 4 {
		r.step()
	}
	r.send(map[string]any{"type": "end", "attempt": 1, "captured": r.sent, "sent": r.sent, "dropped": 0, "samples": r.heard})
	return r.wait("result")
}

// ended checks that a session left nothing but its end.
func (f *fixture) ended(id string, blobs verify.Blobs, why faceproof.Reason) {
	f.t.Helper()
	waitFor(f.t, func() bool {
		v, err := f.store.Verification(f.t.Context(), faceproof.VerificationKey{ID: id})
		check(f.t, err)
		return v.State == faceproof.StateEnded
	})
	v, err := f.store.Verification(f.t.Context(), faceproof.VerificationKey{ID: id})
	check(f.t, err)
	left, err := blobs.List(f.t.Context(), "")
	check(f.t, err)
	if len(v.Decision) > 0 || len(v.Evidence) > 0 || v.HasPortrait || len(left) > 0 || v.FinishedAt == 0 || v.EndReason != why {
		f.t.Errorf("left behind: %+v, %v", v, left)
	}
}
