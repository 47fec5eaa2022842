package eval

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// stream gives the random bytes of a session for one purpose. They stand in for
// the system's, so that a campaign can be repeated.
func stream(seed uint64, purpose, detail string) *rand.ChaCha8 {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte("faceproof/eval/" + purpose + "\x00" + detail))
	return rand.NewChaCha8([32]byte(h.Sum(nil)))
}

// newNormal gives normal random numbers, for one purpose.
func newNormal(seed uint64, name string) func() float64 {
	return rand.New(stream(seed, "still", name)).NormFloat64
}
