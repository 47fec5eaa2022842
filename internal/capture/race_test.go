//go:build race

package capture

// raceEnabled shortens what is slow under the race detector.
const raceEnabled = true
