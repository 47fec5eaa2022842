package imaging

import (
	"bytes"
	"image"
	"image/png"

	"faceproof"
)

// Limits bound what Decode and CheckJPEG accept. Zero means no limit.
type Limits struct {
	Bytes  int // of the encoded picture
	Pixels int // width × height, from the header
	Side   int // longer side, pixels
	Memory int // bytes that the decoder would need, by the header; progressive and 16-bit pictures cost more
	Output int // longer side of the result: a larger picture is averaged down by a whole factor
}

// FrameLimits are for camera frames off the wire (docs/protocol.md).
var FrameLimits = Limits{Bytes: 256 << 10, Pixels: 4 << 20, Side: 4096, Memory: 64 << 20}

// PhotoLimits are for portraits as phones and scanners make them: 40 megapixels
// when baseline, 17 when progressive with 4:2:0 colour.
var PhotoLimits = Limits{Bytes: 12 << 20, Pixels: 40 << 20, Side: 16384, Memory: 128 << 20, Output: 2048}

// Decode reads a JPEG or PNG picture within limits: size, components and
// memory are checked from the header first. The result is upright and sRGB;
// transparency is laid on white, grey is spread over the channels, colour
// profiles are ignored. Errors are CodeInvalid, field "image".
func Decode(data []byte, l Limits) (*Image, error) { return decode(new(Image), data, l) }

// DecodeInto is Decode into the memory of dst, as far as that suffices: a loop over
// frames makes no garbage but the decoder's own planes. After an error dst holds
// nothing of use.
func DecodeInto(dst *Image, data []byte, l Limits) error {
	m, err := decode(dst, data, l)
	if err == nil && m != dst {
		*dst = *m
	}
	return err
}

// decode uses the memory of into; the result may be another image.
func decode(into *Image, data []byte, l Limits) (*Image, error) {
	if err := l.checkBytes(data); err != nil {
		return nil, err
	}
	switch {
	case isJPEG(data):
		info, err := CheckJPEG(data, l)
		if err != nil {
			return nil, err
		}
		return decodeJPEG(into, data, &info, l.shrink(info.W, info.H))
	case isPNG(data):
		info, err := checkPNG(data, l)
		if err != nil {
			return nil, err
		}
		defer acquire(info.memory).release()
		src, err := png.Decode(bytes.NewReader(data))
		return finish(into, src, err, l.shrink(info.w, info.h), info.orientation)
	case len(data) == 0:
		return nil, invalid("empty")
	}
	for _, k := range foreign {
		if len(data) >= k.at+len(k.magic) && string(data[k.at:k.at+len(k.magic)]) == k.magic {
			return nil, invalid("neither JPEG nor PNG but %s: convert it", k.name)
		}
	}
	return nil, invalid("neither JPEG nor PNG")
}

// foreign are the kinds of picture that people try, whatever the file's name.
var foreign = []struct {
	at          int
	magic, name string
}{
	{8, "WEBP", "WebP"}, {4, "ftypheic", "HEIC"}, {4, "ftypmif1", "HEIC"}, {4, "ftypavif", "AVIF"},
	{0, "GIF8", "GIF"}, {0, "BM", "BMP"}, {0, "II*\x00", "TIFF"}, {0, "MM\x00*", "TIFF"}, {0, "%PDF", "PDF"},
}

// finish averages k × k pixels into one and turns the picture upright.
func finish(into *Image, src image.Image, err error, k, orient int) (*Image, error) {
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "image", Message: "the picture is damaged", Err: err}
	}
	toRGB(into, src, k)
	return into.upright(orient), nil
}

func invalid(format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "image", format, args...)
}

// shrink is the whole factor by which a picture is made smaller.
func (l Limits) shrink(w, h int) int {
	if l.Output <= 0 {
		return 1
	}
	return max(ceilDiv(max(w, h), l.Output), 1)
}

func (l Limits) checkBytes(data []byte) error {
	if l.Bytes > 0 && len(data) > l.Bytes {
		return invalid("%d bytes, at most %d are allowed", len(data), l.Bytes)
	}
	return nil
}

func (l Limits) checkSize(w, h int) error {
	if l.Side > 0 && max(w, h) > l.Side {
		return invalid("%d × %d pixels, at most %d a side are allowed", w, h, l.Side)
	}
	if l.Pixels > 0 && w > l.Pixels/h {
		return invalid("%d × %d pixels, at most %.1f million are allowed", w, h, float64(l.Pixels)/1e6)
	}
	return nil
}

func (l Limits) checkMemory(n int) error {
	if l.Memory > 0 && n > l.Memory {
		return invalid("decoding would need %d MiB, at most %d are allowed: make it smaller, or not progressive or interlaced", n>>20, l.Memory>>20)
	}
	return nil
}
