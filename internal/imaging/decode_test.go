package imaging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/imaging/imagingtest"
)

// scene is a picture whose four corners differ.
func scene(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(255 * x / w), uint8(255 * y / h), 60, 255})
		}
	}
	return m
}

func encodeJPEG(tb testing.TB, m image.Image, q int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: q}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func encodePNG(tb testing.TB, m image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// segment makes one JPEG segment.
func segment(marker byte, p ...byte) []byte {
	return append([]byte{0xff, marker, byte((len(p) + 2) >> 8), byte(len(p) + 2)}, p...)
}

// insert puts bytes right after SOI.
func insert(data, seg []byte) []byte {
	return append(append(append([]byte{}, data[:2]...), seg...), data[2:]...)
}

// header is the beginning of a JPEG that claims a size.
func header(sof byte, w, h, comps int) []byte {
	b := []byte{0xff, 0xd8}
	for t := range 2 {
		b = append(b, segment(mDQT, append([]byte{byte(t)}, bytes.Repeat([]byte{1}, 64)...)...)...)
	}
	f := []byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), byte(comps)}
	s := []byte{byte(comps)}
	for i := range comps {
		f = append(f, byte(i+1), 0x11, byte(min(i, 1)))
		s = append(s, byte(i+1), 0)
	}
	b = append(b, segment(sof, f...)...)
	return append(b, segment(mSOS, append(s, 0, 63, 0)...)...)
}

func wantInvalid(t *testing.T, err error, part string) {
	t.Helper()
	var f *faceproof.Error
	if !errors.As(err, &f) || f.Code != faceproof.CodeInvalid || f.Field != "image" || !strings.Contains(f.Message, part) {
		t.Errorf("error %v, want invalid: image: …%s…", err, part)
	}
}

func TestLimits(t *testing.T) {
	small := encodeJPEG(t, scene(64, 48), 90)
	for name, c := range map[string]struct {
		data []byte
		l    Limits
		want string
	}{
		"empty":                   {nil, PhotoLimits, "empty"},
		"text":                    {[]byte("hello, world"), PhotoLimits, "neither JPEG nor PNG"},
		"WebP":                    {[]byte("RIFF\x00\x00\x00\x00WEBPVP8 "), PhotoLimits, "but WebP"},
		"html":                    {[]byte("<html>"), PhotoLimits, "neither"},
		"too many bytes":          {small, Limits{Bytes: 100}, "at most 100"},
		"100 megapixels":          {header(mSOF0, 10000, 10000, 3), PhotoLimits, "million"},
		"65535 × 65535":           {header(mSOF0, 65535, 65535, 1), PhotoLimits, "a side"},
		"frame of 5 megapixels":   {header(mSOF0, 2500, 2000, 3), FrameLimits, "million"},
		"long frame":              {header(mSOF0, 5000, 10, 3), FrameLimits, "a side"},
		"progressive, 20 MP":      {header(mSOF2, 5000, 4000, 3), PhotoLimits, "progressive"},
		"lying header":            {header(mSOF0, 2000, 2000, 3), PhotoLimits, "truncated"},
		"CMYK":                    {header(mSOF0, 64, 64, 4), PhotoLimits, "4 components"},
		"two components":          {header(mSOF0, 64, 64, 2), PhotoLimits, "2 components"},
		"lossless":                {header(0xc3, 64, 64, 3), PhotoLimits, "not supported"},
		"arithmetic":              {header(0xc9, 64, 64, 3), PhotoLimits, "not supported"},
		"two frames":              {insert(small, header(mSOF0, 8, 8, 3)[2:]), PhotoLimits, ""},
		"SOI only":                {[]byte{0xff, 0xd8, 0xff, 0xd9}, PhotoLimits, "without a frame"},
		"segment beyond the file": {[]byte{0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 0}, PhotoLimits, "beyond"},
		"truncated JPEG":          {small[:len(small)-200], PhotoLimits, "damaged"},
		"scans":                   {append(header(mSOF2, 8, 8, 1), bytes.Repeat(segment(mSOS, 1, 1, 0, 0, 63, 0), 100)...), PhotoLimits, "scans"},
		"PNG of 100 megapixels":   {pngHeader(10000, 10000, 8, 2), PhotoLimits, "million"},
		"PNG of 4 gigapixels":     {pngHeader(1<<31, 1<<31, 8, 2), PhotoLimits, "malformed"},
		"PNG of 39 MP, 16 bits":   {pngHeader(6000, 6500, 16, 6), PhotoLimits, "MiB"},
		"lying PNG":               {pngHeader(3000, 3000, 8, 2), PhotoLimits, "truncated"},
		"PNG of no such type":     {pngHeader(10, 10, 3, 7), PhotoLimits, "malformed"},
		"PNG magic only":          {[]byte(pngMagic), PhotoLimits, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Decode(c.data, c.l)
			if m != nil || err == nil {
				t.Fatalf("accepted")
			}
			wantInvalid(t, err, c.want)
		})
	}
}

