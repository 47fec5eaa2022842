package analysis

import (
	"math"

	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/flash"
)

// series averages the cells that can be used over the frames so far. Frames
// without a face stay, as NaN: flash asks how many there are.
func (r *Run) series() flash.Series {
	var s flash.Series
	layout := r.tracker.Layout()
	if layout == nil {
		return s
	}
	cells := r.cells()
	skin, background := face.Usable(&layout.Skin, cells), face.Usable(&layout.Background, cells)
	s.SkinCells, s.BackgroundCells = len(skin), len(background)
	var none face.Cells // nothing seen
	for _, f := range r.frames {
		c := f.cells
		if c == nil {
			c = &none
		}
		s.Times = append(s.Times, f.t/1000)
		s.Face = append(s.Face, c.Average(skin))
		s.Background = append(s.Background, c.Average(background))
	}
	return s
}

// cells gives those of the frames in which the face was followed.
func (r *Run) cells() (cells []*face.Cells) {
	for _, f := range r.frames {
		if f.cells != nil {
			cells = append(cells, f.cells)
		}
	}
	return cells
}

// surface is the capture cell by cell, with the shape of the face and its
// motion; nil when no face was followed.
func (r *Run) surface(t capture.Transcript) *flash.Surface {
	layout := r.tracker.Layout()
	if layout == nil {
		return nil
	}
	cells := r.cells()
	skin, head := face.Usable(&layout.Skin, cells), face.Usable(&layout.Head, cells)
	s := &flash.Surface{Skin: skin, Head: head, Landscape: r.landscape(t)}
	for i := range face.CellCount {
		x, y := face.Offset(i)
		s.At = append(s.At, [2]float64{x, y})
	}
	var mean face.Placement
	n := 0.
	for _, f := range r.frames {
		if f.cells == nil {
			s.Cells, s.Motion = append(s.Cells, nil), append(s.Motion, [4]float64{math.NaN()})
			continue
		}
		p := f.place
		s.Cells = append(s.Cells, f.cells.Mean[:])
		s.Motion = append(s.Motion, [4]float64{p.X, p.Y, math.Log(p.Width), p.Turn})
		n++
		mean.X, mean.Y = mean.X+(p.X-mean.X)/n, mean.Y+(p.Y-mean.Y)/n
		mean.Width, mean.Turn = mean.Width+(p.Width-mean.Width)/n, mean.Turn+(p.Turn-mean.Turn)/n
	}
	if n == 0 {
		return s
	}
	// Into the picture's directions, from its middle.
	sin, cos := math.Sincos(mean.Turn)
	turn := func(v [3]float64) [3]float64 { return [3]float64{cos*v[0] - sin*v[1], sin*v[0] + cos*v[1], v[2]} }
	w := mean.Width // pixels
	for _, f := range r.tracker.Relief(skin) {
		p := turn(f.Point)
		p[0] += (mean.X - float64(r.width)/2) / w
		p[1] += (mean.Y - float64(r.height)/2) / w
		s.Facets = append(s.Facets, flash.Facet{Cell: f.Cell, Point: p, Normal: turn(f.Normal)})
	}
	return s
}

// landscape says how the screen lies: by the client's word, else as the picture
// does.
func (r *Run) landscape(t capture.Transcript) bool {
	if t.Screen.Width > 0 && t.Screen.Height > 0 {
		return t.Screen.Width > t.Screen.Height
	}
	return r.width > r.height
}
