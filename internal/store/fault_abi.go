//go:build failpoint

package store

import (
	"sync"
	"unsafe"
)

// The engine is C made into Go: a function pointer of C is the address of a Go
// function value there, and memory of C is not the garbage collector's.

var lock sync.Mutex

// pointer is the memory of C at an address.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// known holds the functions whose addresses C knows.
var known []any

// address gives f as C's function pointer.
func address(f any) uintptr {
	known = append(known, f)
	return (*[2]uintptr)(unsafe.Pointer(&f))[1]
}

// call gives C's function pointer as a Go function.
func call[F any](at uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ uintptr }{at}))
}