func pngHeader(w, h uint32, depth, color byte) []byte {
	b := append([]byte(pngMagic), 0, 0, 0, 13)
	b = append(b, "IHDR"...)
	b = binary.BigEndian.AppendUint32(b, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return append(b, depth, color, 0, 0, 0, 0, 0, 0, 0)
}

// TestBombMemory is T24: refused by the header, nothing is allocated for pixels.
func TestBombMemory(t *testing.T) {
	bombs := [][]byte{
		append(header(mSOF2, 10000, 10000, 3), make([]byte, 1<<20)...),
		append(header(mSOF0, 10000, 10000, 1), make([]byte, 1<<20)...),
		append(header(mSOF0, 4000, 10000, 3), make([]byte, 1<<10)...),
		append(pngHeader(20000, 20000, 16, 6), make([]byte, 1<<20)...),
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 25 {
		for i, b := range bombs {
			if _, err := Decode(b, PhotoLimits); err == nil {
				t.Fatalf("bomb %d accepted", i)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for refusing 100 bombs", n)
	}
}

func TestDecodeKinds(t *testing.T) {
	rgba := scene(40, 30)
	gray := image.NewGray(rgba.Rect)
	gray16 := image.NewGray16(rgba.Rect)
	deep := image.NewNRGBA64(rgba.Rect)
	clear := image.NewNRGBA(rgba.Rect)
	pal := image.NewPaletted(rgba.Rect, color.Palette{color.RGBA{200, 10, 10, 255}, color.NRGBA{0, 0, 0, 0}})
	for y := range 30 {
		for x := range 40 {
			gray.Set(x, y, rgba.At(x, y))
			gray16.Set(x, y, rgba.At(x, y))
			deep.Set(x, y, rgba.At(x, y))
			clear.Set(x, y, color.NRGBA{200, 100, 0, 128})
		}
	}
	pal.SetColorIndex(3, 3, 1)
	r, g, b := rgba.RGBAAt(20, 15).R, rgba.RGBAAt(20, 15).G, rgba.RGBAAt(20, 15).B
	y := color.GrayModel.Convert(rgba.At(20, 15)).(color.Gray).Y
	for name, c := range map[string]struct {
		data    []byte
		r, g, b uint8
		tol     int
	}{
		"JPEG":              {encodeJPEG(t, rgba, 100), r, g, b, 6},
		"grey JPEG":         {encodeJPEG(t, gray, 100), y, y, y, 2},
		"PNG":               {encodePNG(t, rgba), r, g, b, 0},
		"grey PNG":          {encodePNG(t, gray), y, y, y, 0},
		"16-bit grey PNG":   {encodePNG(t, gray16), y, y, y, 1},
		"16-bit PNG":        {encodePNG(t, deep), r, g, b, 0},
		"half clear PNG":    {encodePNG(t, clear), 227, 177, 127, 1},
		"palette PNG":       {encodePNG(t, pal), 200, 10, 10, 0},
		"2 × 4:2:0 columns": {encodeJPEG(t, rgba.SubImage(image.Rect(20, 15, 22, 16)), 100), r, g, b, 8},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Decode(c.data, PhotoLimits)
			if err != nil {
				t.Fatal(err)
			}
			x, y := 20, 15
			if m.W < 40 {
				x, y = 0, 0
			}
			r, g, b := m.At(x, y)
			if abs(int(r)-int(c.r)) > c.tol || abs(int(g)-int(c.g)) > c.tol || abs(int(b)-int(c.b)) > c.tol {
				t.Errorf("got %d %d %d, want %d %d %d", r, g, b, c.r, c.g, c.b)
			}
		})
	}
	m, _ := Decode(encodePNG(t, pal), PhotoLimits)
	if r, g, b := m.At(3, 3); r != 255 || g != 255 || b != 255 {
		t.Errorf("a clear pixel is not white: %d %d %d", r, g, b)
	}
}

// TestAsStandardLibrary compares the fast colour conversion with image/color.
func TestAsStandardLibrary(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{
		image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410,
	} {
		src := image.NewYCbCr(image.Rect(0, 0, 37, 23), ratio)
		for i := range src.Y {
			src.Y[i] = uint8(i * 7)
		}
		for i := range src.Cb {
			src.Cb[i], src.Cr[i] = uint8(i*31), uint8(i*57+3)
		}
		m := new(Image)
		toRGB(m, src, 1)
		for y := range m.H {
			for x := range m.W {
				want := color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)
				if r, g, b := m.At(x, y); r != want.R || g != want.G || b != want.B {
					t.Fatalf("%v at %d,%d: %d %d %d, want %v", ratio, x, y, r, g, b, want)
				}
			}
		}
	}
}

func TestLargePhotoIsAveraged(t *testing.T) {
	m, err := Decode(encodeJPEG(t, scene(900, 600), 95), Limits{Output: 300})
	if err != nil {
		t.Fatal(err)
	}
	if m.W != 300 || m.H != 200 {
		t.Fatalf("%d × %d", m.W, m.H)
	}
	if r, g, _ := m.At(150, 100); abs(int(r)-128) > 3 || abs(int(g)-128) > 3 {
		t.Errorf("middle is %d %d", r, g)
	}
	if m, err := Decode(encodePNG(t, scene(3000, 2)), Limits{Output: 300}); err != nil || m.W != 300 || m.H != 1 {
		t.Errorf("thin picture: %v, %v", m, err)
	}
}

func TestCheckJPEG(t *testing.T) {
	for _, q := range []int{10, 50, 75, 82, 90, 100} {
		info, err := CheckJPEG(encodeJPEG(t, scene(64, 48), q), FrameLimits)
		if err != nil {
			t.Fatal(err)
		}
		if info.W != 64 || info.H != 48 || info.Components != 3 || info.Progressive || info.Scans != 1 || abs(info.Quality-q) > 1 {
			t.Errorf("quality %d: %+v", q, info)
		}
	}
	if _, err := CheckJPEG(encodePNG(t, scene(8, 8)), FrameLimits); err == nil {
		t.Error("a PNG passed")
	}
}

func TestSharedHostile(t *testing.T) {
	table := string(imagingtest.Read(t, "data", "09-hostile", "reference-decode.tsv"))
	for _, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		col := strings.Split(line, "\t")
		data := imagingtest.Read(t, "data", "09-hostile", col[0])
		m, err := Decode(data, PhotoLimits)
		if err != nil {
			wantInvalid(t, err, "")
		}
		if !strings.HasPrefix(col[2], "ok JPEG ") && !strings.HasPrefix(col[2], "ok PNG ") {
			continue
		}
		var w, h int
		fmt.Sscanf(strings.Fields(col[2])[2], "%dx%d", &w, &h)
		if why, known := refusedHere[col[0]]; known {
			if err == nil {
				t.Errorf("%s is accepted now", col[0])
			} else if !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v", col[0], err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s (%s): %v: %v", col[0], col[2], err, errors.Unwrap(err))
		} else if !(m.W == w && m.H == h) && !(m.W == h && m.H == w) && max(w, h) <= PhotoLimits.Output {
			t.Errorf("%s is %d × %d, want %d × %d", col[0], m.W, m.H, w, h)
		}
	}
}

