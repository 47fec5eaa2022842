//go:build failpoint

package store

import (
	"unsafe"

	"faceproof/internal/failpoint"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// vfs names the file layer below, which stands between the engine and its own
// (https://www.sqlite.org/vfs.html, "VFS shims"): each call passes the failpoint
// "io" and one of its kind, and fails there as a disk would. Memory that is
// shared between processes (-shm) is no file to it: it never holds what must
// survive.
const vfs = "failpoint"

// Kinds of calls.
const (
	ioOpen     = "io.open"
	ioRead     = "io.read"
	ioWrite    = "io.write"
	ioTruncate = "io.truncate"
	ioSync     = "io.sync"
	ioSize     = "io.size"
	ioDelete   = "io.delete"
)

type (
	ioMethods = sqlite3.Tsqlite3_io_methods
	file      = sqlite3.Tsqlite3_file
)

// The engine's own layer, and the tables of methods that stand for its tables:
// by the address of the one that they replace.
var (
	below    *sqlite3.Tsqlite3_vfs
	replaced = map[uintptr]uintptr{}
	original = map[uintptr]*ioMethods{}
)

func init() {
	tls := libc.NewTLS()
	at := sqlite3.Xsqlite3_vfs_find(tls, 0)
	below = (*sqlite3.Tsqlite3_vfs)(pointer(at))
	own := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(*below)))
	shim := (*sqlite3.Tsqlite3_vfs)(pointer(own))
	*shim = *below
	name, err := libc.CString(vfs)
	if err != nil {
		panic(err)
	}
	shim.FzName, shim.FpNext = name, 0
	belowAt = at
	shim.FxOpen, shim.FxDelete = address(xOpen), address(xDelete)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
		panic("store: the failing file layer cannot be registered")
	}
}

var belowAt uintptr

// broken passes the failpoints of a call.
func broken(kind string) bool {
	a, b := failpoint.Hit("io"), failpoint.Hit(kind)
	return a != nil || b != nil
}

var xOpen = func(tls *libc.TLS, _, name, f uintptr, flags int32, out uintptr) int32 {
	if broken(ioOpen) {
		(*file)(pointer(f)).FpMethods = 0 // or the engine closes what was never opened
		return sqlite3.SQLITE_CANTOPEN
	}
	rc := call[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](below.FxOpen)(tls, belowAt, name, f, flags, out)
	if h := (*file)(pointer(f)); h.FpMethods != 0 {
		h.FpMethods = stand(tls, h.FpMethods)
		model.opened(f, name)
	}
	return rc
}

var xDelete = func(tls *libc.TLS, _, name uintptr, dirSync int32) int32 {
	if broken(ioDelete) {
		return sqlite3.SQLITE_IOERR_DELETE
	}
	model.deleted(name)
	return call[func(*libc.TLS, uintptr, uintptr, int32) int32](below.FxDelete)(tls, belowAt, name, dirSync)
}

// stand gives the table that stands for the one at address at.
func stand(tls *libc.TLS, at uintptr) uintptr {
	lock.Lock()
	defer lock.Unlock()
	if own, ok := replaced[at]; ok {
		return own
	}
	of := (*ioMethods)(pointer(at))
	own := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(*of)))
	m := (*ioMethods)(pointer(own))
	*m = *of
	m.FxRead, m.FxWrite, m.FxTruncate = address(xRead), address(xWrite), address(xTruncate)
	m.FxSync, m.FxFileSize = address(xSync), address(xFileSize)
	if m.FiVersion > 2 {
		m.FiVersion = 2 // no memory mapping: it would go past these methods
	}
	replaced[at], original[own] = own, of
	return own
}

// methods are the engine's own of an open file.
func methods(f uintptr) *ioMethods {
	lock.Lock()
	defer lock.Unlock()
	return original[(*file)(pointer(f)).FpMethods]
}

var xRead = func(tls *libc.TLS, f, buf uintptr, n int32, at int64) int32 {
	if broken(ioRead) {
		return sqlite3.SQLITE_IOERR_READ
	}
	return call[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](methods(f).FxRead)(tls, f, buf, n, at)
}

// xWrite writes half of it before it fails, as a full disk does.
var xWrite = func(tls *libc.TLS, f, buf uintptr, n int32, at int64) int32 {
	write := call[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](methods(f).FxWrite)
	if broken(ioWrite) {
		_ = write(tls, f, buf, n/2, at)
		return sqlite3.SQLITE_FULL
	}
	model.changed(f, at, unsafe.Slice((*byte)(pointer(buf)), n))
	return write(tls, f, buf, n, at)
}

var xTruncate = func(tls *libc.TLS, f uintptr, size int64) int32 {
	if broken(ioTruncate) {
		return sqlite3.SQLITE_IOERR_TRUNCATE
	}
	model.changed(f, size, nil)
	return call[func(*libc.TLS, uintptr, int64) int32](methods(f).FxTruncate)(tls, f, size)
}

var xSync = func(tls *libc.TLS, f uintptr, flags int32) int32 {
	if broken(ioSync) {
		return sqlite3.SQLITE_IOERR_FSYNC
	}
	rc := call[func(*libc.TLS, uintptr, int32) int32](methods(f).FxSync)(tls, f, flags)
	if rc == sqlite3.SQLITE_OK {
		model.synced(f)
	}
	return rc
}

var xFileSize = func(tls *libc.TLS, f, size uintptr) int32 {
	if broken(ioSize) {
		return sqlite3.SQLITE_IOERR_FSTAT
	}
	return call[func(*libc.TLS, uintptr, uintptr) int32](methods(f).FxFileSize)(tls, f, size)
}
