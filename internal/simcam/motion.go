package simcam

import (
	"math"
	"math/rand/v2"
)

// pose is where the head is, against the photo, and where the hand holds the
// camera.
type pose struct {
	x, y, scale, roll float64 // pixels at 360 of width, share, radians
	yaw, pitch        float64 // radians; only the shading turns
	handX, handY      float64 // pixels, of everything
}

// spread is the standard deviation of each member of a pose at Motion 1, and
// the time in seconds after which it has forgotten itself.
var spread = [8]struct{ sd, tau float64 }{
	{1.6, .8}, {1.2, .8}, {.004, 1}, {.006, .8}, {.035, .9}, {.03, .9}, {.8, .4}, {.8, .4},
}

func (q *pose) members() [8]*float64 {
	return [8]*float64{&q.x, &q.y, &q.scale, &q.roll, &q.yaw, &q.pitch, &q.handX, &q.handY}
}

// step is an Ornstein–Uhlenbeck walk over dt seconds; infinitely long for the
// first.
func (q *pose) step(dt, motion float64, r *rand.Rand) {
	for i, v := range q.members() {
		k := math.Exp(-dt / spread[i].tau)
		*v = k**v + math.Sqrt(1-k*k)*motion*spread[i].sd*r.NormFloat64()
	}
}
