package face

import (
	"context"
	"errors"
	"fmt"

	"faceproof"
	"faceproof/internal/imaging"
)

// Enrolment is the outcome of Enrol.
type Enrolment struct {
	Template faceproof.Template
	Quality  []faceproof.Quality // of each photo, in order
}

const maxPhotos = 32

// Enrol makes a template from one or more photos of one person. Each photo
// must hold exactly one face of portrait quality, and all of them the same
// person. Errors are CodeInvalid, field "photo", and say which photo and what to
// do; the Quality of the photos seen so far comes with them.
func (e *Engine) Enrol(ctx context.Context, photos [][]byte) (Enrolment, error) {
	var out Enrolment
	if len(photos) == 0 || len(photos) > maxPhotos {
		return out, faceproof.Errorf(faceproof.CodeInvalid, "photo", "give 1 to %d photos", maxPhotos)
	}
	vectors := make([][]float32, 0, len(photos))
	for i, data := range photos {
		v, q, err := e.enrolOne(ctx, data)
		out.Quality = append(out.Quality, q)
		if err != nil {
			return out, inPhoto(err, i, len(photos))
		}
		vectors = append(vectors, v)
	}
	if err := e.onePerson(vectors); err != nil {
		return out, err
	}
	out.Template = Mean(e.ModelID(), vectors)
	return out, nil
}

// inPhoto says which photo is at fault.
func inPhoto(err error, i, n int) error {
	var f *faceproof.Error
	if !errors.As(err, &f) || f.Code != faceproof.CodeInvalid {
		return err
	}
	msg := f.Message
	if n > 1 {
		msg = fmt.Sprintf("photo %d of %d: %s", i+1, n, msg)
	}
	return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "photo", Message: msg, Err: f.Err}
}

func (e *Engine) enrolOne(ctx context.Context, data []byte) ([]float32, faceproof.Quality, error) {
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		return nil, faceproof.Quality{}, err
	}
	info, _ := imaging.CheckJPEG(data, imaging.PhotoLimits) // zero when it is no JPEG
	faces, err := e.Detect(ctx, m)
	if err != nil {
		return nil, faceproof.Quality{}, err
	}
	if len(faces) == 0 {
		return nil, faceproof.Quality{Hint: faceproof.HintFaceScreen}, CheckPortrait(faceproof.Quality{})
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		return nil, faceproof.Quality{}, err
	}
	q := e.Assess(m, info.Quality, faces, l)
	if err := CheckPortrait(q); err != nil {
		return nil, q, err
	}
	v, err := e.Embed(ctx, m, faces[0], l)
	return v, q, err
}
