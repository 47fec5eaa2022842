package imaging

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"testing"

	"faceproof/internal/imaging/imagingtest"
)

// corners names an image by the brightness of its corners, so that all
// orientations of one scene can be told apart.
func corners(m *Image) (c [4]int) {
	for i, p := range [4][2]float64{{.1, .1}, {.9, .1}, {.1, .9}, {.9, .9}} {
		cut := m.Crop(int(p[0]*float64(m.W))-8, int(p[1]*float64(m.H))-8, int(p[0]*float64(m.W))+8, int(p[1]*float64(m.H))+8)
		for _, v := range cut.Pix {
			c[i] += int(v)
		}
		c[i] /= max(len(cut.Pix), 1)
	}
	return c
}

func TestOrientation(t *testing.T) {
	// Stored so that, turned as the tag says, it is scene(60, 40).
	want := &Image{W: 60, H: 40, Pix: make([]uint8, 3*60*40)}
	for y := range 40 {
		readRow(want.Pix[180*y:180*(y+1)], scene(60, 40), y)
	}
	inverse := [9]int{0, 1, 2, 3, 4, 5, 8, 7, 6}
	for o := 1; o <= 8; o++ {
		if got := want.upright(inverse[o]).upright(o); !bytes.Equal(got.Pix, want.Pix) || got.W != 60 {
			t.Errorf("orientation %d does not undo its inverse", o)
		}
		stored := want.upright(inverse[o])
		src := image.NewRGBA(image.Rect(0, 0, stored.W, stored.H))
		for y := range stored.H {
			for x := range stored.W {
				r, g, b := stored.At(x, y)
				src.SetRGBA(x, y, color.RGBA{r, g, b, 255})
			}
		}
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			data := insert(encodeJPEG(t, src, 100), segment(mAPP1, append([]byte("Exif\x00\x00"), tiff(order, o)...)...))
			got, err := Decode(data, PhotoLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got.W != 60 || got.H != 40 {
				t.Errorf("orientation %d: %d × %d", o, got.W, got.H)
			}
			for i, v := range corners(got) {
				if abs(v-corners(want)[i]) > 3 {
					t.Errorf("orientation %d: corners %v, want %v", o, corners(got), corners(want))
					break
				}
			}
		}
	}
}

// tiff is the smallest structure with an orientation.
func tiff(order binary.AppendByteOrder, o int) []byte {
	magic := "MM\x00*"
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		magic = "II*\x00"
	}
	b := order.AppendUint32([]byte(magic), 8)
	b = order.AppendUint16(b, 1)
	b = order.AppendUint16(order.AppendUint16(b, 0x0112), 3)
	b = order.AppendUint16(order.AppendUint32(b, 1), uint16(o))
	return append(b, 0, 0, 0, 0, 0, 0)
}

// Every picture of a series, turned as its tag says, is the first one of it: as
// wide and as high, and alike all over. The series were encoded at different
// brightness; a picture that stands otherwise is no more like the first than chance.
func TestSharedOrientations(t *testing.T) {
	for series, n := range map[string]int{"exif-samples/landscape_": 8, "recurser/Portrait_": 9} {
		files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(t, "data", "10-exif-orientation"), series+"*.jpg"))
		if len(files) != n {
			t.Fatalf("%d files of %s", len(files), series)
		}
		var first *Image
		seen := map[int]bool{}
		for i, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			info, err := CheckJPEG(data, PhotoLimits)
			if err != nil {
				t.Fatal(filepath.Base(f), err)
			}
			if seen[orientation(info.exif)] = true; raceDetector && i%3 != 0 {
				continue // slow there, and the same code
			}
			m, err := Decode(data, PhotoLimits)
			if err != nil {
				t.Fatal(filepath.Base(f), err)
			}
			small := m.Resize(24, 24)
			if first == nil {
				first = small
				first.W, first.H = m.W, m.H // of the whole
				continue
			}
			if m.W != first.W || m.H != first.H {
				t.Errorf("%s is %d × %d, the first %d × %d", filepath.Base(f), m.W, m.H, first.W, first.H)
			}
			if r := correlation(first.Pix, small.Pix); r < .99 {
				t.Errorf("%s looks otherwise: correlation %.3f", filepath.Base(f), r)
			}
			for o := 2; o <= 8; o++ {
				if r := correlation(first.Pix, small.upright(o).Pix); r > .97 {
					t.Errorf("%s turned by %d looks as well: correlation %.3f", filepath.Base(f), o, r)
				}
			}
		}
		for o := 1; o <= 8; o++ {
			if !seen[o] {
				t.Errorf("%s has no orientation %d", series, o)
			}
		}
	}
}

// correlation of two pictures of one size, over all values.
func correlation(a, b []uint8) float64 {
	var ma, mb, ab, aa, bb float64
	for i := range a {
		ma, mb = ma+float64(a[i]), mb+float64(b[i])
	}
	ma, mb = ma/float64(len(a)), mb/float64(len(b))
	for i := range a {
		x, y := float64(a[i])-ma, float64(b[i])-mb
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}

// refusedHere are pictures that Pillow or OpenCV open and we do not, with the
// reason; everything else that they open, we open at the same size.
var refusedHere = map[string]string{
	"pillow/pil_sample_cmyk.jpg":                   "4 components",
	"pillow/hopper_bad_exif.jpg":                   "",
	"pillow/broken_data_stream.png":                "damaged",
	"pillow/truncated_end_chunk.png":               "damaged",
	"afl/vuln_samples__msie-dht-leak.jpg":          "damaged",
	"afl/vuln_samples__libjpeg-turbo-dht-leak.jpg": "damaged",
	"afl/vuln_samples__photoshop-mem-leak.jpg":     "damaged",
}
