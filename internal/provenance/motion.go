package provenance

import (
	"math"
	"slices"

	"faceproof/internal/imaging"
)

// Marks of movement and light. Who is seen is the same every day; how the head
// moved and how the light changed during one second is not. A mark is a
// similarity hash (random hyperplanes) of the changes of a coarse grid of
// colours over 1.2 s: it survives compression, scaling and a small cut, and
// differs when the same person comes again.

const (
	side      = 8
	cells     = side * side * 3
	pulseMS   = 200. // between the samples of a mark
	pulses    = 6
	gapMS     = 160. // between two frames: with more, what happened between them is not known
	minChange = .7   // grey levels, root mean square: with less, the mark would be one of noise
)

// grid is the mean colour of the cells of a frame, 0 to 255.
type grid [cells]float32

// gridOf looks at every second pixel of every second row.
func gridOf(pic *imaging.Image) grid {
	var sum [cells]int
	var n [side * side]int
	for y := 0; y < pic.H; y += 2 {
		row := pic.Pix[3*y*pic.W:]
		cy := y * side / pic.H * side
		for cx := range side {
			var r, g, b int
			from, to := (cx*pic.W/side+1)&^1, (cx+1)*pic.W/side
			for i := 3 * from; i < 3*to; i += 6 {
				r, g, b = r+int(row[i]), g+int(row[i+1]), b+int(row[i+2])
			}
			c := cy + cx
			sum[3*c], sum[3*c+1], sum[3*c+2] = sum[3*c]+r, sum[3*c+1]+g, sum[3*c+2]+b
			n[c] += (to - from + 1) / 2
		}
	}
	var out grid
	for i, s := range sum {
		out[i] = float32(s) / float32(max(n[i/3], 1))
	}
	return out
}

// planes are ±1, fixed: what is stored is under a key, not under a secret
// direction.
var planes = func() (p [pulses][cells]uint64) {
	state := uint64(0x9e3779b97f4a7c15)
	for k := range p {
		for i := range p[k] { // splitmix64
			state += 0x9e3779b97f4a7c15
			z := state
			z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			p[k][i] = z ^ z>>31
		}
	}
	return p
}()

// marks gives one mark for each frame that starts a window, where enough
// changed.
func marks(grids []grid, times []float64) []uint64 {
	var out []uint64
	for i := range grids {
		if h, ok := mark(grids, times, i); ok && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// at is the grid at a time between the frames j and j+1: a replay is seldom
// sampled at the same moments as what it repeats.
func at(grids []grid, times []float64, j int, t float64) (g grid, ok bool) {
	step := times[j+1] - times[j]
	if !(step > 0 && step <= gapMS) {
		return g, false
	}
	k := float32((t - times[j]) / step)
	a, b := &grids[j], &grids[j+1]
	for i := range g {
		g[i] = a[i] + k*(b[i]-a[i])
	}
	return g, true
}

// mark hashes the window that begins with frame i.
func mark(grids []grid, times []float64, i int) (uint64, bool) {
	var sum [64]float32
	var energy float32
	last, j := grids[i], i
	for k := range pulses {
		want := times[i] + float64(k+1)*pulseMS
		for j+1 < len(times) && times[j+1] < want {
			j++
		}
		if j+1 >= len(times) {
			return 0, false
		}
		next, ok := at(grids, times, j, want)
		if !ok {
			return 0, false
		}
		for i, v := range next {
			d := v - last[i]
			energy += d * d
			bits := planes[k][i]
			for j := range sum {
				// The sign from a bit, without a branch.
				sum[j] += math.Float32frombits(math.Float32bits(d) ^ uint32(bits>>j&1)<<31)
			}
		}
		last = next
	}
	if !(energy >= minChange*minChange*pulses*cells) {
		return 0, false
	}
	var h uint64
	for j, s := range sum {
		if s > 0 {
			h |= 1 << j
		}
	}
	return h, true
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	n := len(s)
	if n == 0 {
		return 0
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}
