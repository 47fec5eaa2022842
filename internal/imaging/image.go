// Package imaging turns hostile picture bytes into bounded, upright RGB images
// and images into the float tensors that networks eat. Every picture from
// outside is met here and nowhere else: sizes are checked from the header,
// before a single pixel is decoded.
package imaging

// Image is interleaved 8-bit sRGB, three bytes a pixel, rows top to bottom,
// upright (EXIF orientation applied). The zero Image is empty.
type Image struct {
	W, H int
	Pix  []uint8 // len = 3·W·H
}

// New makes a black image of w × h pixels; it panics when either is negative.
func New(w, h int) *Image {
	return &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
}

// reuse makes m an image of w × h pixels of any content, in its own memory when
// that suffices.
func (m *Image) reuse(w, h int) {
	if n := 3 * w * h; cap(m.Pix) < n {
		m.Pix = make([]uint8, n)
	} else {
		m.Pix = m.Pix[:n]
	}
	m.W, m.H = w, h
}

// At gives the sRGB values of the pixel at column x and row y, which must lie
// inside the image.
func (m *Image) At(x, y int) (r, g, b uint8) {
	i := 3 * (y*m.W + x)
	return m.Pix[i], m.Pix[i+1], m.Pix[i+2]
}

// Crop copies the part of the rectangle [x0, x1) × [y0, y1) that lies inside
// the image; an empty intersection gives an empty image.
func (m *Image) Crop(x0, y0, x1, y1 int) *Image {
	x0, y0 = max(x0, 0), max(y0, 0)
	x1, y1 = min(x1, m.W), min(y1, m.H)
	if x0 >= x1 || y0 >= y1 {
		return &Image{}
	}
	out := New(x1-x0, y1-y0)
	for y := y0; y < y1; y++ {
		copy(out.Pix[3*(y-y0)*out.W:], m.Pix[3*(y*m.W+x0):3*(y*m.W+x1)])
	}
	return out
}
