package imaging

import (
	"bytes"
	"hash/fnv"
)

// JPEGInfo is what a JPEG says about itself before any pixel is decoded.
type JPEGInfo struct {
	W, H        int // pixels as stored, before EXIF orientation
	Components  int // 1 grey, 3 colour
	Progressive bool
	Quality     int // 1 to 100: the IJG quality nearest to its quantisation tables, the lowest when they differ
	Scans       int

	blocks int        // 8×8 blocks of all components, padded to whole MCUs
	tables [4][64]int // quantisation tables by slot, zigzag order
	have   [4]bool    // … those that there are
	slots  [4]int     // table slot of each component
	exif   []byte     // the first APP1 Exif payload, TIFF part

	common        bool // grey, or colour with chroma at full, half or quarter size
	huffman       bool // it brings Huffman tables
	ended         bool // by the marker that ends a picture
	foreignColour bool // an Adobe segment says that it is not YCbCr
}

// maxScans bounds the number of scans: a progressive file uses about ten, and
// each scan costs a pass over the whole picture however small it is.
const maxScans = 64

// CheckJPEG reads the headers of a JPEG, up to its end, without decoding
// pixels, and refuses what Decode would refuse by its headers. Errors are
// CodeInvalid, field "image".
func CheckJPEG(data []byte, l Limits) (JPEGInfo, error) {
	if err := l.checkBytes(data); err != nil {
		return JPEGInfo{}, err
	}
	if !isJPEG(data) {
		return JPEGInfo{}, invalid("not a JPEG")
	}
	info, err := scanJPEG(data)
	if err != nil {
		return JPEGInfo{}, err
	}
	if err := l.checkSize(info.W, info.H); err != nil {
		return JPEGInfo{}, err
	}
	if info.Components != 1 && info.Components != 3 {
		return JPEGInfo{}, invalid("JPEG with %d components (CMYK?): convert it to RGB", info.Components)
	}
	if err := l.checkMemory(info.memory()); err != nil {
		return JPEGInfo{}, err
	}
	// Every block costs at least one bit of DC and, in a baseline file, one of
	// end-of-block: a header that promises more than its data can hold lies.
	if len(data) < info.blocks/8 {
		return JPEGInfo{}, invalid("truncated: %d bytes cannot hold %d × %d pixels", len(data), info.W, info.H)
	}
	return info, nil
}

// memory estimates what the decoder allocates, in bytes.
func (info *JPEGInfo) memory() int {
	if info.Progressive {
		return info.blocks * 64 * 5 // an int32 coefficient beside each sample
	}
	return info.blocks * 64
}

func isJPEG(data []byte) bool {
	return len(data) > 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff
}

// The markers that scanJPEG tells apart (ITU-T T.81 table B.1).
const (
	mSOF0 = 0xc0 // baseline
	mSOF1 = 0xc1 // extended sequential
	mSOF2 = 0xc2 // progressive
	mDHT  = 0xc4
	mJPG  = 0xc8
	mDAC  = 0xcc
	mEOI  = 0xd9
	mSOS  = 0xda
	mDQT  = 0xdb
	mAPP1 = 0xe1
	mAPPE = 0xee // Adobe's
)

// scanJPEG walks the markers. Entropy-coded data is skipped by searching for
// the next marker, so the cost is linear in len(data).
func scanJPEG(data []byte) (JPEGInfo, error) {
	var info JPEGInfo
	for pos := 2; ; {
		m, next, ok := nextMarker(data, pos)
		if !ok || m == mEOI {
			info.ended = ok
			break
		}
		if m == 0x01 || (m >= 0xd0 && m <= 0xd7) { // TEM, RSTn: no payload
			pos = next
			continue
		}
		if next+2 > len(data) {
			break
		}
		n := int(data[next])<<8 | int(data[next+1])
		if n < 2 || next+n > len(data) {
			return info, invalid("JPEG segment reaches beyond the file")
		}
		if err := info.segment(m, data[next+2:next+n]); err != nil {
			return info, err
		}
		pos = next + n
	}
	switch {
	case info.W == 0:
		return info, invalid("JPEG without a frame header")
	case info.Scans == 0:
		return info, invalid("JPEG without picture data")
	}
	q, err := info.impliedQuality()
	info.Quality = q
	return info, err
}

// nextMarker finds the next marker at or after pos, skipping stuffed zeros and
// fill bytes; next is the position after it.
func nextMarker(data []byte, pos int) (m byte, next int, ok bool) {
	for pos < len(data) {
		i := bytes.IndexByte(data[pos:], 0xff)
		if i < 0 {
			return 0, 0, false
		}
		pos += i + 1
		for pos < len(data) && data[pos] == 0xff {
			pos++
		}
		if pos < len(data) && data[pos] != 0 {
			return data[pos], pos + 1, true
		}
	}
	return 0, 0, false
}

// Luma gives the quantisation table of the first component in zigzag order, or
// nil when there is none; do not write to it.
func (info *JPEGInfo) Luma() []int {
	if !info.have[info.slots[0]] {
		return nil
	}
	return info.tables[info.slots[0]][:]
}

// Encoding names how the picture was made: size, sampling, process and
// quantisation. Two pictures of one encoder with one setting have the same.
func (info *JPEGInfo) Encoding() uint64 {
	h := fnv.New64a()
	put := func(v int) { h.Write([]byte{byte(v), byte(v >> 8), byte(v >> 16)}) }
	for _, v := range []int{info.W, info.H, info.Components, info.blocks} {
		put(v)
	}
	if info.Progressive {
		put(1)
	}
	for c := range info.Components {
		if !info.have[info.slots[c]] {
			continue
		}
		for _, v := range info.tables[info.slots[c]] {
			put(v)
		}
	}
	return h.Sum64()
}

