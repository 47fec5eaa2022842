package verify

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

// A capture that is kept is asked for in full, the others small and with
// portraits.
func TestVideoAsk(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		for _, video := range []bool{false, true} {
			st, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", video)
			if err != nil {
				t.Fatal(err)
			}
			p := w.play(ctx, st)
			welcome := p.last("welcome")
			p.live.Close(faceproof.ReasonDisconnected)
			asked, _ := welcome["capture"].(map[string]any)
			wide, _ := asked["width"].(float64)
			if _, portraits := welcome["portrait"]; portraits == video || (wide == 360) != video {
				t.Errorf("video %v: %v", video, welcome)
			}
		}
	})
}

// videos counts what is kept of captures.
func (w *world) videos() (n int) {
	w.blobs.mu.Lock()
	defer w.blobs.mu.Unlock()
	for key := range w.blobs.b {
		if strings.HasPrefix(key, videoPrefix) {
			n++
		}
	}
	return n
}

// capture1 plays a 1.0 capture and gives its credential.
func (w *world) capture1(app faceproof.App, video bool) string {
	w.t.Helper()
	st, err := w.s.Start1(ctx, app, w.subject, faceproof.AliveAuto, "", video)
	if err != nil || st.Video != video {
		w.t.Fatalf("%+v, %v", st, err)
	}
	p := w.play(ctx, st)
	r := p.attempt(1)
	p.live.Close(faceproof.ReasonDisconnected)
	token, _ := r["verify_result"].(string)
	return token
}

// A form with video keeps the attempt that passed, for its app, while the
// credential lives; every other session keeps none.
func TestVideo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		if w.capture1(w.app, false); w.videos() != 0 {
			t.Error("a video of a form without")
		}
		if w.capture1(w.other, true); w.videos() != 0 {
			t.Error("a video for an app that may not read it")
		}
		w.analysis.evidence = func(int) faceproof.Evidence { return impostor() }
		if w.capture1(w.app, true); w.videos() != 0 {
			t.Error("a video of somebody who did not pass")
		}
		w.analysis.evidence = nil
		token := w.capture1(w.app, true)
		zip, err := w.s.Video(ctx, w.app, PortraitKey{Credential: token})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := capture.ReadRecording(bytes.NewReader(zip), int64(len(zip)))
		if err != nil || len(rec.Frames) < 20 || len(rec.Frames) != rec.Meta.Transcript.Received || rec.Meta.Transcript.Challenge.Nonce != testChallenge.Nonce {
			t.Errorf("%d frames, %+v, %v", len(rec.Frames), rec.Meta.Transcript, err)
		}
		if bytes.Contains(zip, []byte(token)) || bytes.Contains(zip, []byte("张三")) {
			t.Error("the video names somebody")
		}
		if _, err := w.s.Video(ctx, w.other, PortraitKey{Credential: token}); faceproof.ErrorCode(err) != faceproof.CodeForbidden {
			t.Errorf("no permission: %v", err)
		}
		foreign := w.other
		foreign.Permissions = faceproof.Permissions()
		if _, err := w.s.Video(ctx, foreign, PortraitKey{Credential: token}); err != errCredential {
			t.Errorf("another app: %v", err)
		}
		read := 0
		for _, a := range w.store.audits {
			if a.Action == "video.read" {
				read++
			}
		}
		if read != 1 {
			t.Errorf("%d readings audited", read)
		}
		time.Sleep(CredentialTTL)
		if _, err := w.s.Video(ctx, w.app, PortraitKey{Credential: token}); err != errCredential {
			t.Errorf("late: %v", err)
		}
		if err := w.s.Retain(ctx); err != nil || w.videos() != 0 {
			t.Errorf("%d videos left, %v", w.videos(), err)
		}
	})
}

// In 2.0 the form that starts the capture asks for the video; the frames of an
// attempt that was repeated are not in it.
func TestVideo2(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		c, err := w.s.Create(ctx, w.request("order-1"))
		if err != nil {
			t.Fatal(err)
		}
		st, err := w.s.Start2(ctx, w.app, c.VerifyID.Reveal(), nil, true)
		if err != nil || !st.Video {
			t.Fatalf("%+v, %v", st, err)
		}
		w.analysis.evidence = func(n int) faceproof.Evidence {
			if n == 1 {
				return weakEvidence()
			}
			return goodEvidence()
		}
		p := w.play(ctx, st)
		p.attempt(1)
		if r := p.attempt(2); r["outcome"] != "pass" {
			t.Fatal(r)
		}
		p.live.Close(faceproof.ReasonDisconnected)
		zip, err := w.s.Video(ctx, w.app, PortraitKey{VerifyID: c.VerifyID.Reveal(), OutSeqNo: "order-1", CertHash: w.certHash(), OpenID: "o-1"})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := capture.ReadRecording(bytes.NewReader(zip), int64(len(zip)))
		if err != nil || rec.Meta.Transcript.Attempt != 2 || len(rec.Frames) != rec.Meta.Transcript.Received {
			t.Errorf("%+v, %v", rec.Meta.Transcript, err)
		}
		if _, err := w.s.Video(ctx, w.app, PortraitKey{VerifyID: c.VerifyID.Reveal(), OutSeqNo: "order-2", CertHash: w.certHash(), OpenID: "o-1"}); err != errVerifyID {
			t.Errorf("another order: %v", err)
		}
	})
}
