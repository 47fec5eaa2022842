//go:build race

package flash

// raceDetector: the statistical tests take fewer candidates and sessions.
const raceDetector = true
