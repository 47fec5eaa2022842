//go:build race

package verify

// raceEnabled shortens what is slow under the race detector.
const raceEnabled = true
