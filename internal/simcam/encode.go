package simcam

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"math"
)

// encoder is the client's: portraits go out whole, the other pictures shrunk.
type encoder struct {
	p            *Params
	small        *image.RGBA // nil: nothing is shrunk
	across, down []share     // its columns and rows
	sums         []float32   // one row of it
}

func newEncoder(p *Params) *encoder {
	e := &encoder{p: p}
	if p.Shrink == 1 {
		return e
	}
	w, h := int(math.Round(float64(p.Width)*p.Shrink)), int(math.Round(float64(p.Height)*p.Shrink))
	e.small = image.NewRGBA(image.Rect(0, 0, w, h))
	e.across, e.down, e.sums = shares(p.Width, w), shares(p.Height, h), make([]float32, 3*w)
	return e
}

// encode makes a JPEG of a picture of Width × Height.
func (e *encoder) encode(m *image.RGBA, whole bool) ([]byte, error) {
	if !whole && e.small != nil {
		m = e.shrink(m)
	}
	var b bytes.Buffer
	b.Grow(64 << 10)
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: e.p.Quality}); err != nil {
		return nil, fmt.Errorf("simcam: %w", err)
	}
	return b.Bytes(), nil
}

// again is what a client makes of a frame that it is fed as a camera's.
func (e *encoder) again(data []byte, whole bool) ([]byte, error) {
	m, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("simcam: %w", err)
	}
	if e.small == nil || whole { // no colour is converted twice
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: e.p.Quality}); err != nil {
			return nil, fmt.Errorf("simcam: %w", err)
		}
		return b.Bytes(), nil
	}
	full := image.NewRGBA(m.Bounds())
	draw.Draw(full, m.Bounds(), m, image.Point{}, draw.Src)
	return e.encode(full, false)
}

// shrink draws a picture on the smaller canvas: the mean of what each of its
// pixels covers.
func (e *encoder) shrink(m *image.RGBA) *image.RGBA {
	for y, d := range e.down {
		clear(e.sums)
		for i, wy := range d.weight {
			row := m.Pix[(d.from+i)*m.Stride:]
			for x, a := range e.across {
				var s [3]float32
				for j, wx := range a.weight {
					p := (*[3]uint8)(row[4*(a.from+j):])
					s[0], s[1], s[2] = s[0]+wx*float32(p[0]), s[1]+wx*float32(p[1]), s[2]+wx*float32(p[2])
				}
				o := (*[3]float32)(e.sums[3*x:])
				o[0], o[1], o[2] = o[0]+wy*s[0], o[1]+wy*s[1], o[2]+wy*s[2]
			}
		}
		out := e.small.Pix[y*e.small.Stride:]
		for x := range e.across {
			s, o := (*[3]float32)(e.sums[3*x:]), (*[4]uint8)(out[4*x:])
			o[0], o[1], o[2], o[3] = uint8(s[0]+.5), uint8(s[1]+.5), uint8(s[2]+.5), 255
		}
	}
	return e.small
}

// share is what a pixel of a smaller picture covers of a row of a larger one.
type share struct {
	from   int
	weight []float32 // sum 1
}

// shares divides large pixels among small ones.
func shares(large, small int) []share {
	out := make([]share, small)
	k := float64(large) / float64(small)
	for i := range out {
		lo, hi := k*float64(i), min(k*float64(i+1), float64(large))
		s := share{from: int(lo)}
		for j := s.from; float64(j) < hi-1e-9; j++ {
			s.weight = append(s.weight, float32((min(hi, float64(j+1))-max(lo, float64(j)))/(hi-lo)))
		}
		out[i] = s
	}
	return out
}
