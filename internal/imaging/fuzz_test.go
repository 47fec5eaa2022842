package imaging

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"faceproof"
	"faceproof/internal/imaging/imagingtest"
)

// fuzzLimits keep one run of the fuzzer fast.
var fuzzLimits = Limits{Bytes: 64 << 10, Pixels: 1 << 18, Side: 2048, Memory: 4 << 20, Output: 256}

func seeds(f *testing.F) {
	small := encodeJPEG(f, scene(16, 16), 50)
	f.Add(small)
	f.Add(insert(small, segment(mAPP1, append([]byte("Exif\x00\x00"), tiff(binary.LittleEndian, 6)...)...)))
	f.Add(encodePNG(f, scene(9, 5)))
	f.Add(header(mSOF2, 100, 100, 3))
	f.Add(pngHeader(100, 100, 16, 6))
	if os.Getenv("FACEPROOF_SHARED") == "" {
		if _, err := os.Stat(filepath.Join(imagingtest.Root(), "..", "shared")); err != nil {
			return
		}
	}
	for _, pattern := range []string{"pillow/*.jpg", "pillow/*.png", "afl/*.jpg", "afl/*.png"} {
		files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(f, "data", "09-hostile"), pattern))
		for _, name := range files {
			if data, err := os.ReadFile(name); err == nil && len(data) < 8<<10 {
				f.Add(data)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data, fuzzLimits)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatalf("error of another class: %v", err)
			}
			return
		}
		if m.W < 1 || m.H < 1 || max(m.W, m.H) > fuzzLimits.Output || len(m.Pix) != 3*m.W*m.H {
			t.Fatalf("%d × %d with %d bytes", m.W, m.H, len(m.Pix))
		}
	})
}

func FuzzCheckJPEG(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := CheckJPEG(data, fuzzLimits)
		if err != nil {
			return
		}
		if info.W < 1 || info.H < 1 || info.W*info.H > fuzzLimits.Pixels || info.Quality < 1 || info.Quality > 100 || info.memory() > fuzzLimits.Memory {
			t.Fatalf("%+v", info)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	f.Add(tiff(binary.LittleEndian, 8))
	f.Add(tiff(binary.BigEndian, 3))
	f.Add([]byte("II*\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientation(data); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}
