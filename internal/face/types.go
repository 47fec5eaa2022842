package face

// Point is a position in an image: pixels, x to the right, y down, the centre
// of the first pixel at (0.5, 0.5).
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Box is a rectangle in pixels; it may reach beyond the image.
type Box struct {
	X float64 `json:"x"` // left
	Y float64 `json:"y"` // top
	W float64 `json:"w"`
	H float64 `json:"h"`
}

// Face is what a detector found.
type Face struct {
	Box    Box      `json:"box"`
	Score  float64  `json:"score"`  // 0 to 1
	Points [5]Point `json:"points"` // eyes (image left, image right), nose tip, mouth corners (image left, image right)
}

// Landmarks is the 468-point face mesh. Points hold x and y in image pixels
// and z in the same unit, relative to the head's centre, smaller is nearer.
// Score is the network's own opinion that it looks at a face, 0 to 1.
type Landmarks struct {
	Points [468][3]float64 `json:"points"`
	Score  float64         `json:"score"`
}

// Scale gives the mesh in a picture of k times the size.
func (l *Landmarks) Scale(k float64) Landmarks {
	out := Landmarks{Score: l.Score}
	for i, p := range l.Points {
		out.Points[i] = [3]float64{k * p[0], k * p[1], k * p[2]}
	}
	return out
}
