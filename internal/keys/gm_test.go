package keys

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"faceproof"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	must(t, err)
	return b
}

// The vector of RFC 8998, appendix A.1: SM4-GCM of the suite is that SM4-GCM.
func TestSM4GCMVector(t *testing.T) {
	key := unhex(t, "0123456789abcdeffedcba9876543210")
	nonce := unhex(t, "00001234567800000000abcd")
	aad := unhex(t, "feedfacedeadbeeffeedfacedeadbeefabaddad2")
	plain := unhex(t, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa")
	sealed := unhex(t, "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"+
		"83de3541e4c2b58177e065a9bf7b62ec")
	got, err := gmSuite.open(key, append(append([]byte{gmSuite.id}, nonce...), sealed...), aad)
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%x, %v", got, err)
	}
}

// A ring of suite gm seals and indexes; what it made is no other suite's.
func TestGMRing(t *testing.T) {
	r, path := ringOf(t, SuiteGM)
	std, stdPath := ringAt(t)
	aad := AAD("p", "1")
	b, err := r.Seal([]byte("某某"), aad)
	must(t, err)
	if b[0] != gmSuite.id || len(b) != len("某某")+29 {
		t.Errorf("%d bytes, begins with %x", len(b), b[0])
	}
	again, err := Read(path)
	must(t, err)
	if got, err := again.Open(b, aad); err != nil || string(got) != "某某" {
		t.Errorf("%s, %v", got, err)
	}
	for i := range b {
		b[i] ^= 1
		if _, err := r.Open(b, aad); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		b[i] ^= 1
	}
	for name, open := range map[string]func() ([]byte, error){"std": func() ([]byte, error) { return std.Open(b, aad) }, "place": func() ([]byte, error) { return r.Open(b, AAD("p", "2")) },
		"short": func() ([]byte, error) { return r.Open(b[:20], aad) }, "empty": func() ([]byte, error) { return r.Open(nil, aad) }} {
		if _, err := open(); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if x := r.Index("p", []byte("1")); len(x) != IndexSize || !bytes.Equal(x, again.Index("p", []byte("1"))) || r.ID() == std.ID() || r.Suite() != SuiteGM {
		t.Error("index")
	}
	for p, suite := range map[string]string{path: SuiteStd, stdPath: SuiteGM} {
		if _, err := OpenSuite(p, suite); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("as %s: %v", suite, err)
		}
		if _, err := OpenSuite(p, ""); err != nil {
			t.Error(err)
		}
	}
	if _, err := OpenSuite(path, "xor"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "xor")); err == nil {
		t.Error("made a file")
	}
}
