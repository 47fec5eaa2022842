package eval

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"faceproof"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Films are read by two programs of Debian's package ffmpeg; nothing of them is
// in the product.
var filmTools = []string{"ffmpeg", "ffprobe"}

// filmKinds are the files of a folder that are taken for films.
var filmKinds = []string{".mpg", ".mp4", ".mov", ".mkv", ".webm", ".avi"}

// filmSeconds bounds what is read of a film.
const filmSeconds = 30

// ListFilms finds the films under dir and says what they are. Errors: CodeInvalid,
// field "root" without one, CodeUnavailable, field "ffmpeg", without the programs.
func ListFilms(dir string) (paths []string, digest string, err error) {
	for _, tool := range filmTools {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, "", faceproof.Errorf(faceproof.CodeUnavailable, "ffmpeg", "%s is needed to read films and is not there: apt-get install ffmpeg", tool)
		}
	}
	all := sha256.New()
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains(filmKinds, strings.ToLower(filepath.Ext(path))) {
			return err
		}
		data, err := readSmall(path, 256<<20)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		fmt.Fprintf(all, "%s %x\n", filepath.ToSlash(rel), sha256.Sum256(data))
		paths = append(paths, path)
		return err
	})
	if err == nil && len(paths) == 0 {
		err = faceproof.Errorf(faceproof.CodeInvalid, "root", "%s has no film (%s)", dir, strings.Join(filmKinds, ", "))
	}
	return paths, hex.EncodeToString(all.Sum(nil)), err
}

func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "root", "%s has more than %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// ReadFilm decodes a film and looks at the mouth in each frame as the product
// does. ok is false for a film without sound. The still is its first face.
func ReadFilm(ctx context.Context, e *face.Engine, path, name string, seed uint64) (f aloud.Film, ok bool, err error) {
	f.Name = name
	fps, sound, err := probe(ctx, path)
	if err != nil || !sound {
		return f, false, err
	}
	rate := strconv.FormatFloat(fps, 'f', -1, 64)
	video, err := decode(ctx, path, "-map", "0:v:0", "-vf", "fps=fps="+rate+":start_time=0", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "3")
	if err != nil {
		return f, false, err
	}
	pcm, err := decode(ctx, path, "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "16000", "-f", "s16le")
	if err != nil {
		return f, false, err
	}
	for ; len(pcm) >= 2; pcm = pcm[2:] {
		f.Sound = append(f.Sound, int16(binary.LittleEndian.Uint16(pcm)))
	}
	var first *imaging.Image
	var live, still follower
	for i, data := range splitJPEG(video) {
		m, err := imaging.Decode(data, imaging.PhotoLimits)
		if err != nil {
			return f, false, fmt.Errorf("frame %d: %w", i, err)
		}
		f.At = append(f.At, 1000*float64(i)/fps)
		o, err := live.opening(ctx, e, m)
		if err != nil {
			return f, false, err
		}
		if f.Opening = append(f.Opening, o); first == nil && !math.IsNaN(o) {
			first = m
		}
	}
	if len(f.At) == 0 {
		return f, false, faceproof.Errorf(faceproof.CodeInvalid, "root", "no frame could be read")
	}
	for i := range f.At {
		o := math.NaN()
		if first != nil {
			m, err := noisy(first, seed, fmt.Sprint(name, i))
			if err != nil {
				return f, false, err
			}
			if o, err = still.opening(ctx, e, m); err != nil {
				return f, false, err
			}
		}
		f.Still = append(f.Still, o)
	}
	return f, true, nil
}

// follower tracks one face.
type follower struct{ mesh *face.Landmarks }

// opening of the mouth; NaN without a face.
func (w *follower) opening(ctx context.Context, e *face.Engine, m *imaging.Image) (float64, error) {
	if w.mesh != nil {
		l, err := e.Track(ctx, m, w.mesh)
		if err != nil {
			return 0, err
		}
		if l.Score >= face.MinMeshScore {
			w.mesh = &l
			return l.MouthOpening(), nil
		}
		w.mesh = nil
	}
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return math.NaN(), err
	}
	largest := slices.MaxFunc(faces, func(a, b face.Face) int {
		return int(math.Copysign(1, a.Box.W*a.Box.H-b.Box.W*b.Box.H))
	})
	l, err := e.Landmarks(ctx, m, largest)
	if err != nil || l.Score < face.MinMeshScore {
		return math.NaN(), err
	}
	w.mesh = &l
	return l.MouthOpening(), nil
}

// noisy is a picture as a sensor would see it again: noise of 2.5 grey levels,
// JPEG quality 80.
func noisy(m *imaging.Image, seed uint64, name string) (*imaging.Image, error) {
	r := newNormal(seed, name)
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		for c := range 3 {
			out.Pix[4*i+c] = uint8(max(0, min(255, math.Round(float64(m.Pix[3*i+c])+2.5*r()))))
		}
		out.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 80}); err != nil {
		return nil, err
	}
	return imaging.Decode(b.Bytes(), imaging.PhotoLimits)
}

// probe asks for the rate of frames, and whether there is sound.
func probe(ctx context.Context, path string) (fps float64, sound bool, err error) {
	cmd := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-protocol_whitelist", "file", "-show_entries", "stream=codec_type,r_frame_rate", "-of", "csv=p=0", path)
	out, err := cmd.Output()
	if err != nil {
		return 0, false, tool("ffprobe", err)
	}
	for _, line := range strings.Fields(string(out)) {
		kind, rate, _ := strings.Cut(line, ",")
		switch kind {
		case "audio":
			sound = true
		case "video":
			num, den, _ := strings.Cut(strings.TrimRight(rate, ","), "/")
			a, err1 := strconv.ParseFloat(num, 64)
			b, err2 := strconv.ParseFloat(den, 64)
			if err := errors.Join(err1, err2); err != nil || a/b < 5 || a/b > 120 {
				return 0, false, faceproof.Errorf(faceproof.CodeInvalid, "root", "has no steady rate of frames")
			}
			fps = a / b
		}
	}
	return fps, sound && fps > 0, nil
}

// decode runs ffmpeg on a film, without input and network, into memory.
func decode(ctx context.Context, path string, args ...string) ([]byte, error) {
	args = append([]string{"-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-i", path, "-t", strconv.Itoa(filmSeconds)}, args...)
	out, err := exec.CommandContext(ctx, "ffmpeg", append(args, "pipe:1")...).Output()
	if err != nil {
		return nil, tool("ffmpeg", err)
	}
	return out, nil
}

func tool(name string, err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %s", name, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", name, err)
}

// splitJPEG cuts a stream of baseline JPEGs, in which an end marker can stand
// nowhere else.
func splitJPEG(stream []byte) (out [][]byte) {
	for {
		end := bytes.Index(stream, []byte{0xff, 0xd9})
		if end < 0 {
			return out
		}
		out, stream = append(out, stream[:end+2]), stream[end+2:]
	}
}
