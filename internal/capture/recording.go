package capture

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"faceproof"
)

// Limits of a recording that is read: those of an attempt, with room.
const (
	maxRecordingFrames = 1024
	maxRecordingMeta   = 1 << 20
	maxRecordingFrame  = 512 << 10
	maxRecordingSounds = 2048
	maxRecordingWAV    = 1 << 20
	maxRecordingBytes  = 64 << 20
)

// Recording is one attempt as a file: a zip of meta.json and frames/NNNN.jpg,
// numbered from 0 in order, and audio.wav of an attempt with sound. It holds a
// face and a voice, and no name or token. A server makes one only for the forms
// with video; tools, evaluation and tests do.
type Recording struct {
	Meta   RecordingMeta
	Frames []Frame // without previews, in order of T
	Sounds []Audio // in order of T
}

// RecordingMeta is meta.json.
type RecordingMeta struct {
	Version    int              `json:"version"` // 1
	SDK        string           `json:"sdk,omitempty"`
	Camera     Camera           `json:"camera"`
	Screen     Screen           `json:"screen"`
	Transcript TranscriptMeta   `json:"transcript"`
	Frames     []RecordingFrame `json:"frames"`
	Sounds     []RecordingSound `json:"sounds,omitempty"`
}

// TranscriptMeta is Transcript in JSON.
type TranscriptMeta struct {
	Attempt     int                       `json:"attempt"`
	Method      string                    `json:"method,omitempty"` // empty: flash
	Challenge   faceproof.FlashChallenge  `json:"challenge"`
	Digits      faceproof.DigitsChallenge `json:"digits,omitzero"`
	Audio       AudioCounts               `json:"audio,omitzero"`
	Display     []DisplayEvent            `json:"display"`
	Captured    int                       `json:"captured"`
	Sent        int                       `json:"sent"`
	Dropped     int                       `json:"dropped"`
	Received    int                       `json:"received"`
	RateDropped int                       `json:"rate_dropped"`
	Bytes       int                       `json:"bytes"`
	ServerMS    float64                   `json:"server_ms"`
	DriftMS     float64                   `json:"drift_ms,omitempty"`
	Screen      Screen                    `json:"-"` // RecordingMeta.Screen says it
}

// RecordingFrame is the header of frames/NNNN.jpg.
type RecordingFrame struct {
	Seq uint32  `json:"seq"`
	T   float64 `json:"t"` // ms, as captured: a replay at the nominal rate would measure noise
}

// RecordingSound is one piece of audio.wav, which holds them one behind the
// other: what was missing between them is by their times, and nothing fills it.
type RecordingSound struct {
	Seq     uint32  `json:"seq"`
	T       float64 `json:"t"` // ms of the first sample
	Samples int     `json:"samples"`
}

// NewRecording gathers one attempt.
func NewRecording(h ClientHello, t Transcript, frames []Frame) Recording {
	r := Recording{Frames: frames, Meta: RecordingMeta{
		Version: 1, SDK: h.SDK, Camera: h.Camera, Screen: h.Screen, Transcript: TranscriptMeta(t)}}
	for _, f := range frames {
		r.Meta.Frames = append(r.Meta.Frames, RecordingFrame{Seq: f.Seq, T: f.T})
	}
	return r
}

// WithSound adds the sound.
func (r Recording) WithSound(sounds []Audio) Recording {
	r.Sounds, r.Meta.Sounds = sounds, nil
	for _, a := range sounds {
		r.Meta.Sounds = append(r.Meta.Sounds, RecordingSound{Seq: a.Seq, T: a.T, Samples: a.Len()})
	}
	return r
}

// Transcript of the attempt.
func (r Recording) Transcript() Transcript {
	t := Transcript(r.Meta.Transcript)
	t.Screen = r.Meta.Screen
	return t
}

// Write writes the zip. The JPEGs are stored, not compressed, and the times are
// constant: the same recording gives the same bytes.
func (r Recording) Write(w io.Writer) error {
	if len(r.Frames) != len(r.Meta.Frames) || len(r.Frames) > maxRecordingFrames {
		return faceproof.Errorf(faceproof.CodeInvalid, "frames", "must be as many as meta.json says, at most %d", maxRecordingFrames)
	}
	if len(r.Sounds) != len(r.Meta.Sounds) || len(r.Sounds) > maxRecordingSounds {
		return faceproof.Errorf(faceproof.CodeInvalid, "sounds", "must be as many as meta.json says, at most %d", maxRecordingSounds)
	}
	meta, err := json.MarshalIndent(r.Meta, "", " ")
	if err != nil {
		return fmt.Errorf("capture: meta.json: %w", err)
	}
	z := zip.NewWriter(w)
	put := func(name string, data []byte, method uint16) {
		if err != nil {
			return
		}
		var f io.Writer
		f, err = z.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: time.Time{}})
		if err == nil {
			_, err = f.Write(data)
		}
	}
	put("meta.json", meta, zip.Deflate)
	for i, f := range r.Frames {
		put(frameName(i), f.JPEG, zip.Store)
	}
	if len(r.Sounds) > 0 {
		put(audioName, r.wav(), zip.Deflate)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return fmt.Errorf("capture: recording: %w", err)
	}
	return nil
}

const audioName = "audio.wav"

// The header of audio.wav: RIFF, one format, one run of samples.
const wavHeader = 44

// wav is the sound as a file that any player plays: mono, 16 kHz, 16 bits.
func (r Recording) wav() []byte {
	var pcm int
	for _, a := range r.Sounds {
		pcm += len(a.PCM)
	}
	b := appendWAVHeader(make([]byte, 0, wavHeader+pcm), pcm)
	for _, a := range r.Sounds {
		b = append(b, a.PCM...)
	}
	return b
}

