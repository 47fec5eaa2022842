package imaging

import "math"

// linearLUT is the decoding function of IEC 61966-2-1 (sRGB).
var linearLUT = func() (t [256]float32) {
	for i := range t {
		v := float64(i) / 255
		if v <= 0.04045 {
			t[i] = float32(v / 12.92)
		} else {
			t[i] = float32(math.Pow((v+0.055)/1.055, 2.4))
		}
	}
	return t
}()

// Linear gives the linear light, 0 to 1, of an sRGB value.
func Linear(v uint8) float32 { return linearLUT[v] }

// LinearTable is the whole of Linear, for inner loops; do not write to it.
func LinearTable() *[256]float32 { return &linearLUT }

// FromLinear gives the nearest sRGB value of linear light; values outside 0…1
// are clamped.
func FromLinear(v float32) uint8 {
	x := float64(v)
	switch {
	case !(x > 0):
		return 0
	case x >= 1:
		return 255
	case x <= 0.0031308:
		x *= 12.92
	default:
		x = 1.055*math.Pow(x, 1/2.4) - 0.055
	}
	return uint8(math.Round(x * 255))
}
