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
	"faceproof/internal/analysis"
	"faceproof/internal/capture"
	"faceproof/internal/face"
)

// maxRecordings bounds a folder of recordings.
const maxRecordings = 100_000

// Recordings is a folder of an operator's own: one folder a label, "live" or the
// name of a species of attack, with recordings (.zip) in it.
type Recordings struct {
	Dir  string
	Info PortraitsInfo // with the digest of the list of names
	Jobs []Job

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

// Judge analyses one recording. The reference is the face of its own pre-roll:
// liveness alone decides.
func (r *Recordings) Judge(ctx context.Context, j Job) (Trial, error) {
	path := r.paths[fmt.Sprint(j.Kind, "/", j.Index)]
	rec, digest, err := readRecording(path)
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	a := analysis.New(analysis.Config{Engine: r.engine, Rand: stream(0, "analysis", digest), Concurrency: 1})
	run, err := begin(ctx, a, rec)
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	ev, portrait, err := run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceAbsent})
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if t, ok := ownTemplate(ctx, r.engine, portrait); ok {
		ev, _, err = run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceFound, Template: t})
	}
	return Trial{Portrait: digest[:8], Attempts: []faceproof.Evidence{ev}}, err
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
	return rec, hex.EncodeToString(h.Sum(nil)), nil
}

// begin feeds the frames of a recording to a new run.
func begin(ctx context.Context, a *analysis.Analyzer, rec capture.Recording) (*analysis.Run, error) {
	run := a.Begin()
	for _, f := range rec.Frames {
		if err := run.Frame(ctx, f); err != nil {
			return nil, err
		}
	}
	return run, nil
}

// ownTemplate enrols the face of a frame, whatever its quality; false: there is
// none.
func ownTemplate(ctx context.Context, e *face.Engine, jpeg []byte) (faceproof.Template, bool) {
	if jpeg == nil {
		return faceproof.Template{}, false
	}
	m, err := decodeFrame(jpeg)
	if err != nil {
		return faceproof.Template{}, false
	}
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return faceproof.Template{}, false
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		return faceproof.Template{}, false
	}
	v, err := e.Embed(ctx, m, faces[0], l)
	return face.Mean(e.ModelID(), [][]float32{v}), err == nil
}
