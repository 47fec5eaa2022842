package imaging

import (
	"image"
	"image/color"
)

// toRGB converts a decoded picture into m and averages k × k pixels into one, row
// band by row band, so that a large photo needs no second full-size copy.
func toRGB(m *Image, src image.Image, k int) {
	b := src.Bounds()
	if k <= 1 {
		m.reuse(b.Dx(), b.Dy())
		for y := range m.H {
			readRow(m.Pix[3*y*m.W:3*(y+1)*m.W], src, y)
		}
		return
	}
	m.reuse(max(b.Dx()/k, 1), max(b.Dy()/k, 1))
	line, sum := make([]uint8, 3*b.Dx()), make([]uint32, 3*m.W)
	rows, cols := min(k, b.Dy()), min(k, b.Dx())
	half := uint32(rows*cols) / 2
	for y := range m.H {
		clear(sum)
		for dy := range rows {
			readRow(line, src, y*k+dy)
			addColumns(sum, line, cols)
		}
		out := m.Pix[3*y*m.W:]
		for i, v := range sum {
			out[i] = uint8((v + half) / uint32(rows*cols))
		}
	}
}

// addColumns adds every k pixels of a line to one sum.
func addColumns(sum []uint32, line []uint8, k int) {
	j := 0
	for i := 0; i+2 < len(sum); i += 3 {
		var r, g, b uint32
		for range k {
			r, g, b = r+uint32(line[j]), g+uint32(line[j+1]), b+uint32(line[j+2])
			j += 3
		}
		sum[i] += r
		sum[i+1] += g
		sum[i+2] += b
	}
}

// readRow writes the RGB values of row y (from 0).
func readRow(dst []uint8, src image.Image, y int) {
	b := src.Bounds()
	switch s := src.(type) {
	case *image.YCbCr:
		ycbcrRow(dst, s, y)
	case *image.Gray:
		for x, v := range s.Pix[y*s.Stride : y*s.Stride+b.Dx()] {
			dst[3*x], dst[3*x+1], dst[3*x+2] = v, v, v
		}
	case *image.RGBA: // PNG without transparency, RGB-coded JPEG
		p := s.Pix[y*s.Stride:]
		for x := range b.Dx() {
			copy(dst[3*x:3*x+3], p[4*x:4*x+3])
		}
	case *image.NRGBA:
		p := s.Pix[y*s.Stride:]
		for x := range b.Dx() {
			onWhite(dst[3*x:3*x+3], p[4*x:4*x+4])
		}
	default: // 16-bit and palette pictures
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(src.At(b.Min.X+x, b.Min.Y+y)).(color.NRGBA)
			onWhite(dst[3*x:3*x+3], []uint8{c.R, c.G, c.B, c.A})
		}
	}
}

// onWhite lays a pixel with straight alpha on white.
func onWhite(dst, p []uint8) {
	a := uint32(p[3])
	for i := range dst {
		dst[i] = uint8((uint32(p[i])*a + 255*(255-a) + 127) / 255)
	}
}

// ycbcrRow converts one row by JFIF's equations in 16-bit fixed point, as
// image/color does. Chroma samples are repeated, not interpolated.
func ycbcrRow(dst []uint8, s *image.YCbCr, row int) {
	b := s.Bounds()
	w, y := b.Dx(), b.Min.Y+row
	luma := s.Y[s.YOffset(b.Min.X, y):]
	luma = luma[:w]
	c := s.COffset(b.Min.X, y)
	shift := 0
	switch s.SubsampleRatio {
	case image.YCbCrSubsampleRatio420, image.YCbCrSubsampleRatio422:
		shift = 1
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		shift = 2
	}
	n := (w-1)>>shift + 1
	cbs, crs := s.Cb[c:c+n], s.Cr[c:c+n]
	dst = dst[:3*w]
	i, done := 0, 0
	if shift == 1 {
		done = ycbcrPairs(dst, luma, cbs, crs)
		i = 3 * done
	}
	for x := done; x < len(luma); x++ {
		yy := int32(luma[x]) * 0x10101
		cb, cr := int32(cbs[x>>shift])-128, int32(crs[x>>shift])-128
		r := yy + 91881*cr
		g := yy - 22554*cb - 46802*cr
		bl := yy + 116130*cb
		dst[i] = clamp16(r)
		dst[i+1] = clamp16(g)
		dst[i+2] = clamp16(bl)
		i += 3
	}
}

// ycbcrPairs converts pixels two by two that share a sample of chroma, and says how
// many: all but an odd last one.
func ycbcrPairs(dst, luma, cbs, crs []uint8) int {
	n := len(luma) / 2
	cbs, crs = cbs[:n], crs[:n]
	for i, v := range cbs {
		cb, cr := int32(v)-128, int32(crs[i])-128
		r, g, b := 91881*cr, -22554*cb-46802*cr, 116130*cb
		l, d := (*[2]uint8)(luma[2*i:]), (*[6]uint8)(dst[6*i:])
		y0, y1 := int32(l[0])*0x10101, int32(l[1])*0x10101
		d[0], d[1], d[2] = clamp16(y0+r), clamp16(y0+g), clamp16(y0+b)
		d[3], d[4], d[5] = clamp16(y1+r), clamp16(y1+g), clamp16(y1+b)
	}
	return 2 * n
}

// clamp16 takes the high byte of a 24-bit value, limited to 0…255.
func clamp16(v int32) uint8 {
	if uint32(v)&0xff000000 == 0 {
		return uint8(v >> 16)
	}
	return uint8(^(v >> 31) & 0xff)
}
