package analysis

import (
	"context"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"faceproof/internal/face/facetest"
	"faceproof/internal/simcam"
)

// allocated sums up what the code below each first frame that is not the runtime's
// has allocated so far, bytes and objects by its package.
func allocated() map[string][2]int64 {
	runtime.GC() // a profile is complete only after two collections
	runtime.GC()
	n, _ := runtime.MemProfile(nil, true)
	records := make([]runtime.MemProfileRecord, n+50)
	n, _ = runtime.MemProfile(records, true)
	sum := map[string][2]int64{}
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		for {
			f, more := frames.Next()
			if name := f.Function; !strings.HasPrefix(name, "runtime.") && !strings.HasPrefix(name, "slices.") && !strings.HasPrefix(name, "sync.") {
				if !strings.HasPrefix(name, "faceproof/") { // the libraries by package, ours by function
					name = name[:strings.LastIndex(name, "/")+1+strings.IndexByte(name[strings.LastIndex(name, "/")+1:], '.')]
				}
				s := sum[name]
				sum[name] = [2]int64{s[0] + r.AllocBytes, s[1] + r.AllocObjects}
				break
			}
			if !more {
				break
			}
		}
	}
	return sum
}

// A session after the first makes no garbage of our own: pictures, tensors, meshes and
// cells are used again. What is kept as a result (embeddings and scores of the frames
// that were embedded, the marks of where the frames came from) and what the first frame
// of a capture sets up is bounded for each session; what the JPEG decoder and the
// wrapper of ONNX Runtime allocate is said.
func TestFrameLoopAllocates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the race detector, for one, allocates")
	}
	// A pool keeps things by processor: who is moved to another one, as on a busy machine, finds none.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	frames, _ := session{challenge: challenge(t, 1), kind: simcam.Live, from: anna}.film(t, 5)
	r := New(Config{Engine: e, Concurrency: 1}).Begin()
	play := func(times int) {
		for range times {
			r.Reset()
			for _, f := range frames[:40] {
				if err := r.Frame(context.Background(), f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	play(1)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 1
	a := allocated()
	play(1)
	b := allocated()
	play(3) // what the pools lost to the two collections cancels out
	c := allocated()
	var ours, kept, theirs int64
	for name, last := range c {
		d := (last[0] - b[name][0] - (b[name][0] - a[name][0])) / 2 / 40 // bytes a frame
		switch {
		case d <= 0 || strings.HasSuffix(name, ".allocated"):
			continue
		case !strings.HasPrefix(name, "faceproof/"):
			theirs += d
		case results[name] || strings.HasPrefix(name, "faceproof/internal/provenance."):
			kept += d
		default:
			ours += d
		}
		t.Logf("%6d bytes a frame: %s", d, name)
	}
	t.Logf("bytes a frame: %d ours, %d kept or set up, %d of libraries", ours, kept, theirs)
	if ours > 256 || kept > 2<<10 {
		t.Errorf("%d and %d bytes a frame are ours", ours, kept)
	}
}

// results allocate what a session keeps, or once for each capture.
var results = map[string]bool{
	"faceproof/internal/face.(*Engine).descriptor.func1": true, // an embedding
	"faceproof/internal/analysis.(*Run).look":            true, // its scores
	"faceproof/internal/face.newLayout":                  true, // of the first frame
	"faceproof/internal/face.hullInto":                   true, // … for it
}
