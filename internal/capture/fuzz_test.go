package capture

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"faceproof"
)

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		f.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		f.Fatal(err)
	}
	for _, s := range v.Scripts {
		for _, st := range s.Steps {
			if st.Client != nil {
				f.Add([]byte(st.Client))
			}
		}
	}
	for _, s := range v.Bad {
		f.Add([]byte(s.Step.Client))
		f.Add([]byte(s.Step.Text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data, 4096)
		if err != nil {
			e, ok := err.(*faceproof.Error)
			if !ok || e.Code != faceproof.CodeInvalid || e.Field == "" {
				t.Fatalf("error %v", err)
			}
			return
		}
		// What was accepted is JSON by another reader, and its members are known.
		var o map[string]any
		if json.Unmarshal(data, &o) != nil || o["type"] == nil || len(data) > 4096 {
			t.Fatalf("accepted %q", data)
		}
		if d, ok := m.(ClientDisplay); ok && !validTime(d.T) {
			t.Fatalf("accepted time %v", d.T)
		}
	})
}

func FuzzParseFrame(f *testing.F) {
	good := AppendFrame(nil, Frame{Attempt: 1, Seq: 7, T: 12.5, JPEG: []byte{0xff, 0xd8, 0xff, 0xd9}})
	f.Add(good)
	f.Add(good[:15])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		fr, err := ParseFrame(data, 1024)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(AppendFrame(nil, fr), data) || len(fr.JPEG) > 1024 || !(fr.T >= 0) || fr.Attempt < 1 {
			t.Fatalf("%+v is not what came", fr)
		}
	})
}

func FuzzParseAudio(f *testing.F) {
	good := AppendAudio(nil, Audio{Attempt: 1, Seq: 7, T: 12.5, PCM: make([]byte, 2*MinAudioSamples)})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:15])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAudio(data)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(AppendAudio(nil, a), data) || a.Len() < MinAudioSamples || a.Len() > MaxAudioSamples || !(a.T >= 0) || a.Attempt < 1 ||
			len(a.AppendSamples(nil)) != a.Len() || !(a.EndT() > a.T) {
			t.Fatalf("%+v is not what came", a)
		}
	})
}

func testRecording() Recording {
	tr := Transcript{Attempt: 2, Challenge: testChallenge, Display: []DisplayEvent{{DisplayPreroll, 0, 100}},
		Captured: 3, Sent: 2, Dropped: 1, Received: 2, Bytes: 8, ServerMS: 1534.25}
	return NewRecording(ClientHello{SDK: "0.1.0", CaptureToken: faceproof.NewToken("sekret"), Camera: Camera{640, 480, 30}, Screen: Screen{390, 844, 3}}, tr,
		[]Frame{{Attempt: 2, Seq: 0, T: 101.25, JPEG: []byte{0xff, 0xd8, 0xff, 1}}, {Attempt: 2, Seq: 4, T: 160, JPEG: []byte{0xff, 0xd8, 0xff, 2}}})
}

// aloudRecording has a gap in its sound.
func aloudRecording() Recording {
	r := testRecording()
	tr := Transcript{Attempt: 2, Method: faceproof.MethodDigits, Digits: testDigits, Audio: AudioCounts{Messages: 2, Samples: 720, T0: 90, EndT: 435, GapMS: 300},
		Display: []DisplayEvent{{DisplayPreroll, 0, 100}, {DisplayPrompt, 0, 1300}}, Received: 2}
	pcm := make([]byte, 640, 800)
	for i := range pcm {
		pcm[i] = byte(i)
	}
	return NewRecording(ClientHello{SDK: "0.1.0", Camera: Camera{640, 480, 30}, Screen: Screen{390, 844, 3}}, tr, r.Frames).WithSound([]Audio{
		{Attempt: 2, Seq: 0, T: 90, PCM: pcm}, {Attempt: 2, Seq: 3, T: 410, PCM: pcm[:800]}})
}

func TestRecordingRoundTrip(t *testing.T) {
	for _, r := range []Recording{testRecording(), aloudRecording()} {
		recordingRoundTrip(t, r)
	}
}

func recordingRoundTrip(t *testing.T, r Recording) {
	t.Helper()
	var a, b bytes.Buffer
	if err := r.Write(&a); err != nil {
		t.Fatal(err)
	}
	if err := r.Write(&b); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same recording gave other bytes")
	}
	if bytes.Contains(a.Bytes(), []byte("sekret")) {
		t.Error("a recording holds the token")
	}
	got, err := ReadRecording(bytes.NewReader(a.Bytes()), int64(a.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, r) || !reflect.DeepEqual(got.Transcript(), r.Transcript()) || got.Transcript().Screen != (Screen{390, 844, 3}) {
		t.Errorf("got %+v", got)
	}
}

