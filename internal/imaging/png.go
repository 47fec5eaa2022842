package imaging

import (
	"bytes"
	"encoding/binary"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

func isPNG(data []byte) bool { return bytes.HasPrefix(data, []byte(pngMagic)) }

// pngInfo is what a PNG's chunks say before IDAT.
type pngInfo struct {
	w, h        int
	memory      int // that the decoder needs, bytes
	orientation int
}

// maxChunks bounds the chunks before the picture data.
const maxChunks = 256

// checkPNG reads the header chunk and looks for an orientation.
func checkPNG(data []byte, l Limits) (pngInfo, error) {
	info := pngInfo{orientation: 1}
	const header = 8 + 8 + 13
	if len(data) < header || string(data[12:16]) != "IHDR" || binary.BigEndian.Uint32(data[8:]) != 13 {
		return info, invalid("PNG header is malformed")
	}
	w, h := binary.BigEndian.Uint32(data[16:]), binary.BigEndian.Uint32(data[20:])
	if w == 0 || h == 0 || w > 1<<20 || h > 1<<20 {
		return info, invalid("PNG header is malformed, or the picture is too large")
	}
	info.w, info.h = int(w), int(h)
	if err := l.checkSize(info.w, info.h); err != nil {
		return info, err
	}
	bits := pngBits(data[24], data[25])
	if bits == 0 {
		return info, invalid("PNG header is malformed")
	}
	raw := (info.w*bits + 7) / 8 * info.h
	mem := max(raw, info.w*info.h) // Go keeps at least one byte a pixel
	if data[25] == 2 {
		mem = mem / 3 * 4 // it keeps RGB with an alpha channel
	}
	if data[28] != 0 {
		mem *= 2 // interlaced: passes are assembled from copies
	}
	if err := l.checkMemory(mem); err != nil {
		return info, err
	}
	info.memory = mem
	if len(data) < raw/1032 { // the best that deflate can do
		return info, invalid("truncated: %d bytes cannot hold %d × %d pixels", len(data), info.w, info.h)
	}
	info.orientation = pngOrientation(data[8:])
	return info, nil
}

// pngBits gives the bits of a pixel by bit depth and colour type, 0 when PNG
// does not know the pair (PNG 3rd edition, table 12).
func pngBits(depth, color byte) int {
	samples := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
	switch {
	case depth == 8, depth == 16 && color != 3:
	case (depth == 1 || depth == 2 || depth == 4) && (color == 0 || color == 3):
	default:
		return 0
	}
	return samples * int(depth)
}

// pngOrientation finds an eXIf chunk before the picture data.
func pngOrientation(data []byte) int {
	for range maxChunks {
		if len(data) < 12 {
			return 1
		}
		n := int64(binary.BigEndian.Uint32(data))
		kind := string(data[4:8])
		if n > int64(len(data))-12 || kind == "IDAT" {
			return 1
		}
		if kind == "eXIf" {
			return orientation(data[8 : 8+n])
		}
		data = data[12+n:]
	}
	return 1
}
