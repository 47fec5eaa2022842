package statedict

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
)

// magic is torch.serialization.MAGIC_NUMBER, little-endian as LONG1 has it, and
// legacyVersion its PROTOCOL_VERSION.
var magic = integer{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}

const legacyVersion = 1001

// readLegacy reads the container before PyTorch 1.6: magic number, version, what
// the machine was like, the object, the keys of its storages, and the storages in
// that order, each its number of elements and the elements.
func readLegacy(file []byte) (any, map[string][]byte, error) {
	rest := file
	var parts [5]any
	for i := range parts {
		var err error
		if parts[i], rest, err = unpickle(rest); err != nil {
			return nil, nil, err
		}
		if m, ok := parts[0].(integer); !ok || !bytes.Equal(m, magic) {
			return nil, nil, bad("is not a file of torch.save")
		}
	}
	if v, ok := parts[1].(int64); !ok || v != legacyVersion {
		return nil, nil, bad("version %v of the container", parts[1])
	}
	if info, ok := parts[2].(*dict); !ok || info.get("little_endian") != true {
		return nil, nil, bad("does not say that it is little-endian")
	}
	keys, ok := parts[4].(*list)
	if !ok || len(keys.items) > maxTensors {
		return nil, nil, bad("has no list of at most %d storages", maxTensors)
	}
	kinds := kindsOf(parts[3])
	storages := make(map[string][]byte, len(keys.items))
	for _, k := range keys.items {
		key, _ := k.(string)
		s, known := kinds[key]
		if _, twice := storages[key]; !known || twice {
			return nil, nil, bad("storage %.64q belongs to no tensor, or comes twice", key)
		}
		if len(rest) < 8 {
			return nil, nil, bad("ends before storage %.64q", key)
		}
		n := binary.LittleEndian.Uint64(rest)
		rest = rest[8:]
		if n > maxFile || int(n)*sizes[s.kind] > len(rest) {
			return nil, nil, bad("ends inside storage %.64q", key)
		}
		end := int(n) * sizes[s.kind]
		storages[key], rest = rest[:end:end], rest[end:]
	}
	if len(rest) != 0 {
		return nil, nil, bad("%d bytes too many", len(rest))
	}
	return parts[3], storages, nil
}

// kindsOf gives the storages of the tensors of a dict by their keys.
func kindsOf(top any) map[string]*storage {
	out := map[string]*storage{}
	if d, ok := top.(*dict); ok {
		for _, v := range d.values {
			if t, ok := v.(*view); ok {
				out[t.of.key] = t.of
			}
		}
	}
	return out
}

func isZip(file []byte) bool { return bytes.HasPrefix(file, []byte("PK\x03\x04")) }

// readZip reads the container since PyTorch 1.6: a ZIP archive that compresses
// nothing, with <name>/data.pkl and the storages in <name>/data/<key>.
func readZip(file []byte) (any, map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, nil, bad("is not a whole ZIP archive")
	}
	if len(z.File) > maxTensors+8 {
		return nil, nil, bad("%d files in the archive", len(z.File))
	}
	var object []byte
	storages := map[string][]byte{}
	left, folder := uint64(len(file)), ""
	for i, f := range z.File {
		dir, name, ok := strings.Cut(f.Name, "/")
		if i == 0 {
			folder = dir
		}
		if !ok || dir != folder || f.Method != zip.Store || f.UncompressedSize64 > left {
			return nil, nil, bad("file %.64q of the archive is compressed, too large or elsewhere", f.Name)
		}
		left -= f.UncompressedSize64 // together they are no larger than the archive
		key, isStorage := strings.CutPrefix(name, "data/")
		if !isStorage && name != "data.pkl" && name != "byteorder" {
			continue // "version", ".data/serialization_id": nothing that is needed
		}
		b, err := readAll(f)
		if err != nil {
			return nil, nil, bad("file %.64q of the archive is damaged", f.Name)
		}
		switch _, twice := storages[key]; {
		case isStorage && !twice:
			storages[key] = b
		case name == "data.pkl" && object == nil:
			object = b
		case name == "byteorder" && string(b) == "little":
		default:
			return nil, nil, bad("file %.64q of the archive comes twice, or is not little-endian", f.Name)
		}
	}
	top, rest, err := unpickle(object)
	if err != nil {
		return nil, nil, err
	}
	if len(rest) != 0 {
		return nil, nil, bad("%d bytes behind the pickle", len(rest))
	}
	return top, storages, nil
}

func readAll(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64)+1))
}
