package imaging

import (
	"bytes"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/gen2brain/jpegn"

	"faceproof/internal/imaging/imagingtest"
)

// strict is what the standard library makes of a JPEG.
func strict(tb testing.TB, data []byte) *Image {
	tb.Helper()
	src, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	m := new(Image)
	toRGB(m, src, 1)
	return m
}

// Photos as cameras and browsers write them: the fast decoder takes them, and is
// within 3 of 255 of the standard library's in every channel (one step of luma and
// of chroma, times 1.8) and equal in nearly all.
func TestFastDecodesAsStandardLibrary(t *testing.T) {
	files := []string{"data/06-free-portraits/lisa/lisa1.jpg", "data/06-free-portraits/composite/f_easian.jpg", "data/11-detection/photoprism/17.jpg"}
	all := map[string][]byte{"made": encodeJPEG(t, scene(333, 217), 82)}
	gray := image.NewGray(image.Rect(0, 0, 61, 47))
	for i := range gray.Pix {
		gray.Pix[i] = uint8(40 + i%200)
	}
	all["grey"] = encodeJPEG(t, gray, 90)
	for _, f := range files {
		all[f] = imagingtest.Read(t, f)
	}
	for name, data := range all {
		info, err := CheckJPEG(data, PhotoLimits)
		if err != nil || !info.usual() {
			t.Errorf("%s: %+v, %v: not taken", name, info, err)
			continue
		}
		if decodeFast(data, &info, 1) == nil {
			t.Errorf("%s: not read to its end", name)
		}
		got, err := Decode(data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want := strict(t, data)
		var off, most int
		for i, v := range want.Pix {
			if d := abs(int(v) - int(got.Pix[i])); d > 0 {
				off, most = off+1, max(most, d)
			}
		}
		t.Logf("%s: %d × %d, %.2f %% of values differ, by at most %d", name, want.W, want.H, 100*float64(off)/float64(len(want.Pix)), most)
		if most > 3 || off > len(want.Pix)/20 {
			t.Errorf("%s: %d of %d values differ, by at most %d", name, off, len(want.Pix), most)
		}
	}
}

// Damage is refused as before: what the fast decoder leaves out, the strict one sees.
func TestDamageIsRefused(t *testing.T) {
	whole := encodeJPEG(t, scene(160, 120), 90)
	end := []byte{0xff, mEOI}
	at := bytes.Index(whole, []byte{0xff, mSOS})
	tables := bytes.Index(whole, []byte{0xff, mDHT})
	cases := map[string][]byte{
		"half of it":             whole[:len(whole)/2],
		"without its end":        whole[:len(whole)-2],
		"rubbish and an end":     append(append(bytes.Clone(whole[:at+200]), bytes.Repeat([]byte{0xfe}, 400)...), end...),
		"without Huffman tables": append(bytes.Clone(whole[:tables]), whole[at:]...),
	}
	for name, data := range cases {
		if _, err := Decode(data, FrameLimits); err == nil {
			t.Errorf("%s: accepted", name)
		} else {
			wantInvalid(t, err, "")
		}
	}
	if _, err := Decode(whole, FrameLimits); err != nil {
		t.Fatal(err)
	}
}

// A large photo is made smaller inside the decoder: what comes is near the mean of
// the blocks.
func TestShrunkInsideTheDecoder(t *testing.T) {
	for _, k := range []int{2, 4} {
		w, h := 640, 481
		data := encodeJPEG(t, scene(w, h), 95)
		got, err := Decode(data, Limits{Output: w / k})
		if err != nil {
			t.Fatal(err)
		}
		if got.W != w/k || got.H != ceilDiv(h, k) {
			t.Fatalf("by %d: %d × %d", k, got.W, got.H)
		}
		src, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		want := new(Image)
		toRGB(want, src, k)
		var off, n float64
		for y := range want.H {
			for x := range 3 * want.W {
				off += float64(abs(int(want.Pix[3*want.W*y+x]) - int(got.Pix[3*got.W*y+x])))
				n++
			}
		}
		if t.Logf("by %d: %.2f of 255 apart on average", k, off/n); off/n > 2 {
			t.Errorf("by %d: %.2f of 255 apart on average", k, off/n)
		}
	}
}

// Bytes of the coded data changed at random: what one decoder takes, the other takes
// or refuses, and neither panics nor gives another size.
func TestChangedBytes(t *testing.T) {
	whole := encodeJPEG(t, scene(96, 80), 85)
	at := bytes.Index(whole, []byte{0xff, mSOS}) + 14
	r := rand.New(rand.NewPCG(7, 7))
	var both, fastOnly, strictOnly, none int
	for range 2000 {
		data := bytes.Clone(whole)
		for range 1 + r.IntN(3) {
			data[at+r.IntN(len(data)-at-2)] = byte(r.IntN(256))
		}
		m, err := Decode(data, FrameLimits)
		_, old := jpeg.Decode(bytes.NewReader(data))
		switch {
		case err == nil && old == nil:
			both++
		case err == nil:
			fastOnly++
		case old == nil:
			strictOnly++
		default:
			none++
		}
		if err == nil && (m.W != 96 || m.H != 80) {
			t.Fatalf("%d × %d", m.W, m.H)
		}
	}
	t.Logf("2000 changed files: both take %d, only ours %d, only the standard library %d, none %d", both, fastOnly, strictOnly, none)
	if strictOnly > 0 {
		t.Errorf("%d refused that the standard library takes", strictOnly)
	}
	if fastOnly > 2000/20 {
		t.Errorf("%d taken that the standard library refuses", fastOnly)
	}
}

// A block that was not decoded is seen wherever it lies.
func TestFinished(t *testing.T) {
	for _, side := range []int{8, 4} {
		for y := 0; y < 40; y += side {
			for x := 0; x < 37; x += side {
				grey, colour := image.NewGray(image.Rect(0, 0, 37, 40)), image.NewYCbCr(image.Rect(0, 0, 37, 40), image.YCbCrSubsampleRatio444)
				for i := range grey.Pix {
					grey.Pix[i] = uint8(1 + i%200)
				}
				for i := range colour.Cb {
					colour.Y[i], colour.Cb[i], colour.Cr[i] = uint8(i%200), uint8(1+i%200), uint8(1+i%190)
				}
				if !finished(grey, side) || !finished(colour, side) {
					t.Fatal("a whole picture is not finished")
				}
				for i := range grey.Pix {
					if i%37/side*side == x && i/37/side*side == y {
						grey.Pix[i], colour.Cb[i], colour.Cr[i] = 0, 0, 0
					}
				}
				if finished(grey, side) || finished(colour, side) {
					t.Errorf("blocks of %d: the one at %d, %d is missing: grey %v, colour %v", side, x, y, finished(grey, side), finished(colour, side))
				}
			}
		}
	}
}

// What a decoder holds is given back when it panics: an upload's handler goes on
// after a panic, and the next picture must not wait for ever.
func TestPanicGivesBack(t *testing.T) {
	fast := baseline
	defer func() { baseline = fast }()
	baseline = func(io.Reader, ...*jpegn.Options) (image.Image, error) { panic("a decoder's mistake") }
	data := encodeJPEG(t, scene(1600, 1200), 90) // large enough to be counted in memory
	for range cap(processor) {
		func() {
			defer func() { _ = recover() }()
			_, _ = Decode(data, PhotoLimits)
			t.Error("no panic")
		}()
	}
	if len(processor) != 0 || memory.used != 0 {
		t.Fatalf("%d of %d processors and %d bytes are held", len(processor), cap(processor), memory.used)
	}
}

func BenchmarkDecodePhoto(b *testing.B) {
	data := encodeJPEG(b, scene(1600, 1200), 90)
	for name, f := range map[string]func(){
		"ours":     func() { _, _ = Decode(data, PhotoLimits) },
		"standard": func() { strict(b, data) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
