package voicebank

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"image/jpeg"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
)

// Limits of one string.
const (
	MaxTake       = 16 * time.Second
	maxFrames     = 300
	maxFilmBytes  = 4 << 20 // of all pictures
	maxFrameSide  = 1280
	maxClientTime = 1e12 // ms
)

// Take is a string as a speaker has read it. Times are in ms of one clock, the
// page's.
type Take struct {
	N     int       `json:"n"`
	WAV   []byte    `json:"wav"`
	T0    float64   `json:"t0"`    // of the first sample
	Shown []float64 `json:"shown"` // when each digit, or the whole string, was first drawn
	Film  []Frame   `json:"film,omitempty"`
}

// Frame is one picture of the face.
type Frame struct {
	T    float64 `json:"t"`
	JPEG []byte  `json:"jpeg"`
}

// kept describes a string in the bank.
type kept struct {
	String
	Audio  faceproof.AudioEvidence `json:"audio"`
	SHA256 string                  `json:"sha256"` // of the WAV file
	Shown  []float64               `json:"shown"`  // ms after the first sample
	Frames int                     `json:"frames"`
	At     int64                   `json:"at"` // unix milliseconds
}

// Put keeps a take of a string, in place of an earlier one; or says what is wrong
// with the sound, as the product does, and keeps nothing. Errors: CodeInvalid
// with field "code", "n", "wav", "t0", "shown" or "film"; CodeNotFound, CodeExpired, field "code".
func (b *Bank) Put(ctx context.Context, code string, t Take) (faceproof.AudioFault, error) {
	id, err := ParseCode(code)
	if err != nil {
		return "", err
	}
	s, err := b.speaker(ctx, id)
	if err != nil {
		return "", err
	}
	now := b.c.Now()
	if now.UnixMilli()-s.CreatedAt > (writeDays * 24 * time.Hour).Milliseconds() {
		return "", faceproof.Errorf(faceproof.CodeExpired, "code", "recording ended after %d days; what there is can still be deleted", writeDays)
	}
	if t.N < 1 || t.N > len(s.Plan) {
		return "", invalid("n", "must be 1 to %d", len(s.Plan))
	}
	if len(t.Film) > 0 && !s.Receipt.Film {
		return "", invalid("film", "was not consented to")
	}
	of := s.Plan[t.N-1]
	sound, err := t.parse(of)
	if err != nil {
		return "", err
	}
	audio := digits.CheckSound(sound, 0)
	if audio.Fault != faceproof.AudioNone {
		return audio.Fault, nil
	}
	wav := encodeWAV(sound.Samples)
	sum := sha256.Sum256(wav)
	k := kept{String: of, Audio: audio, SHA256: hex.EncodeToString(sum[:]), Frames: len(t.Film), At: now.UnixMilli()}
	for _, at := range t.Shown {
		k.Shown = append(k.Shown, at-t.T0)
	}
	var film bytes.Buffer
	if len(t.Film) > 0 {
		if err := t.recording(of, sound).Write(&film); err != nil {
			return "", err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.speaker(ctx, id); err != nil { // withdrawn meanwhile
		return "", err
	}
	if err := b.c.Blobs.Delete(ctx, stringKey(id, t.N, "about")); err != nil {
		return "", err
	}
	if err := b.c.Blobs.Put(ctx, stringKey(id, t.N, "sound"), wav); err != nil {
		return "", err
	}
	if film.Len() > 0 {
		err = b.c.Blobs.Put(ctx, stringKey(id, t.N, "film"), film.Bytes())
	} else {
		err = b.c.Blobs.Delete(ctx, stringKey(id, t.N, "film"))
	}
	if err != nil {
		return "", err
	}
	return "", b.write(ctx, stringKey(id, t.N, "about"), k) // last: now there is one
}

// Check says whether the take can be one of the string, whoever read it.
func (t Take) Check(of String) error {
	_, err := t.parse(of)
	return err
}

func (t Take) parse(of String) (digits.Sound, error) {
	sound, err := digits.ParseWAV(t.WAV, MaxTake)
	if err != nil {
		return sound, err
	}
	return sound, t.check(of, sound)
}

// check holds the times and the pictures to the string and its sound.
func (t Take) check(of String, sound digits.Sound) error {
	valid := func(at float64) bool { return at >= 0 && at <= maxClientTime } // no NaN
	end := t.T0 + sound.DurationMS()
	if !valid(t.T0) {
		return invalid("t0", "must be milliseconds from 0 to 1e12")
	}
	if len(t.Shown) != len(of.ShowMS) {
		return invalid("shown", "must be %d times", len(of.ShowMS))
	}
	for i, at := range t.Shown {
		if !valid(at) || at < t.T0 || at > end || i > 0 && at <= t.Shown[i-1] {
			return invalid("shown", "must be times within the sound, each after the one before")
		}
	}
	if len(t.Film) > maxFrames {
		return invalid("film", "must be at most %d pictures", maxFrames)
	}
	total := 0
	for i, f := range t.Film {
		if !valid(f.T) || f.T < t.T0-1000 || f.T > end+1000 || i > 0 && f.T <= t.Film[i-1].T {
			return invalid("film", "must have times within the sound, each after the one before")
		}
		if total += len(f.JPEG); total > maxFilmBytes {
			return invalid("film", "is over %d bytes", maxFilmBytes)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(f.JPEG))
		if err != nil || c.Width > maxFrameSide || c.Height > maxFrameSide {
			return invalid("film", "picture %d is no JPEG of at most %d pixels a side", i+1, maxFrameSide)
		}
	}
	return nil
}

// pieceSamples is a message of sound of the capture protocol: 100 ms.
const pieceSamples = digits.Rate / 10

// recording is the take as the project's own tools read an attempt.
func (t Take) recording(of String, sound digits.Sound) capture.Recording {
	const attempt = 1
	tr := capture.Transcript{Attempt: attempt, Method: faceproof.MethodDigits, Captured: len(t.Film), Sent: len(t.Film), Received: len(t.Film),
		Digits: faceproof.DigitsChallenge{Digits: of.Shown(), ShowMS: of.ShowMS, EndMS: of.EndMS, Paced: of.Paced, PrerollMS: of.PrerollMS}}
	end := t.T0 + sound.DurationMS()
	tr.Display = []capture.DisplayEvent{{Event: capture.DisplayPreroll, T: max(0, t.Shown[0]-float64(of.PrerollMS))}}
	for i, at := range t.Shown {
		tr.Display = append(tr.Display, capture.DisplayEvent{Event: capture.DisplayPrompt, Index: i, T: at})
	}
	tr.Display = append(tr.Display, capture.DisplayEvent{Event: capture.DisplayPostroll, T: end})
	tr.Audio.T0, tr.Audio.EndT = t.T0, end
	var frames []capture.Frame
	for i, f := range t.Film {
		frames = append(frames, capture.Frame{Attempt: attempt, Seq: uint32(i), T: f.T, JPEG: f.JPEG})
		tr.Bytes += len(f.JPEG)
	}
	var pieces []capture.Audio
	for at := 0; len(sound.Samples)-at >= capture.MinAudioSamples; at += pieceSamples {
		part := sound.Samples[at:min(at+pieceSamples, len(sound.Samples))]
		pieces = append(pieces, capture.Audio{Attempt: attempt, Seq: uint32(len(pieces)), T: t.T0 + float64(at)*1000/digits.Rate, PCM: pcm(part)})
		tr.Audio.Messages++
		tr.Audio.Samples += len(part)
	}
	return capture.NewRecording(capture.ClientHello{SDK: "record"}, tr, frames).WithSound(pieces)
}

func pcm(samples []int16) []byte {
	out := make([]byte, 0, 2*len(samples))
	for _, v := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(v))
	}
	return out
}

// encodeWAV writes what is kept: mono, 16 kHz, 16 bits, and no header but the
// two that a file needs.
func encodeWAV(samples []int16) []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, 44+2*len(samples)), "RIFF"...)
	b = append(le.AppendUint32(b, uint32(36+2*len(samples))), "WAVEfmt "...)
	b = le.AppendUint16(le.AppendUint16(le.AppendUint32(b, 16), 1), 1)
	b = le.AppendUint32(le.AppendUint32(b, digits.Rate), 2*digits.Rate)
	b = append(le.AppendUint16(le.AppendUint16(b, 2), 16), "data"...)
	return append(le.AppendUint32(b, uint32(2*len(samples))), pcm(samples)...)
}
