package face_test

import (
	"fmt"
	"math"
	"slices"
)

// outcome is how well templates separate: EER, and TAR at false match rates.
type outcome struct {
	eer                float64
	tar2, tar3, tar4   float64 // at FMR 1e-2, 1e-3, 1e-4
	asian2, asian3     float64 // of the listed group, thresholds by its own impostors
	genuine, impostors int
	asianG, asianI     int
}

func (o outcome) String() string {
	return fmt.Sprintf("| %.2f %% | %.2f %% | %.2f %% | %.2f %% | %.2f %% | %.2f %% | %d, %d | %d, %d |",
		100*o.eer, 100*o.tar2, 100*o.tar3, 100*o.tar4, 100*o.asian2, 100*o.asian3, o.genuine, o.impostors, o.asianG, o.asianI)
}

// separated sorts scores into an outcome.
func separated(genuine, impostor, asianG, asianI []float64) outcome {
	for _, v := range [][]float64{genuine, impostor, asianG, asianI} {
		slices.Sort(v)
	}
	tar := func(g, i []float64, fmr float64) float64 {
		allowed := int(fmr * float64(len(i)))
		if len(i) == 0 || len(g) == 0 || allowed < 1 {
			return math.NaN()
		}
		cut := i[len(i)-1-allowed] // allowed of them are above it
		at, _ := slices.BinarySearch(g, math.Nextafter(cut, 2))
		return 1 - float64(at)/float64(len(g))
	}
	o := outcome{genuine: len(genuine), impostors: len(impostor), asianG: len(asianG), asianI: len(asianI), eer: 1,
		tar2: tar(genuine, impostor, 1e-2), tar3: tar(genuine, impostor, 1e-3), tar4: tar(genuine, impostor, 1e-4), asian2: tar(asianG, asianI, 1e-2), asian3: tar(asianG, asianI, 1e-3)}
	gap := 2.
	for i, cut := range genuine {
		at, _ := slices.BinarySearch(impostor, cut)
		fmr, fnmr := float64(len(impostor)-at)/float64(len(impostor)), float64(i)/float64(len(genuine))
		if d := math.Abs(fmr - fnmr); d < gap {
			gap, o.eer = d, (fmr+fnmr)/2
		}
	}
	return o
}

// who is a template with its person.
type who struct {
	person string
	asian  bool
	v      [][]float32 // more than one: their scores are fused
}

// all compares everybody with everybody.
func all(people []who, like func(a, b who) float64) outcome {
	var genuine, impostor, asianG, asianI []float64
	for i, a := range people {
		for _, b := range people[:i] {
			s := like(a, b)
			switch {
			case a.person == b.person:
				genuine = append(genuine, s)
				if a.asian {
					asianG = append(asianG, s)
				}
			default:
				impostor = append(impostor, s)
				if a.asian && b.asian {
					asianI = append(asianI, s)
				}
			}
		}
	}
	return separated(genuine, impostor, asianG, asianI)
}

func dot(a, b []float32) (s float64) {
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

func unit(v []float32) []float32 {
	n := math.Sqrt(dot(v, v))
	out := make([]float32, len(v))
	for i := range v {
		out[i] = float32(float64(v[i]) / n)
	}
	return out
}

func cosine(a, b who) float64 { return dot(a.v[0], b.v[0]) }

func l2(a, b who) float64 {
	s := 0.
	for i, x := range a.v[0] {
		d := float64(x) - float64(b.v[0][i])
		s += d * d
	}
	return 1 - math.Sqrt(s)
}

// weighed is the mean of vectors, each times its weight.
func weighed(v [][]float32, w []float64) []float32 {
	out := make([]float32, len(v[0]))
	sum := 0.
	for _, x := range w {
		sum += x
	}
	for i := range out {
		s := 0.
		for k := range v {
			s += w[k] * float64(v[k][i])
		}
		out[i] = float32(s / sum)
	}
	return out
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}
