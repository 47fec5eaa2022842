package bench

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Photos is what a folder of photos takes: each is read, its faces are found, and
// the largest is placed and embedded.
type Photos struct {
	Photos    int     `json:"photos"`
	Pixels    int64   `json:"pixels"` // after decoding
	Refused   int     `json:"refused"`
	WithFace  int     `json:"with_face"`
	Faces     int     `json:"faces"`
	Embedded  int     `json:"embedded"`
	Parallel  int     `json:"parallel"`
	WallS     float64 `json:"wall_s"`
	CPUS      float64 `json:"cpu_s"`
	PerSecond float64 `json:"photos_per_s"`
	PerCore   float64 `json:"photos_per_core_s"` // by the processor time used
	Stages    []Stage `json:"stages"`            // a "session" is a photo

	// StageCPU is the processor time of a stage, ms a photo, garbage collection
	// included; only with one photo at once, because it is the process's.
	StageCPU map[string]float64 `json:"stage_cpu_ms,omitempty"`
}

// maxPhotos bounds a folder.
const maxPhotos = 100_000

// ListPhotos gives the JPEG and PNG files below a folder, by name. Errors:
// CodeInvalid, field "photos".
func ListPhotos(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && slices.Contains([]string{".jpg", ".jpeg", ".png"}, strings.ToLower(filepath.Ext(path))) {
			files = append(files, path)
		}
		if len(files) > maxPhotos {
			return faceproof.Errorf(faceproof.CodeInvalid, "photos", "more than %d photos", maxPhotos)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "photos", "there is no JPEG or PNG below the folder")
	}
	slices.Sort(files)
	return files, nil
}

// MeasurePhotos works on the files, so many at once. One that is refused is
// counted and nothing else. The bytes are read before the clock starts.
func MeasurePhotos(ctx context.Context, e *face.Engine, files []string, parallel int) (Photos, error) {
	out := Photos{Photos: len(files), Parallel: parallel}
	data := make([][]byte, len(files))
	var total int64
	for i, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		if total += info.Size(); total > 2<<30 {
			return out, faceproof.Errorf(faceproof.CodeInvalid, "photos", "more than 2 GiB of photos")
		}
		if data[i], err = os.ReadFile(name); err != nil {
			return out, err
		}
	}
	if _, err := measurePhoto(ctx, e, data[0], nil, nil); err != nil && faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		return out, err // it also warms the networks
	}
	clock := newClock()
	var stages map[string]time.Duration
	if parallel == 1 {
		stages = map[string]time.Duration{}
	}
	var next atomic.Int64
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	cpu, start := CPU(), time.Now()
	for range parallel {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(data); i = int(next.Add(1)) - 1 {
				p, err := measurePhoto(ctx, e, data[i], clock, stages)
				mu.Lock()
				switch {
				case faceproof.ErrorCode(err) == faceproof.CodeInvalid:
					out.Refused++
				case err != nil:
					failed = cmp.Or(failed, err)
				}
				out.Pixels += p.pixels
				out.Faces += p.faces
				if p.faces > 0 {
					out.WithFace++
				}
				if p.embedded {
					out.Embedded++
				}
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	wall, used := time.Since(start).Seconds(), (CPU() - cpu).Seconds()
	out.WallS, out.CPUS = round(wall, 3), round(used, 3)
	out.PerSecond, out.PerCore = round(float64(len(data))/wall, 2), round(float64(len(data))/used, 2)
	out.Stages = clock.stages(stageOrder(), len(data))
	for stage, d := range stages {
		if out.StageCPU == nil {
			out.StageCPU = map[string]float64{}
		}
		out.StageCPU[stage] = round(float64(d.Microseconds())/1000/float64(len(data)), 3)
	}
	return out, failed
}

type measured struct {
	pixels   int64
	faces    int
	embedded bool
}

func measurePhoto(ctx context.Context, e *face.Engine, data []byte, c *clock, used map[string]time.Duration) (measured, error) {
	var p measured
	last, cpu := time.Now(), CPU()
	lap := func(stage string) {
		now, spent := time.Now(), CPU()
		if c != nil {
			c.lap(stage, now.Sub(last))
		}
		if used != nil {
			used[stage] += spent - cpu
		}
		last, cpu = now, spent
	}
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	lap("decode")
	if err != nil {
		return p, err
	}
	p.pixels = int64(m.W) * int64(m.H)
	faces, err := e.Detect(ctx, m)
	lap("detect")
	if p.faces = len(faces); err != nil || p.faces == 0 {
		return p, err
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	lap("landmarks")
	if err != nil || l.Score < face.MinMeshScore {
		return p, err
	}
	_, err = e.Embed(ctx, m, faces[0], l)
	lap("embed")
	p.embedded = err == nil
	return p, err
}
