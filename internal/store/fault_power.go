//go:build failpoint

package store

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"

	"faceproof/internal/failpoint"

	"modernc.org/libc"
)

// disk models what a power cut leaves: of each file what was synced, and of
// what was written since then any part. The names of files are taken to be
// durable at once.
type disk struct {
	mu    sync.Mutex
	names map[uintptr]string // of open files
	files map[string]*plate
}

// plate is one file on the disk.
type plate struct {
	durable []byte
	pending []change
}

// change is a write at an offset, or with nil data a new size.
type change struct {
	at   int64
	data []byte
}

func (c change) apply(b []byte) []byte {
	if grow := c.at + int64(len(c.data)) - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	if c.data == nil {
		return b[:c.at]
	}
	copy(b[c.at:], c.data)
	return b
}

// model is the disk under the file layer; nil: none.
var model *disk

func newDisk() *disk { return &disk{names: map[uintptr]string{}, files: map[string]*plate{}} }

func (d *disk) opened(f, name uintptr) {
	if d == nil || name == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := libc.GoString(name)
	d.names[f] = path
	if d.files[path] == nil {
		b, _ := os.ReadFile(path) // absent: empty
		d.files[path] = &plate{durable: b}
	}
}

// changed notes what was written, or with nil data a new size.
func (d *disk) changed(f uintptr, at int64, data []byte) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.files[d.names[f]]; p != nil {
		p.pending = append(p.pending, change{at, bytes.Clone(data)})
	}
}

// synced makes a file durable; the failpoint "power.lie" makes the disk say so
// only, for a control.
func (d *disk) synced(f uintptr) {
	if d == nil || failpoint.Broken("power.lie") {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.files[d.names[f]]; p != nil {
		for _, c := range p.pending {
			p.durable = c.apply(p.durable)
		}
		p.pending = nil
	}
}

func (d *disk) deleted(name uintptr) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, libc.GoString(name))
}

// cut writes what a power cut leaves into dir: every change that was not synced
// is there, gone or half done, by chance(3), a random number below 3.
func (d *disk) cut(dir string, chance func(int) int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, p := range d.files {
		b := bytes.Clone(p.durable)
		for _, c := range p.pending {
			switch chance(3) {
			case 0:
				b = c.apply(b)
			case 1:
				if half := len(c.data) / 2; half > 0 {
					b = change{c.at, c.data[:half]}.apply(b)
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