func (info *JPEGInfo) segment(m byte, p []byte) error {
	switch {
	case m == mSOF0 || m == mSOF1 || m == mSOF2:
		return info.frame(m, p)
	case m >= 0xc3 && m <= 0xcf && m != mDHT && m != mJPG && m != mDAC:
		return invalid("JPEG process %#x (lossless, hierarchical or arithmetic) is not supported", m)
	case m == mDQT:
		return info.quantTables(p)
	case m == mSOS:
		if info.Scans++; info.Scans > maxScans {
			return invalid("JPEG with more than %d scans", maxScans)
		}
	case m == mDHT:
		info.huffman = true
	case m == mAPPE && bytes.HasPrefix(p, adobeHeader):
		const ycbcr = 1
		info.foreignColour = info.foreignColour || len(p) < 12 || p[11] != ycbcr
	case m == mAPP1 && info.exif == nil && bytes.HasPrefix(p, exifHeader):
		info.exif = p[len(exifHeader):]
	}
	return nil
}

var (
	exifHeader  = []byte("Exif\x00\x00")
	adobeHeader = []byte("Adobe")
)

// frame reads SOFn: precision, height, width, and each component's sampling.
func (info *JPEGInfo) frame(m byte, p []byte) error {
	if info.W != 0 {
		return invalid("JPEG with two frame headers")
	}
	if len(p) < 6 || len(p) != 6+3*int(p[5]) {
		return invalid("JPEG frame header is malformed")
	}
	if p[0] != 8 {
		return invalid("JPEG with %d-bit samples is not supported", p[0])
	}
	h, w, n := int(p[1])<<8|int(p[2]), int(p[3])<<8|int(p[4]), int(p[5])
	if w == 0 || h == 0 || n == 0 || n > 4 {
		return invalid("JPEG frame header is malformed")
	}
	hmax, vmax, units := 1, 1, 0
	for i := range n {
		ch, cv, t := int(p[7+3*i]>>4), int(p[7+3*i]&15), int(p[8+3*i])
		if ch < 1 || ch > 4 || cv < 1 || cv > 4 || t > 3 {
			return invalid("JPEG frame header is malformed")
		}
		hmax, vmax = max(hmax, ch), max(vmax, cv)
		units += ch * cv
		info.slots[i] = t
		info.common = i == 0 && ch <= 2 && cv <= 2 || info.common && ch == 1 && cv == 1
	}
	info.common = info.common && !(n == 3 && p[6] == 'R' && p[9] == 'G' && p[12] == 'B')
	if n == 1 { // a single component is never interleaved: its factors mean nothing
		hmax, vmax, units = 1, 1, 1
	}
	info.W, info.H, info.Components, info.Progressive = w, h, n, m == mSOF2
	info.blocks = ceilDiv(w, 8*hmax) * ceilDiv(h, 8*vmax) * units
	return nil
}

func (info *JPEGInfo) quantTables(p []byte) error {
	for len(p) > 0 {
		wide, slot := int(p[0]>>4), int(p[0]&15)
		size := 64 * (wide + 1)
		if wide > 1 || slot > 3 || len(p) < 1+size {
			return invalid("JPEG quantisation table is malformed")
		}
		t := &info.tables[slot]
		for i := range t {
			if wide == 1 {
				t[i] = int(p[1+2*i])<<8 | int(p[2+2*i])
			} else {
				t[i] = int(p[1+i])
			}
		}
		info.have[slot] = true
		p = p[1+size:]
	}
	return nil
}

// impliedQuality compares the tables with those that the IJG library makes at
// each quality. Both luminance and chrominance count, because the flash test
// reads colour.
func (info *JPEGInfo) impliedQuality() (int, error) {
	quality := 100
	for i := range info.Components {
		t := &info.tables[info.slots[i]]
		if !info.have[info.slots[i]] {
			return 0, invalid("JPEG without the quantisation table of component %d", i)
		}
		if i == 2 && info.slots[2] == info.slots[1] {
			continue
		}
		quality = min(quality, nearestQuality(t, min(i, 1)))
	}
	return quality, nil
}

func nearestQuality(t *[64]int, kind int) int {
	best, bestDiff := 1, 1<<30
	for q := 1; q <= 100; q++ {
		diff := 0
		for i, v := range ijg[kind][q] {
			diff += abs(t[i] - int(v))
		}
		if diff < bestDiff {
			best, bestDiff = q, diff
		}
	}
	return best
}

// baseTables are those of ITU-T T.81 annex K.1 in zigzag order: luminance and
// chrominance.
var baseTables = [2][64]int{
	{
		16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40,
		26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60, 57, 51,
		56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
		95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
	},
	{
		17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
		99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	},
}

// ijg holds the tables of jpeg_set_quality for every quality.
var ijg = func() (t [2][101][64]uint8) {
	for kind, base := range baseTables {
		for q := 1; q <= 100; q++ {
			scale := 200 - 2*q
			if q < 50 {
				scale = 5000 / q
			}
			for i, v := range base {
				t[kind][q][i] = uint8(min(max((v*scale+50)/100, 1), 255))
			}
		}
	}
	return t
}()

func ceilDiv(a, b int) int { return (a + b - 1) / b }

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
