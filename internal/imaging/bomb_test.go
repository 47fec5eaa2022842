package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"

	"faceproof"
)

// bomb is a small file that asks for much. late: only the decoder finds out, after
// what the header let it have.
type bomb struct {
	name string
	data []byte
	late bool
}

// bombs makes them: pictures whose headers ask for more than they may, that promise
// what their bytes cannot hold, and that are honest about a size but rotten inside.
func bombs(tb testing.TB) (all []bomb) {
	tb.Helper()
	add := func(late bool, data []byte, format string, args ...any) {
		all = append(all, bomb{fmt.Sprintf(format, args...), data, late})
	}
	pad := func(data []byte, n int) []byte { return append(bytes.Clone(data), make([]byte, n)...) }
	process := map[string]byte{"baseline": mSOF0, "extended": mSOF1, "progressive": mSOF2}
	for _, kind := range []string{"baseline", "extended", "progressive"} {
		for _, size := range [][2]int{{65535, 65535}, {65535, 1}, {20000, 20000}, {10000, 10000}, {16384, 16384}, {16384, 2600}} {
			for _, comps := range []int{1, 3} {
				add(false, pad(header(process[kind], size[0], size[1], comps), 1<<10), "%s of %d × %d in %d colours", kind, size[0], size[1], comps)
			}
		}
		// Within the limits of size, but with next to nothing behind the header.
		for _, size := range [][2]int{{6000, 6000}, {8000, 5000}, {4000, 3000}, {2048, 2048}} {
			add(false, pad(header(process[kind], size[0], size[1], 3), 600), "%s of %d × %d that ends at once", kind, size[0], size[1])
		}
	}
	// As many bytes as the header promises at the least, all of them zero.
	add(true, pad(header(mSOF0, 6000, 6000, 3), 240<<10), "baseline of 36 megapixels of zeros")
	add(true, pad(header(mSOF0, 8000, 5000, 1), 100<<10), "grey of 40 megapixels of zeros")
	add(true, pad(header(mSOF2, 2900, 2900, 3), 64<<10), "progressive of 8 megapixels of zeros")
	add(false, pad(header(mSOF2, 5200, 4000, 3), 240<<10), "progressive of 21 megapixels of zeros")
	for n := 100; n <= 1600; n *= 4 {
		scans := append(header(mSOF2, 2000, 2000, 3), bytes.Repeat(segment(mSOS, 1, 1, 0, 0, 63, 0), n)...)
		add(false, pad(scans, 64<<10), "progressive of %d scans", n)
	}
	add(true, pad(append(header(mSOF2, 1500, 1500, 1), bytes.Repeat(segment(mSOS, 1, 1, 0, 0, 63, 0), maxScans-1)...), 16<<10), "progressive of as many scans as may be")
	small := encodeJPEG(tb, scene(64, 48), 90)
	for _, m := range []byte{0xe1, 0xe2, 0xed, 0xef, 0xfe} {
		big := bytes.Clone(small[:2])
		big = append(big, bytes.Repeat(segment(m, make([]byte, 65000)...), PhotoLimits.Bytes/65000+1)...)
		add(false, append(big, small[2:]...), "12 MB of segments %#x", m)
		add(false, insert(small, []byte{0xff, m, 0xff, 0xff}), "segment %#x beyond the end", m)
		add(false, insert(small, []byte{0xff, m, 0, 1}), "segment %#x of length 1", m)
	}
	loop := binary.LittleEndian.AppendUint32([]byte("II*\x00"), 8)
	loop = append(binary.LittleEndian.AppendUint16(loop, 0xffff), bytes.Repeat([]byte{0x12, 1, 3, 0}, 3000)...)
	add(false, insert(pad(header(mSOF0, 16384, 16384, 3), 9), segment(mAPP1, append([]byte("Exif\x00\x00"), loop...)...)), "EXIF of 65535 entries before 268 megapixels")
	for i := 1; i <= 16; i++ {
		add(false, small[:2+(len(small)/4)*i/17], "JPEG cut at %d of 17 of its head", i)
	}
	for _, kind := range []struct {
		depth, color byte
	}{{1, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {8, 3}, {8, 6}, {16, 6}} {
		for _, size := range [][2]uint32{{1 << 31, 1 << 31}, {1 << 20, 1 << 20}, {20000, 20000}, {16384, 1 << 16}} {
			add(false, pngFile(size[0], size[1], kind.depth, kind.color, 0, nil), "PNG of %d × %d, %d bits of kind %d", size[0], size[1], kind.depth, kind.color)
		}
	}
	for _, lace := range []byte{0, 1} {
		add(false, pngFile(6000, 6000, 16, 6, lace, nil), "PNG of 36 megapixels of 64 bits, interlace %d", lace)
		add(false, pngFile(6200, 6200, 8, 6, lace, nil), "PNG of 38 megapixels with alpha, interlace %d", lace)
		add(false, pngFile(4000, 3000, 8, 2, lace, nil), "PNG of 12 megapixels without data, interlace %d", lace)
		add(true, pngFile(2000, 2000, 8, 2, lace, zeros(tb, 6<<20)), "PNG of 4 megapixels that ends half way, interlace %d", lace)
		add(true, pngFile(300, 300, 8, 0, lace, zeros(tb, 8<<20)), "PNG with 8 MB behind 300 × 300 pixels, interlace %d", lace)
	}
	chunks := pngHeader(30000, 30000, 8, 2)
	for range 5000 {
		chunks = append(chunks, chunk("iCCP", make([]byte, 64))...)
	}
	add(false, chunks, "PNG of 5000 profiles before 900 megapixels")
	return all
}

// zeros is n zero bytes, deflated.
func zeros(tb testing.TB, n int) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	buf := make([]byte, 1<<20)
	for ; n > 0; n -= len(buf) {
		if _, err := w.Write(buf[:min(n, len(buf))]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngFile is a whole file around deflated data.
func pngFile(w, h uint32, depth, color, interlace byte, data []byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	b := append([]byte(pngMagic), chunk("IHDR", append(head, depth, color, 0, 0, interlace))...)
	if color == 3 {
		b = append(b, chunk("PLTE", make([]byte, 6))...)
	}
	return append(append(b, chunk("IDAT", data)...), chunk("IEND", nil)...)
}

// Every bomb is refused by a stable code; those that a header can show, by the
// header: nothing is allocated for pixels.
func TestBombs(t *testing.T) {
	all := bombs(t)
	early := 0
	for i, b := range all {
		if raceDetector && b.late && i%3 != 0 {
			continue // slow there, and the same code
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := Decode(b.data, PhotoLimits)
		runtime.ReadMemStats(&after)
		if m != nil || err == nil {
			if strings.Contains(b.name, "MB behind") {
				continue // a small picture with rubbish after it: not decompressed
			}
			t.Errorf("%s: accepted", b.name)
			continue
		}
		wantInvalid(t, err, "")
		if b.late {
			continue
		}
		early++
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: %d bytes allocated for refusing it: %v", b.name, n, err)
		}
		if _, err := CheckJPEG(b.data, FrameLimits); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: as a frame: %v", b.name, err)
		}
	}
	t.Logf("%d bombs, %d refused by their headers", len(all), early)
	if early < 100 {
		t.Errorf("only %d of %d by the header", early, len(all))
	}
}
