package imaging

import (
	"bytes"
	"image"
	"image/jpeg"

	"github.com/gen2brain/jpegn"

	"faceproof"
)

// decodeJPEG decodes a picture whose header CheckJPEG has read, k times smaller.
//
// Two decoders read it. The fast one takes the pictures that cameras and canvases
// make, and takes damaged ones too, as far as they go; so whatever it does not
// finish, and everything unusual, goes to the strict one of the standard library,
// whose word counts.
func decodeJPEG(into *Image, data []byte, info *JPEGInfo, k int) (*Image, error) {
	if info.usual() {
		if m := decodeUsual(into, data, info, k); m != nil {
			return m, nil
		}
	}
	defer acquire(info.memory()).release()
	// The decoder must have read the same header as we did.
	if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err != nil || c.Width != info.W || c.Height != info.H {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "image", Message: "the JPEG header is malformed", Err: err}
	}
	src, err := jpeg.Decode(bytes.NewReader(data))
	return finish(into, src, err, k, orientation(info.exif))
}

// decodeUsual is decodeJPEG by the fast decoder; nil where it did not finish.
func decodeUsual(into *Image, data []byte, info *JPEGInfo, k int) *Image {
	shrunk := 1
	if k == 2 || k == 4 { // the shrinks that happen inside the inverse transform, which averages the same blocks
		shrunk = k
	}
	defer acquire(info.memory()/(shrunk*shrunk) + len(data)).release() // it copies the file
	src := decodeFast(data, info, shrunk)
	if src == nil {
		return nil
	}
	m, _ := finish(into, src, nil, k/shrunk, orientation(info.exif))
	return m
}

// usual says whether the picture is of the kind that decodeFast takes: baseline,
// grey or YCbCr in a usual sampling, with its own Huffman tables and an end.
func (info *JPEGInfo) usual() bool {
	return !info.Progressive && info.common && info.huffman && info.ended && !info.foreignColour
}

// baseline is the fast decoder; a test puts another in its place.
var baseline = jpegn.Decode

// decodeFast gives the picture at 1/k of its size, or nil when it could not read it to
// its end.
func decodeFast(data []byte, info *JPEGInfo, k int) image.Image {
	src, err := baseline(bytes.NewReader(data), &jpegn.Options{ScaleDenom: k})
	if err != nil {
		return nil
	}
	// It must have read the same header as we did.
	if b := src.Bounds(); b.Min != (image.Point{}) || b.Dx() != ceilDiv(info.W, k) || b.Dy() != ceilDiv(info.H, k) || !finished(src, 8/k) {
		return nil
	}
	return src
}

// finished says whether every block was decoded; side is that of a block. Where the
// coded data made no sense, blocks are zero in all planes: a green that no camera
// gives, and in grey a black. Where it ended too soon, the last blocks are all of one
// value. A picture that is really so is read again, which only costs time.
func finished(src image.Image, side int) bool {
	b := src.Bounds()
	switch s := src.(type) {
	case *image.YCbCr:
		end := s.COffset(b.Dx()-1, b.Dy()-1)
		for row := 0; row <= end; row += side * s.CStride {
			for i := row; i < min(row+s.CStride, end+1); i += side {
				if s.Cb[i] == 0 && s.Cr[i] == 0 {
					return false
				}
			}
		}
		return !even(s.Y, s.YStride, b.Dx(), b.Dy(), side) || !even(s.Cb, s.CStride, end%s.CStride+1, end/s.CStride+1, side) ||
			!even(s.Cr, s.CStride, end%s.CStride+1, end/s.CStride+1, side)
	case *image.Gray:
		for y := 0; y < b.Dy(); y += side {
			for x := 0; x < b.Dx(); x += side {
				if s.Pix[y*s.Stride+x] == 0 && even(s.Pix, s.Stride, min(x+side, b.Dx()), min(y+side, b.Dy()), side) {
					return false
				}
			}
		}
		return !even(s.Pix, s.Stride, b.Dx(), b.Dy(), side)
	}
	return false // RGB and CMYK: the strict decoder's
}

// even says whether the last block of a part of w × h values has only one value.
func even(pix []uint8, stride, w, h, side int) bool {
	x0, y0 := (w-1)/side*side, (h-1)/side*side
	for y := y0; y < h; y++ {
		for _, v := range pix[y*stride+x0 : y*stride+w] {
			if v != pix[y0*stride+x0] {
				return false
			}
		}
	}
	return true
}
