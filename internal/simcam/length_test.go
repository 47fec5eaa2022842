package simcam

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/flash"
)

// What comes before the colours is the same frames at the same times whatever
// their number, so that a plan may be chosen by it; after that the session has the
// length that was asked for.
func TestWhatComesBeforeTheColoursIsTheSame(t *testing.T) {
	for _, kind := range []Kind{Live, PrintCut, Replay} {
		s := scene(t, Draw(21, kind, small))
		var first []capture.Frame
		for i, plan := range append([]faceproof.Plan{{}}, faceproof.Plans()...) {
			usual := plan
			if usual == (faceproof.Plan{}) {
				usual = faceproof.PlanUsual
			}
			ch, err := flash.New(words{rand.New(rand.NewPCG(5, 1))}, usual)
			if err != nil {
				t.Fatal(err)
			}
			ch.Segments = ch.Segments[:plan.Segments]
			rec, err := s.Record(ch, 21)
			if err != nil {
				t.Fatal(err)
			}
			d := rec.Transcript().Display
			if len(d) != plan.Segments+3 || d[len(d)-1].Event != capture.DisplayPostroll {
				t.Fatalf("%s, %+v: %+v", kind, plan, d)
			}
			var before []capture.Frame
			for _, f := range rec.Frames {
				if f.T < d[2].T {
					before = append(before, f)
				}
			}
			last := rec.Frames[len(rec.Frames)-1].T
			if end := d[len(d)-1].T + float64(ch.PostMS); last > end+100 || last < end-400 {
				t.Errorf("%s, %+v: the last frame is %.0f ms from the end", kind, plan, last-end)
			}
			if i == 0 {
				first = before
			}
			if len(before) != len(first) || len(before) < 10 {
				t.Fatalf("%s, %+v: %d frames before the colours, without colours %d", kind, plan, len(before), len(first))
			}
			for j := range before {
				if before[j].T != first[j].T || !bytes.Equal(before[j].JPEG, first[j].JPEG) {
					t.Fatalf("%s, %+v: frame %d differs", kind, plan, j)
				}
			}
		}
	}
}

// A challenge that is chosen when the opening was seen gives the recording that it
// gives when it was known from the start.
func TestRecordChosen(t *testing.T) {
	for _, kind := range []Kind{Live, PrintCut, Replay} {
		s := scene(t, Draw(21, kind, small))
		ch, err := flash.New(words{rand.New(rand.NewPCG(5, 1))}, faceproof.PlanLong)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Record(ch, 21)
		if err != nil {
			t.Fatal(err)
		}
		var opening capture.Recording
		got, err := s.RecordChosen(ch, 21, func(o capture.Recording) (faceproof.FlashChallenge, error) {
			opening = o
			return ch, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another recording", kind)
		}
		n, colours := len(opening.Frames), want.Transcript().Display[2].T
		if n < 10 || !reflect.DeepEqual(opening.Frames, want.Frames[:n]) || opening.Frames[n-1].T >= colours || want.Frames[n].T < colours {
			t.Errorf("%s: the opening has %d frames, or others", kind, n)
		}
		if d := opening.Transcript().Display; !reflect.DeepEqual(d, want.Transcript().Display[:2]) {
			t.Errorf("%s: in the opening %+v", kind, d)
		}
	}
}