func appendWAVHeader(b []byte, pcm int) []byte {
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(wavHeader-8+pcm))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, 1) // mono
	b = le.AppendUint32(b, AudioRate)
	b = le.AppendUint32(b, 2*AudioRate)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(pcm))
}

// readSounds cuts audio.wav, which must be as wav writes it, into its pieces.
func (m RecordingMeta) readSounds(wav []byte) ([]Audio, error) {
	pcm := 0
	for _, s := range m.Sounds {
		pcm += 2 * s.Samples // bounded by check
	}
	if len(wav) != wavHeader+pcm || !bytes.Equal(wav[:wavHeader], appendWAVHeader(nil, pcm)) {
		return nil, invalid(audioName, "is not the sound that meta.json describes")
	}
	var all []Audio
	rest := wav[wavHeader:]
	for _, s := range m.Sounds {
		all = append(all, Audio{Attempt: m.Transcript.Attempt, Seq: s.Seq, T: s.T, PCM: rest[: 2*s.Samples : 2*s.Samples]})
		rest = rest[2*s.Samples:]
	}
	return all, nil
}

func frameName(i int) string { return fmt.Sprintf("frames/%04d.jpg", i) }

// ReadRecording reads a zip of size bytes. It believes no size that a header
// states, and takes nothing but meta.json, the frames that it names and their sound. Errors:
// CodeInvalid with field "recording", "meta.json", "frames" or "audio.wav".
func ReadRecording(r io.ReaderAt, size int64) (Recording, error) {
	if size > maxRecordingBytes {
		return Recording{}, invalid("recording", "is over-large")
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Recording{}, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "recording", Message: "is no zip", Err: err}
	}
	if len(z.File) < 1 || len(z.File) > 2+maxRecordingFrames {
		return Recording{}, invalid("recording", "has too few or too many entries")
	}
	data, err := readEntry(z.File[0], "meta.json", maxRecordingMeta)
	if err != nil {
		return Recording{}, err
	}
	var rec Recording
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&rec.Meta); err != nil || d.More() {
		return Recording{}, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "meta.json", Message: "is no description of a recording", Err: err}
	}
	if err := rec.Meta.check(len(z.File)); err != nil {
		return Recording{}, err
	}
	total := 0
	for i, m := range rec.Meta.Frames {
		jpeg, err := readEntry(z.File[1+i], frameName(i), maxRecordingFrame)
		if err != nil {
			return Recording{}, err
		}
		if total += len(jpeg); total > maxRecordingBytes {
			return Recording{}, invalid("frames", "are over-large")
		}
		if !isJPEG(jpeg) {
			return Recording{}, invalid("frames", "hold one that is no JPEG")
		}
		rec.Frames = append(rec.Frames, Frame{Attempt: rec.Meta.Transcript.Attempt, Seq: m.Seq, T: m.T, JPEG: jpeg})
	}
	if len(rec.Meta.Sounds) == 0 {
		return rec, nil
	}
	wav, err := readEntry(z.File[len(z.File)-1], audioName, maxRecordingWAV)
	if err == nil {
		rec.Sounds, err = rec.Meta.readSounds(wav)
	}
	if err != nil {
		return Recording{}, err
	}
	return rec, nil
}

// check holds the description to what a session would have let through.
func (m RecordingMeta) check(entries int) error {
	t := m.Transcript
	want := 1 + len(m.Frames)
	if len(m.Sounds) > 0 {
		want++
	}
	if m.Version != 1 || entries != want || len(m.Frames) > maxRecordingFrames || len(m.Sounds) > maxRecordingSounds || t.Attempt < 1 || t.Attempt > 255 ||
		len(t.Challenge.Segments) > 256 || len(t.Digits.ShowMS) > maxPrompts || len(t.Digits.Digits) > maxPrompts || len(t.Digits.Light) > maxPrompts || len(t.Display) > 259 {
		return invalid("meta.json", "does not fit the recording")
	}
	switch t.Method {
	case "", faceproof.MethodFlash, faceproof.MethodDigits:
	default:
		return invalid("meta.json", "has a method that is unknown")
	}
	for _, n := range []int{t.Captured, t.Sent, t.Dropped, t.Received, t.RateDropped, t.Bytes, t.Audio.Messages, t.Audio.Samples} {
		if n < 0 {
			return invalid("meta.json", "has a negative count")
		}
	}
	for i, f := range m.Frames {
		if !validTime(f.T) || i > 0 && (f.T <= m.Frames[i-1].T || f.Seq <= m.Frames[i-1].Seq) {
			return invalid("frames", "must have increasing numbers and times")
		}
	}
	for i, s := range m.Sounds {
		if !validTime(s.T) || s.Samples < MinAudioSamples || s.Samples > MaxAudioSamples || i > 0 && s.Seq <= m.Sounds[i-1].Seq {
			return invalid(audioName, "must have increasing numbers, and 20 to 500 ms a piece")
		}
	}
	for _, d := range t.Display {
		if !validTime(d.T) {
			return invalid("meta.json", "has a display time that is none")
		}
	}
	return nil
}

// readEntry reads one entry that must have this name, whatever size its header
// states.
func readEntry(f *zip.File, name string, limit int64) ([]byte, error) {
	if f.Name != name {
		return nil, invalid("recording", "has an entry that is not "+name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "recording", Message: "has a damaged entry", Err: err}
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "recording", Message: "has a damaged entry", Err: err}
	}
	if int64(len(data)) > limit {
		return nil, invalid("recording", "has an over-large entry")
	}
	return data, nil
}
