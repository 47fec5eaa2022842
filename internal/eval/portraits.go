package eval

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/eval/score"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Limits of a tree of photos.
const (
	maxListed   = 20_000 // files looked at
	maxPhotos   = 200    // kept
	portraitMax = 640    // pixels of width kept: twice what a session shows
)

// Portrait is a face to present: the photo around it, and its mesh.
type Portrait struct {
	Key    string // anonymous: of the photo's bytes
	Person string // anonymous: of the person's key
	Image  *imaging.Image
	Mesh   [468][3]float64
}

// photoFile is a photo of a tree.
type photoFile struct {
	path, person string
	rank         int // among the person's photos
	order        [32]byte
}

// LoadPortraits reads the photos under dir of one half of the persons ("tune",
// "report") or of "all": at most maxPhotos, one of each person before a second
// of anybody, in an order that the names alone decide. Of each photo the largest
// face is taken; one without a face of portrait quality is left out and counted.
// Errors: CodeInvalid, field "portraits".
func LoadPortraits(ctx context.Context, e *face.Engine, dir, half string) ([]Portrait, PortraitsInfo, error) {
	info := PortraitsInfo{Half: half}
	files, err := listPhotos(dir, half)
	if err != nil {
		return nil, info, err
	}
	var out []Portrait
	persons := map[string]bool{}
	all := sha256.New()
	for _, f := range files {
		if len(out) == maxPhotos {
			break
		}
		p, err := loadPortrait(ctx, e, filepath.Join(dir, f.path))
		if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
			info.Unfit++
			continue
		} else if err != nil {
			return nil, info, err
		}
		sum := sha256.Sum256([]byte("faceproof/eval/person/1\x00" + f.person))
		p.Person = hex.EncodeToString(sum[:4])
		persons[p.Person] = true
		all.Write([]byte(p.Key))
		out = append(out, p)
	}
	if len(out) == 0 {
		return nil, info, faceproof.Errorf(faceproof.CodeInvalid, "portraits", "%s holds no usable portrait of the %s persons (%d photos unfit)", dir, half, info.Unfit)
	}
	info.Persons, info.Photos, info.Digest = len(persons), len(out), hex.EncodeToString(all.Sum(nil))
	return out, info, nil
}

func listPhotos(dir, half string) ([]photoFile, error) {
	var files []photoFile
	count := map[string]int{}
	listed := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if listed++; listed > maxListed {
			return faceproof.Errorf(faceproof.CodeInvalid, "portraits", "%s holds more than %d files", dir, maxListed)
		}
		if !d.Type().IsRegular() || !slices.Contains([]string{".jpg", ".jpeg", ".png"}, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := photoFile{path: rel, person: score.PersonOf(rel)}
		if half != "all" && string(score.HalfOf(f.person)) != half {
			return nil
		}
		f.rank, f.order = count[f.person], sha256.Sum256([]byte("faceproof/eval/order/1\x00"+f.person))
		count[f.person]++
		files = append(files, f)
		return nil
	})
	slices.SortStableFunc(files, func(a, b photoFile) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), slices.Compare(a.order[:], b.order[:]), strings.Compare(a.path, b.path))
	})
	return files, err
}

// loadPortrait reads one photo and cuts out its largest face with what is around
// it.
func loadPortrait(ctx context.Context, e *face.Engine, path string) (Portrait, error) {
	f, err := os.Open(path)
	if err != nil {
		return Portrait{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(imaging.PhotoLimits.Bytes)+1))
	if err != nil {
		return Portrait{}, err
	}
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		return Portrait{}, err
	}
	faces, err := e.Detect(ctx, m)
	if err != nil {
		return Portrait{}, err
	}
	if len(faces) == 0 {
		return Portrait{}, faceproof.Errorf(faceproof.CodeInvalid, "portraits", "no face found")
	}
	p, err := NewPortrait(ctx, e, around(m, faces[0].Box))
	sum := sha256.Sum256(data)
	p.Key = hex.EncodeToString(sum[:4])
	return p, err
}

// around cuts the surroundings of a face out of a photo, three faces wide and
// four high where there is so much, and no larger than a session needs.
func around(m *imaging.Image, b face.Box) *imaging.Image {
	x0, y0 := max(b.X-b.W, 0), max(b.Y-1.5*b.H, 0)
	x1, y1 := min(b.X+2*b.W, float64(m.W)), min(b.Y+2.5*b.H, float64(m.H))
	w, h := x1-x0, y1-y0
	k := min(1, portraitMax/w)
	return m.WarpImage(imaging.Scaling(x0, y0, w, h, int(k*w), int(k*h)), int(k*w), int(k*h))
}

// NewPortrait finds the one face of a picture. Errors: CodeInvalid, field
// "photo" or "portraits", when the enrolment gate would not let it in.
func NewPortrait(ctx context.Context, e *face.Engine, m *imaging.Image) (Portrait, error) {
	faces, err := e.Detect(ctx, m)
	if err != nil {
		return Portrait{}, err
	}
	if len(faces) == 0 {
		return Portrait{}, faceproof.Errorf(faceproof.CodeInvalid, "portraits", "no face found")
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		return Portrait{}, err
	}
	if err := face.CheckPortrait(e.Quality(m, faces, l)); err != nil {
		return Portrait{}, err
	}
	return Portrait{Image: m, Mesh: l.Points}, nil
}
