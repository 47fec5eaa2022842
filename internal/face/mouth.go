package face

// The inner edges of the lips, upper and lower, in three places: the middle and
// to its sides.
var innerLips = [3][2]int{{13, 14}, {82, 87}, {312, 317}}

// MouthOpening is the mean distance between the lips, in distances between the
// outer corners of the eyes; 0 when the mesh has none.
func (l *Landmarks) MouthOpening() float64 {
	eyes := l.point(leftEyeOuter).dist(l.point(rightEyeOuter))
	if !(eyes > 0) {
		return 0
	}
	var sum float64
	for _, p := range innerLips {
		sum += l.point(p[0]).dist(l.point(p[1]))
	}
	return sum / float64(len(innerLips)) / eyes
}
