package registry

import (
	"encoding/binary"
	"math"

	"faceproof"
)

// A template's plain form, big-endian: 1 (version) · length of the model id, 1
// byte · model id · frames, 4 bytes · dimensions, 4 bytes · float32 each.
const (
	templateVersion = 1
	maxDimensions   = 4096
)

func encodeTemplate(t faceproof.Template) ([]byte, error) {
	if t.ModelID == "" || len(t.ModelID) > 255 || t.Frames < 1 || len(t.Vector) == 0 || len(t.Vector) > maxDimensions {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "the face model gave no usable template")
	}
	b := append([]byte{templateVersion, byte(len(t.ModelID))}, t.ModelID...)
	b = binary.BigEndian.AppendUint32(b, uint32(t.Frames))
	b = binary.BigEndian.AppendUint32(b, uint32(len(t.Vector)))
	for _, v := range t.Vector {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, faceproof.Errorf(faceproof.CodeInternal, "", "the face model gave no usable template")
		}
		b = binary.BigEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b, nil
}

func decodeTemplate(b []byte) (faceproof.Template, error) {
	bad := faceproof.Errorf(faceproof.CodeInternal, "", "a stored template is damaged")
	if len(b) < 2 || b[0] != templateVersion || len(b) < 2+int(b[1])+8 {
		return faceproof.Template{}, bad
	}
	t := faceproof.Template{ModelID: string(b[2 : 2+int(b[1])])}
	b = b[2+int(b[1]):]
	frames, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	b = b[8:]
	if frames < 1 || frames > math.MaxInt32 || n < 1 || n > maxDimensions || len(b) != 4*int(n) {
		return faceproof.Template{}, bad
	}
	t.Frames, t.Vector = int(frames), make([]float32, n)
	for i := range t.Vector {
		t.Vector[i] = math.Float32frombits(binary.BigEndian.Uint32(b[4*i:]))
		if math.IsNaN(float64(t.Vector[i])) || math.IsInf(float64(t.Vector[i]), 0) {
			return faceproof.Template{}, bad
		}
	}
	return t, nil
}

// dummyTemplate is a unit vector that means nobody.
func dummyTemplate(dimensions int) faceproof.Template {
	v := make([]float32, dimensions)
	each := float32(1 / math.Sqrt(float64(dimensions)))
	for i := range v {
		v[i] = each
		if i%2 == 1 {
			v[i] = -each
		}
	}
	return faceproof.Template{ModelID: "none", Frames: 1, Vector: v}
}