// Recordings from before there was sound say nothing of a method, and are read.
func TestOldRecordingIsRead(t *testing.T) {
	r := testRecording()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := readEntry(z.File[0], "meta.json", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"method", "digits", "audio", "sounds"} {
		if strings.Contains(string(meta), `"`+word+`"`) {
			t.Errorf("a recording without sound says %q: an older reader would refuse it", word)
		}
	}
}

// audio.wav is a file that a player opens.
func TestRecordingSoundIsWAV(t *testing.T) {
	wav := aloudRecording().wav()
	if len(wav) != 44+1440 || string(wav[:4]) != "RIFF" || string(wav[8:16]) != "WAVEfmt " || wav[24] != 0x80 || wav[25] != 0x3e || wav[44+5] != 5 || wav[44+640+7] != 7 {
		t.Errorf("% x", wav[:48])
	}
}

func TestAloudRecordingIsRefused(t *testing.T) {
	write := func(change func(r *Recording)) []byte {
		r := aloudRecording()
		change(&r)
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := write(func(*Recording) {})
	for name, data := range map[string][]byte{
		"method":        write(func(r *Recording) { r.Meta.Transcript.Method = "song" }),
		"more samples":  write(func(r *Recording) { r.Meta.Sounds[1].Samples++ }),
		"fewer samples": write(func(r *Recording) { r.Meta.Sounds[1].Samples-- }),
		"negative":      write(func(r *Recording) { r.Meta.Sounds[0].Samples = -320 }),
		"huge":          write(func(r *Recording) { r.Meta.Sounds[0].Samples = 1 << 40 }),
		"seq repeats":   write(func(r *Recording) { r.Meta.Sounds[1].Seq = 0 }),
		"time":          write(func(r *Recording) { r.Meta.Sounds[1].T = -1 }),
		"many digits":   write(func(r *Recording) { r.Meta.Transcript.Digits.Digits = strings.Repeat("1", 17) }),
		"count":         write(func(r *Recording) { r.Meta.Transcript.Audio.Samples = -1 }),
		"no sound":      bytes.ReplaceAll(good, []byte("audio.wav"), []byte("audio.mp3")),
		"not described": write(func(r *Recording) { r.Meta.Sounds[0].Samples, r.Meta.Sounds[1].Samples = 400, 321 }),
	} {
		if _, err := ReadRecording(bytes.NewReader(data), int64(len(data))); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := aloudRecording()
	r.Sounds = r.Sounds[:1]
	if err := r.Write(&bytes.Buffer{}); err == nil {
		t.Error("wrote a recording that does not fit its description")
	}
}

func TestRecordingIsRefused(t *testing.T) {
	write := func(change func(r *Recording)) []byte {
		r := testRecording()
		change(&r)
		var b bytes.Buffer
		if err := r.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	good := write(func(*Recording) {})
	for name, data := range map[string][]byte{
		"empty":       {},
		"no zip":      []byte("PK\x03\x04 nothing"),
		"cut":         good[:len(good)-30],
		"damaged":     bytes.Replace(good, []byte{0xff, 0xd8, 0xff, 1}, []byte{0xff, 0xd8, 0xff, 9}, 1),
		"no JPEG":     write(func(r *Recording) { r.Frames[1].JPEG = []byte("GIF89a") }),
		"version":     write(func(r *Recording) { r.Meta.Version = 2 }),
		"time goes":   write(func(r *Recording) { r.Meta.Frames[1].T = 1 }),
		"seq repeats": write(func(r *Recording) { r.Meta.Frames[1].Seq = 0 }),
		"negative":    write(func(r *Recording) { r.Meta.Transcript.Dropped = -1 }),
		"bomb":        write(func(r *Recording) { r.Meta.SDK = string(make([]byte, 2<<20)) }),
		"frame bomb":  write(func(r *Recording) { r.Frames[0].JPEG = append([]byte{0xff, 0xd8, 0xff}, make([]byte, 1<<20)...) }),
		"other name":  bytes.ReplaceAll(good, []byte("frames/0001.jpg"), []byte("../../etc/passw")),
		"other meta":  bytes.ReplaceAll(good, []byte("meta.json"), []byte("META.JSON")),
	} {
		if _, err := ReadRecording(bytes.NewReader(data), int64(len(data))); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := testRecording()
	r.Frames = r.Frames[:1]
	if err := r.Write(&bytes.Buffer{}); err == nil {
		t.Error("wrote a recording that does not fit its description")
	}
}

func FuzzReadRecording(f *testing.F) {
	var b bytes.Buffer
	if err := testRecording().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	var c bytes.Buffer
	if err := aloudRecording().Write(&c); err != nil {
		f.Fatal(err)
	}
	f.Add(c.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadRecording(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		if len(r.Frames) > maxRecordingFrames || len(r.Sounds) > maxRecordingSounds {
			t.Fatal("too many frames or sounds")
		}
		var again bytes.Buffer
		if err := r.Write(&again); err != nil {
			t.Fatal(err)
		}
	})
}
