//go:build race

package imaging

const raceDetector = true
