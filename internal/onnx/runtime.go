// Package onnx runs neural networks through ONNX Runtime, which it loads with
// dlopen from a path that the model pack gives. It is the only package that
// uses cgo, and the only importer of onnxruntime_go.
//
// Sessions use one thread each and never spin: two threads bring nothing to
// networks under 10 ms, and a spinning worker burns the second core. What runs
// at the same time is bounded by the Runtime instead.
package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"faceproof"
)

// DefaultConcurrency is how many networks run at the same time in a process: one
// for each processor, for each has one thread.
var DefaultConcurrency = max(2, runtime.GOMAXPROCS(0))

// process is the one environment that ONNX Runtime allows a process. The
// library stays loaded after the last Close: its thread-local destructors do
// not survive dlclose.
var process struct {
	sync.Mutex
	path string // of the loaded library; empty: none yet
	slot chan struct{}
}

// Runtime is a handle on the process's ONNX Runtime and owns the sessions that
// it loaded. Its methods are safe for concurrent use.
type Runtime struct {
	slot chan struct{} // shared by every Runtime of the process

	mu       sync.Mutex
	sessions map[*Session]struct{} // nil after Close
}

// Open loads the ONNX Runtime library at libPath, once a process; a later Open
// of the same file shares it, of another file is CodeConflict. A library that
// is missing, or older than the API that the wrapper asks for, is CodeUnavailable.
// Its own log is silenced below "fatal": every failure comes back as an error.
func Open(libPath string) (*Runtime, error) {
	abs, err := filepath.Abs(libPath)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real // one file under two names is one library
	}
	process.Lock()
	defer process.Unlock()
	switch {
	case process.path == "":
		if _, err := os.Stat(abs); err != nil {
			return nil, unavailable("runtime", "the ONNX Runtime library cannot be read", err)
		}
		ort.SetSharedLibraryPath(abs)
		if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
			return nil, unavailable("runtime", "the ONNX Runtime library cannot be loaded; it may be too old or for another machine", err)
		}
		_ = ort.DisableTelemetry() // a no-op on Linux; said for other builds of the library
		process.path, process.slot = abs, make(chan struct{}, DefaultConcurrency)
	case process.path != abs:
		return nil, faceproof.Errorf(faceproof.CodeConflict, "runtime", "another ONNX Runtime library is already loaded in this process")
	}
	return &Runtime{slot: process.slot, sessions: map[*Session]struct{}{}}, nil
}

// Version gives the version of the library, such as "1.30.0".
func (r *Runtime) Version() string { return ort.GetVersion() }

// Close closes the sessions of r. The library stays loaded.
func (r *Runtime) Close() error {
	r.mu.Lock()
	open := r.sessions
	r.sessions = nil
	r.mu.Unlock()
	var first error
	for s := range open {
		if err := s.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// acquire waits for one of the process's slots.
func (r *Runtime) acquire(done <-chan struct{}) bool {
	select {
	case r.slot <- struct{}{}:
		return true
	case <-done:
		return false
	}
}

func (r *Runtime) release() { <-r.slot }

func unavailable(field, message string, err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: field, Message: message + " (" + runtime.GOOS + "/" + runtime.GOARCH + ")", Err: err}
}
