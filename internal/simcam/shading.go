package simcam

import "math"

// shading is what the photo's own light left in it, to first order: it fits
// ln luminance = k + a·nx + b·ny over the face, without what is darker or
// brighter than skin, and gives exp(a·nx + b·ny) with mean 1 there. It fades to
// a constant away from the face, whose shape is not known so well.
func (ph *photo) shading(low []float32, s shape) []float32 {
	lum := make([]float64, s.w*s.h)
	for i := range lum {
		lum[i] = math.Log(max(1e-3, .2126*float64(low[3*i])+.7152*float64(low[3*i+1])+.0722*float64(low[3*i+2])))
	}
	k := ph.fitShading(lum, s)
	near := make([]float32, s.w*s.h)
	for i, in := range ph.face {
		if in {
			near[i] = 1
		}
	}
	near = blur(near, s.w, s.h, .12*ph.width/step)
	out := make([]float32, s.w*s.h)
	var mean, n float64
	for i := range out {
		v := min(max(k[1]*s.normal[i][0]+k[2]*s.normal[i][1], -.7), .7) * min(2*float64(near[i]), 1)
		out[i] = float32(math.Exp(v))
		if ph.face[i] {
			mean, n = mean+float64(out[i]), n+1
		}
	}
	for i := range out {
		out[i] *= float32(n / mean)
	}
	return out
}

// fitShading gives k, a and b.
func (ph *photo) fitShading(lum []float64, s shape) (k [3]float64) {
	keep := append([]bool(nil), ph.face...)
	for range 4 {
		var a [3][4]float64
		for i, in := range keep {
			if !in {
				continue
			}
			v := [4]float64{1, s.normal[i][0], s.normal[i][1], lum[i]}
			for r := range 3 {
				for c := range v {
					a[r][c] += v[r] * v[c]
				}
			}
		}
		k = solve(a)
		for i, in := range ph.face {
			e := lum[i] - k[0] - k[1]*s.normal[i][0] - k[2]*s.normal[i][1]
			keep[i] = in && e > -.35 && e < .5 // eyes, brows and nostrils are not shading
		}
	}
	return k
}

// solve is Gaussian elimination of a symmetric positive system, a little damped.
func solve(a [3][4]float64) (x [3]float64) {
	for i := range 3 {
		a[i][i] += 1e-6
	}
	for i := range 3 {
		for j := i + 1; j < 3; j++ {
			f := a[j][i] / a[i][i]
			for c := i; c < 4; c++ {
				a[j][c] -= f * a[i][c]
			}
		}
	}
	for i := 2; i >= 0; i-- {
		x[i] = a[i][3]
		for c := i + 1; c < 3; c++ {
			x[i] -= a[i][c] * x[c]
		}
		x[i] /= a[i][i]
	}
	return x
}
