package simcam

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"

	"faceproof"
	"faceproof/internal/capture"
)

// Sheet is a contact sheet of a recording: columns × rows of its frames, evenly
// over time, at their own size. Errors: CodeInvalid when there are no frames or
// no places for them.
func (s *Scene) Sheet(rec capture.Recording, columns, rows int) (*image.RGBA, error) {
	n := columns * rows
	if len(rec.Frames) == 0 || columns < 1 || rows < 1 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "sheet", "needs frames, columns and rows")
	}
	out := image.NewRGBA(image.Rect(0, 0, columns*s.p.Width, rows*s.p.Height))
	for i := range n {
		m, err := jpeg.Decode(bytes.NewReader(rec.Frames[i*(len(rec.Frames)-1)/max(n-1, 1)].JPEG))
		if err != nil {
			return nil, fmt.Errorf("simcam: frame: %w", err)
		}
		at := image.Pt(i%columns*s.p.Width, i/columns*s.p.Height)
		draw.Draw(out, m.Bounds().Sub(m.Bounds().Min).Add(at), m, m.Bounds().Min, draw.Src)
	}
	return out, nil
}
