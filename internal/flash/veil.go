package flash

import (
	"math"

	"faceproof"
	"faceproof/internal/signal"
)

// spreadAndVeil is step S9. Light that a surface reflects is a share of what it
// reflects of the room's: α does not depend on how bright a place is, and κ, the
// slope of ln(1+α) on ln I over the whole head, is near 0. A screen that shows a
// face glows by itself; what it reflects lies over bright and dark alike, a veil,
// and κ is near −1. The spread of α over the skin finds the screen whose glass
// mirrors ours in one spot.
func spreadAndVeil(skin, head []answer, ev *faceproof.ShapeEvidence) {
	if len(skin) >= minShapeCells {
		var sum, squares float64
		for _, a := range skin {
			sum += a.alpha
			squares += a.alpha * a.alpha
		}
		n := float64(len(skin))
		ev.Spread = math.Sqrt(max(squares/n-sum*sum/(n*n), 0))
	}
	if len(head) < minShapeCells {
		return
	}
	light := make([]float64, len(head))
	for i, a := range head {
		light[i] = a.light
	}
	middle := signal.Median(light)
	var x [][]float64
	var y, w []float64
	for _, a := range head {
		x = append(x, []float64{a.light - middle, 1, a.x, a.y, a.x * a.x, a.x * a.y, a.y * a.y})
		y, w = append(y, a.alpha), append(w, 1/(a.alphaSE*a.alphaSE+veilFloor*veilFloor))
	}
	if r, ok := regress(x, y, w, multiplicative); ok {
		ev.HeadCells, ev.Kappa, ev.KappaSE = r.n, r.b[0], math.Sqrt(r.cov[0][0])
	}
}

// veilFloor keeps bright cells, whose α is known best, from deciding alone.
const veilFloor = .1
