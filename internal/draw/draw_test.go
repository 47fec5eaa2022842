package draw

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// The bytes are the source's in their order; where it ends, others come and Err
// says so.
func TestBytes(t *testing.T) {
	want := make([]byte, 128)
	for i := range want {
		want[i] = byte(7 * i)
	}
	b := From(iotest.OneByteReader(bytes.NewReader(want)))
	for i, v := range want {
		if got := b.Next(); got != v || b.Err != nil {
			t.Fatalf("byte %d: %d, %v", i, got, b.Err)
		}
	}
	seen := map[byte]bool{}
	for range 256 {
		seen[b.Next()] = true
	}
	if !errors.Is(b.Err, io.EOF) || len(seen) != 256 {
		t.Errorf("%v, %d different bytes after the end", b.Err, len(seen))
	}
}
