package faces

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"regexp"
	"slices"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
	"faceproof/internal/modelpack"
)

// The faces that a protocol may ask for.
const (
	pickLargest = "largest" // as the server does
	pickCenter  = "center"  // the nearest to the middle, as LFW means it
)

// engine is what is measured; tests have one without networks.
type engine interface {
	// embed gives the embedding of one face of a picture file, nil when there is
	// none, and what the gate of enrolment would say, empty when nothing.
	embed(ctx context.Context, data []byte, pick string) (vector []float32, refused string, err error)
	mean([][]float32) faceproof.Template
	similarity(a, b faceproof.Template) (float64, error)
	// digest names the networks: templates of other networks are of no use.
	digest() string
}

// product is the engine of the server.
type product struct{ *face.Engine }

func (p product) mean(v [][]float32) faceproof.Template { return face.Mean(p.ModelID(), v) }

func (p product) similarity(a, b faceproof.Template) (float64, error) { return p.Similarity(a, b) }

func (p product) digest() string {
	h := sha256.New()
	for _, role := range []modelpack.Role{modelpack.RoleDetector, modelpack.RoleLandmarks, modelpack.RoleEmbedder} {
		m := p.Pack().Models[role]
		h.Write([]byte(string(role) + " " + m.ID + " " + m.SHA256 + "\n"))
	}
	h.Write([]byte(p.Pack().Match.Metric)) // it says whether embeddings are of unit length
	return hex.EncodeToString(h.Sum(nil))
}

func (p product) embed(ctx context.Context, data []byte, pick string) ([]float32, string, error) {
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		return nil, "", err
	}
	info, _ := imaging.CheckJPEG(data, imaging.PhotoLimits) // zero when it is no JPEG
	faces, err := p.Detect(ctx, m)
	if err != nil {
		return nil, "", err
	}
	if len(faces) == 0 {
		return nil, reason(face.CheckPortrait(faceproof.Quality{})), nil
	}
	if pick == pickCenter {
		slices.SortStableFunc(faces, func(a, b face.Face) int { return cmp.Compare(off(a, m), off(b, m)) })
	}
	l, err := p.Landmarks(ctx, m, faces[0])
	if err != nil {
		return nil, "", err
	}
	refused := reason(face.CheckPortrait(p.Assess(m, info.Quality, faces, l)))
	v, err := p.Embed(ctx, m, faces[0], l)
	if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		return nil, refused, nil
	}
	return v, refused, err
}

// off is how far a face is from the middle of the picture.
func off(f face.Face, m *imaging.Image) float64 {
	return math.Hypot(f.Box.X+f.Box.W/2-float64(m.W)/2, f.Box.Y+f.Box.H/2-float64(m.H)/2)
}

var component = regexp.MustCompile(`\(([a-z_]+)(?: [0-9]+ of 100)?\)$`)

// reason is the quality component (ISO/IEC 29794-5) for which the gate refuses a
// picture; empty when it does not.
func reason(err error) string {
	if err == nil {
		return ""
	}
	var f *faceproof.Error
	if errors.As(err, &f) {
		if m := component.FindStringSubmatch(f.Message); m != nil {
			return m[1]
		}
	}
	return "other"
}
