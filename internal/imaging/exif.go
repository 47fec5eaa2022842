package imaging

import "encoding/binary"

// maxEntries bounds the directory entries that orientation looks at.
const maxEntries = 512

// orientation reads tag 0x0112 of the first directory of a TIFF structure
// (EXIF 2.32 §4.6.4): 1 to 8. Anything missing or malformed gives 1, as every
// viewer does; it never follows a second offset, so it cannot loop.
func orientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	off := int64(order.Uint32(tiff[4:]))
	if off < 8 || off+2 > int64(len(tiff)) {
		return 1
	}
	dir := tiff[off:]
	n := min(int(order.Uint16(dir)), maxEntries)
	for dir = dir[2:]; n > 0 && len(dir) >= 12; n, dir = n-1, dir[12:] {
		if order.Uint16(dir) != 0x0112 {
			continue
		}
		const short = 3
		if v := int(order.Uint16(dir[8:])); order.Uint16(dir[2:]) == short && order.Uint32(dir[4:]) == 1 && v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}

// upright turns the pixels so that an image with the given orientation stands
// the right way up.
func (m *Image) upright(o int) *Image {
	if o <= 1 || o > 8 {
		return m
	}
	w, h := m.W, m.H
	if o >= 5 {
		w, h = h, w
	}
	out := New(w, h)
	// The source position of the result's (0, 0), and its steps along x and y.
	var start, dx, dy int
	W, H := m.W, m.H
	switch o {
	case 2: // mirrored
		start, dx, dy = W-1, -1, W
	case 3: // upside down
		start, dx, dy = W*H-1, -1, -W
	case 4: // mirrored, upside down
		start, dx, dy = (H-1)*W, 1, -W
	case 5: // transposed
		start, dx, dy = 0, W, 1
	case 6: // to be turned clockwise
		start, dx, dy = (H-1)*W, -W, 1
	case 7: // transversed
		start, dx, dy = W*H-1, -W, -1
	case 8: // to be turned anticlockwise
		start, dx, dy = W-1, W, -1
	}
	i := 0
	for y := range h {
		s := start + y*dy
		for range w {
			copy(out.Pix[i:i+3], m.Pix[3*s:3*s+3])
			i += 3
			s += dx
		}
	}
	return out
}
