package capture

import (
	"encoding/binary"
	"math"

	"faceproof"
)

// FrameHeader is the length of what precedes the JPEG in a binary message.
const FrameHeader = 16

const (
	frameKind   = 1
	flagPreview = 1 << 0
)

// Frame is one picture of the client. JPEG is not copied from the message: the
// caller of Handle must not reuse its buffer.
type Frame struct {
	Attempt int
	Seq     uint32
	T       float64 // ms of capture, client clock
	Preview bool
	JPEG    []byte
}

// AppendFrame encodes f behind b, as the client does.
func AppendFrame(b []byte, f Frame) []byte {
	var flags uint16
	if f.Preview {
		flags |= flagPreview
	}
	b = append(b, frameKind, byte(f.Attempt))
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint32(b, f.Seq)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(f.T))
	return append(b, f.JPEG...)
}

// ParseFrame decodes a binary message; its JPEG is part of data. It checks the
// header, the size and the JPEG's first bytes. Errors: CodeInvalid with field
// "frame", "frame.kind", "frame.attempt", "frame.flags" or "frame.t".
func ParseFrame(data []byte, maxJPEG int) (Frame, error) {
	bad := func(field, why string) (Frame, error) {
		return Frame{}, faceproof.Errorf(faceproof.CodeInvalid, field, "%s", why)
	}
	if len(data) <= FrameHeader {
		return bad("frame", "is shorter than its header")
	}
	if data[0] != frameKind {
		return bad("frame.kind", "must be 1, or 2 for sound")
	}
	if len(data)-FrameHeader > maxJPEG {
		return bad("frame", "is over-large")
	}
	flags := binary.BigEndian.Uint16(data[2:])
	if flags&^flagPreview != 0 {
		return bad("frame.flags", "has unknown bits")
	}
	f := Frame{
		Attempt: int(data[1]),
		Seq:     binary.BigEndian.Uint32(data[4:]),
		T:       math.Float64frombits(binary.BigEndian.Uint64(data[8:])),
		Preview: flags&flagPreview != 0,
		JPEG:    data[FrameHeader:],
	}
	if f.Attempt < 1 {
		return bad("frame.attempt", "counts from 1")
	}
	if !validTime(f.T) {
		return bad("frame.t", "must be milliseconds from 0 to 1e12")
	}
	if !isJPEG(f.JPEG) {
		return bad("frame", "is no JPEG")
	}
	return f, nil
}

// isJPEG looks at the start-of-image marker and the next one's first byte.
func isJPEG(b []byte) bool { return len(b) >= 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff }

// validTime keeps out NaN, infinities and times that arithmetic would lose.
func validTime(t float64) bool { return t >= 0 && t <= 1e12 }
