//go:build !linux

package clock

import "time"

// machine is the time since now by Go's monotonic clock, which may stand still
// while the machine sleeps.
func machine() func() time.Duration {
	begun := time.Now()
	return func() time.Duration { return time.Since(begun) }
}
