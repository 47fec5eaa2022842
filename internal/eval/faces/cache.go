package faces

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"faceproof"
	"faceproof/internal/imaging"
)

// seen is what the engine made of one picture.
type seen struct {
	vector  []float32 // nil: failure to acquire
	refused string    // by the gate of enrolment; empty: let in
}

// cache keeps templates between runs, one line a picture, appended as they are
// made, so that a run that was cut off goes on where it stopped. Templates are
// biometric data: the file is readable by its owner alone.
type cache struct {
	known map[string]seen
	file  *os.File
}

// cacheLine is one picture in the file.
type cacheLine struct {
	Key     string `json:"key"` // SHA-256 of the picture, and which face
	Vector  string `json:"vector,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// openCache reads what earlier runs left for these networks. A line that was
// cut off is dropped.
func openCache(dir, digest string) (*cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "templates-"+digest[:16]+".jsonl"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &cache{known: map[string]seen{}, file: f}
	good, r := int64(0), bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = f.Close()
				return nil, err
			}
			break
		}
		var l cacheLine
		var s seen
		if json.Unmarshal(line, &l) != nil || s.decode(l) != nil {
			break // whatever follows is made again
		}
		c.known[l.Key] = s
		good += int64(len(line))
	}
	if err = f.Truncate(good); err == nil {
		_, err = f.Seek(good, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return c, nil
}

func (s *seen) decode(l cacheLine) error {
	s.refused = l.Refused
	if l.Vector == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(l.Vector)
	if err != nil || len(b) == 0 || len(b)%4 != 0 {
		return fmt.Errorf("eval: a line of the cache is malformed")
	}
	s.vector = make([]float32, len(b)/4)
	for i := range s.vector {
		s.vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

// get embeds one picture, or remembers it.
func (c *cache) get(ctx context.Context, e engine, name, pick string) (seen, error) {
	data, err := readPicture(name)
	if err != nil {
		return seen{}, err
	}
	sum := sha256.Sum256(data)
	key := hex.EncodeToString(sum[:]) + " " + pick
	if s, ok := c.known[key]; ok {
		return s, nil
	}
	if err := ctx.Err(); err != nil {
		return seen{}, err
	}
	var s seen
	if s.vector, s.refused, err = e.embed(ctx, data, pick); faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		s, err = seen{refused: "unreadable"}, nil
	}
	if err != nil {
		return s, err
	}
	l := cacheLine{Key: key, Refused: s.refused}
	if s.vector != nil {
		b := make([]byte, 4*len(s.vector))
		for i, x := range s.vector {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
		}
		l.Vector = base64.StdEncoding.EncodeToString(b)
	}
	line, err := json.Marshal(l)
	if err != nil {
		return s, err
	}
	c.known[key] = s
	_, err = c.file.Write(append(line, '\n'))
	return s, err
}

func (c *cache) close() error { return c.file.Close() }

// readPicture reads a file, and one byte more than a picture may have, so that
// the decoder can say that it is too long.
func readPicture(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(imaging.PhotoLimits.Bytes)+1))
}
