package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// photo is a picture named on the command line, with its faces from left to
// right.
type photo struct {
	path  string
	pick  int // the n of path#n, from 1; 0: not said
	image *imaging.Image
	jpegQ int // that its tables imply; 0: no JPEG
	faces []face.Face
}

// openPhoto reads "path" or "path#n" and finds the faces.
func openPhoto(ctx context.Context, e *face.Engine, arg string) (*photo, error) {
	p := &photo{path: arg}
	if at := strings.LastIndexByte(arg, '#'); at > 0 {
		n, err := strconv.Atoi(arg[at+1:])
		if _, missing := os.Stat(arg); missing != nil && err == nil && n > 0 {
			p.path, p.pick = arg[:at], n
		}
	}
	data, err := readLimited(p.path, imaging.PhotoLimits.Bytes)
	if err != nil {
		return nil, err
	}
	if p.image, err = imaging.Decode(data, imaging.PhotoLimits); err != nil {
		return nil, fmt.Errorf("%s: %w", p.path, err)
	}
	info, _ := imaging.CheckJPEG(data, imaging.PhotoLimits)
	p.jpegQ = info.Quality
	if p.faces, err = e.Detect(ctx, p.image); err != nil {
		return nil, err
	}
	face.SortLeft(p.faces)
	if p.pick > len(p.faces) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "photo", "%s has %d faces, there is no #%d", filepath.Base(p.path), len(p.faces), p.pick)
	}
	return p, nil
}

// readLimited reads a file of at most limit bytes and one more, so that the
// decoder can say that it is too long.
func readLimited(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// only makes the one face that is meant p.pick; several without a choice are
// an error that lists them.
func (p *photo) only() error {
	switch {
	case p.pick > 0:
		return nil
	case len(p.faces) == 1:
		p.pick = 1
		return nil
	case len(p.faces) == 0:
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "%s: no face found", p.path)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d faces; choose one, counted from the left:", p.path, len(p.faces))
	for i, f := range p.faces {
		fmt.Fprintf(&b, "\n  %s#%d   %.0f pixels wide, at %.0f,%.0f", p.path, i+1, f.Box.W, f.Box.X, f.Box.Y)
	}
	return faceproof.Errorf(faceproof.CodeInvalid, "photo", "%s", b.String())
}

// measure finds the mesh of face n (from 1) and judges it.
func (p *photo) measure(ctx context.Context, e *face.Engine, n int) (face.Landmarks, faceproof.Quality, error) {
	f := p.faces[n-1]
	l, err := e.Landmarks(ctx, p.image, f)
	if err != nil {
		return l, faceproof.Quality{}, err
	}
	// Quality judges the first: put ours there.
	faces := append([]face.Face{f}, p.faces[:n-1]...)
	return l, e.Assess(p.image, p.jpegQ, append(faces, p.faces[n:]...), l), nil
}