func BenchmarkDecode480x640(b *testing.B) { benchmarkDecode(b, 480, 640) }
func BenchmarkDecode360x480(b *testing.B) { benchmarkDecode(b, 360, 480) }

func benchmarkDecode(b *testing.B, w, h int) {
	data := encodeJPEG(b, scene(w, h), 82)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, FrameLimits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckJPEG(b *testing.B) {
	data := encodeJPEG(b, scene(480, 640), 82)
	for b.Loop() {
		if _, err := CheckJPEG(data, FrameLimits); err != nil {
			b.Fatal(err)
		}
	}
}

// Frames of any size decode into one memory to what Decode makes of them.
func TestDecodeInto(t *testing.T) {
	var m Image
	for _, size := range [][2]int{{36, 48}, {8, 16}, {48, 36}, {1, 1}, {40, 50}} {
		data := encodeJPEG(t, scene(size[0], size[1]), 90)
		want, err := Decode(data, FrameLimits)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeInto(&m, data, FrameLimits); err != nil || m.W != want.W || m.H != want.H || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("%v: %d × %d, %v", size, m.W, m.H, err)
		}
		turned := insert(data, segment(mAPP1, append([]byte("Exif\x00\x00"), tiff(binary.BigEndian, 6)...)...))
		if want, err = Decode(turned, FrameLimits); err != nil {
			t.Fatal(err)
		}
		if err := DecodeInto(&m, turned, FrameLimits); err != nil || m.W != want.W || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("%v turned: %d × %d, %v", size, m.W, m.H, err)
		}
		if DecodeInto(&m, data[:len(data)/2], FrameLimits) == nil {
			t.Error("half of it is taken")
		}
	}
}

func BenchmarkDecodeInto360x480(b *testing.B) {
	data := encodeJPEG(b, scene(360, 480), 82)
	var m Image
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeInto(&m, data, FrameLimits); err != nil {
			b.Fatal(err)
		}
	}
}
