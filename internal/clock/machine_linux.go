package clock

import (
	"syscall"
	"time"
	"unsafe"
)

// bootTime is CLOCK_BOOTTIME of clock_gettime(2): it runs while the machine
// sleeps, where Go's own monotonic time stands still.
const bootTime = 7

// machine is the time since the machine was started, or, on a kernel without
// that clock, since now by Go's.
func machine() func() time.Duration {
	boot := func() (time.Duration, bool) {
		var ts syscall.Timespec
		_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, bootTime, uintptr(unsafe.Pointer(&ts)), 0)
		return time.Duration(ts.Nano()), errno == 0
	}
	if _, ok := boot(); !ok {
		begun := time.Now()
		return func() time.Duration { return time.Since(begun) }
	}
	return func() time.Duration { d, _ := boot(); return d }
}
