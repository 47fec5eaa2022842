package digits

// A digit that was just shown is said within these times, in ms after its
// prompt: nobody reads faster, and the next prompt is near when it is later.
const (
	soonestMS = 150
	latestMS  = 1400
)

// InTime counts the digits whose onset follows their own prompt as the speech of
// a person does who has only just seen them. Both are in ms of one clock; where
// the digits came at once there is one prompt, and nothing to count.
func InTime(onsets, prompts []float64) (n int) {
	if len(prompts) != len(onsets) {
		return 0
	}
	for i, at := range onsets {
		if d := at - prompts[i]; d >= soonestMS && d <= latestMS {
			n++
		}
	}
	return n
}

// Times turns rows of a recogniser that heard s into ms of the client's clock.
func Times(rows []int, s Sound, info Info) []float64 {
	var out []float64
	for _, row := range rows {
		out = append(out, s.T0+windowMS/2+float64(row)*info.FrameMS)
	}
	return out
}
