package eval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/face"
	"faceproof/internal/simcam"
)

// maxRecordings bounds a folder of recordings.
const maxRecordings = 100_000

// Recordings is a folder of an operator's own: one folder a label, "live" or the
// name of a species of attack, with recordings (.zip) in it.
type Recordings struct {
	Dir       string
	Info      PortraitsInfo // with the digest of the list of names
	Jobs      []Job
	Simulated bool // one of them at least comes from the test camera
	Aloud     bool // … is of digits that are read

	Candidates int               // of the freshness test; 0: the usual number
	Speech     digits.Recogniser // for recordings of digits; without one they are CodeUnavailable, field "speech"

	engine *face.Engine
	paths  map[string]string // by label and index
}

// ListRecordings finds the recordings under dir. Errors: CodeInvalid, field
// "recordings".
func ListRecordings(e *face.Engine, dir string) (*Recordings, error) {
	r := &Recordings{Dir: dir, engine: e, paths: map[string]string{}}
	labels, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := sha256.New()
	for _, l := range labels {
		if !l.IsDir() || strings.HasPrefix(l.Name(), ".") {
			continue
		}
		if !namePattern.MatchString(l.Name()) {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "recordings", "%.40q is no label: lower case, digits, dot, dash, underscore", l.Name())
		}
		zips, err := filepath.Glob(filepath.Join(dir, l.Name(), "*.zip"))
		if err != nil {
			return nil, err
		}
		slices.Sort(zips)
		c := &Cell{Name: l.Name(), Kinds: []string{l.Name()}, Attempts: 1}
		for i, path := range zips {
			rec, _, err := readRecording(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", filepath.Join(l.Name(), filepath.Base(path)), err)
			}
			r.Simulated = r.Simulated || rec.Meta.SDK == simcam.SDK
			r.Aloud = r.Aloud || rec.Meta.Transcript.Method == faceproof.MethodDigits
			r.Jobs = append(r.Jobs, Job{Cell: c, Kind: l.Name(), Index: i, Seed: uint64(i)})
			r.paths[fmt.Sprint(l.Name(), "/", i)] = path
			fmt.Fprintf(all, "%s/%s\n", l.Name(), filepath.Base(path))
		}
	}
	if len(r.Jobs) == 0 || len(r.Jobs) > maxRecordings {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "recordings", "%s needs folders (live, print, …) with 1 to %d recordings (.zip) in all", dir, maxRecordings)
	}
	r.Info = PortraitsInfo{Digest: hex.EncodeToString(all.Sum(nil))}
	return r, nil
}

// Judge analyses one recording.
func (r *Recordings) Judge(ctx context.Context, j Job) (Trial, error) {
	path := r.paths[fmt.Sprint(j.Kind, "/", j.Index)]
	rec, digest, err := readRecording(path)
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	ev, err := measure(r.engine, r.Speech, r.Candidates, stream(0, "analysis", digest)).finish(ctx, rec)
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return Trial{Portrait: digest[:8], Attempts: []faceproof.Evidence{ev}}, nil
}

func readRecording(path string) (rec capture.Recording, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return rec, "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return rec, "", err
	}
	if rec, err = capture.ReadRecording(f, info.Size()); err != nil {
		return rec, "", err
	}
	h := sha256.New()
	for _, frame := range rec.Frames {
		h.Write(frame.JPEG)
	}
	for _, a := range rec.Sounds {
		h.Write(a.PCM)
	}
	return rec, hex.EncodeToString(h.Sum(nil)), nil
}
