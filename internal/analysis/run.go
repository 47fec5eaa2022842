package analysis

import (
	"context"
	"errors"
	"math"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
	"faceproof/internal/provenance"
)

// How often faces are looked for, in frames; in between, registration follows
// the one that was found. The frames before the colours, the first ones, are
// looked at more often: the template comes from them.
const (
	lookEvery      = 5
	lookEveryEarly = 2
	earlyMS        = 1750 // lead and pre-roll
	denseShots     = 24   // embeddings, after which only every second look is embedded
	maxShots       = 60   // embeddings
	maxFrames      = 800  // twice what the protocol lets through
)

// Run is the analysis of one session, attempt by attempt; not for concurrent
// use.
type Run struct {
	a       *Analyzer
	tracker *face.Tracker
	fmr     float64 // target of the match; 0: the pack's
	spare   []*face.Cells

	frames    []frame
	shots     []shot
	looks     looks
	pads      []padLook // of the opening
	away      absence
	crowd     bool            // the last look saw more than one face: look again at once
	mesh      *face.Landmarks // of the last look; nil: none
	meshes    *[2]face.Landmarks
	faces     []face.Face  // of the last look
	sinceLook int          // frames
	jpegQ     int          // lowest
	approach  approach     // by the previews
	sound     digits.Track // of a digits attempt
	listens   bool         // it has begun
	source    provenance.Meter
	width     int // of the first picture; places are in its pixels
	height    int
	last      int  // width of the last picture
	largest   int  // … of the largest: what is matched
	larger    bool // the last picture is a portrait among smaller ones
}

// frame is what is kept of every frame.
type frame struct {
	t     float64     // ms
	width int         // of the picture, pixels
	cells *face.Cells // nil: the face was not followed
	place face.Placement
	mouth float64 // opening, distances between the eyes; NaN: not measured
}

// shot is a frame whose face was embedded.
type shot struct {
	t       float64 // ms
	width   int     // of the picture, pixels
	vector  []float32
	quality faceproof.Quality
	jpeg    []byte // of an early frame
}

// looks counts the frames in which faces were looked for.
type looks struct{ all, withFace, many int }

// Reset forgets everything, before the next attempt.
func (r *Run) Reset() {
	for _, f := range r.frames {
		if f.cells != nil {
			r.spare = append(r.spare, f.cells)
		}
	}
	clear(r.frames)
	clear(r.shots)
	r.source.Reset()
	r.sound.Reset()
	*r = Run{a: r.a, tracker: r.tracker, fmr: r.fmr, spare: r.spare, frames: r.frames[:0], shots: r.shots[:0], source: r.source, sound: r.sound, meshes: r.meshes, faces: r.faces}
	r.tracker.Reset()
}

// Frame takes one frame of the challenge, pre-roll to post-roll, in order. A
// JPEG that cannot be used is CodeInvalid, field "frame"; a frame without a
// face is no error.
func (r *Run) Frame(ctx context.Context, f capture.Frame) error {
	work, err := r.a.begin(ctx, turnFrame, StageFrame)
	if err != nil {
		return err
	}
	defer work.done()
	if len(r.frames) >= maxFrames {
		return faceproof.Errorf(faceproof.CodeInvalid, "frame", "too many frames")
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	info, err := imaging.CheckJPEG(f.JPEG, imaging.FrameLimits)
	if err != nil {
		return badFrame(err)
	}
	m, err := r.a.decode(f.JPEG)
	if err != nil {
		return err
	}
	defer r.a.pics.Put(m)
	if r.jpegQ == 0 || info.Quality < r.jpegQ {
		r.jpegQ = info.Quality
	}
	start := time.Now()
	r.source.Frame(m, info, f.JPEG, f.T)
	r.a.lap(StageSource, start)
	r.resize(m)
	cells, err := r.follow(ctx, m, f)
	if err != nil {
		return err
	}
	mouth, err := r.mouth(ctx, m)
	if err != nil {
		return err
	}
	place := r.tracker.Placement().Scale(float64(r.width) / float64(m.W))
	r.frames = append(r.frames, frame{t: f.T, width: m.W, cells: cells, place: place, mouth: mouth})
	return nil
}

// resize takes what is known of the last picture to the size of this one, which
// shows the same view.
func (r *Run) resize(m *imaging.Image) {
	was := r.last
	r.last, r.largest, r.larger = m.W, max(r.largest, m.W), false
	switch was {
	case 0:
		r.width, r.height = m.W, m.H
	case m.W:
	default:
		k := float64(m.W) / float64(was)
		r.tracker.Scale(k)
		if r.mesh != nil {
			r.mesh = r.keep(r.mesh.Scale(k))
		}
		r.larger = k > 1
	}
}

// badFrame names the field of the protocol.
func badFrame(err error) error {
	var e *faceproof.Error
	if errors.As(err, &e) && e.Code == faceproof.CodeInvalid {
		return &faceproof.Error{Code: e.Code, Field: "frame", Message: e.Message, Err: err}
	}
	return err
}

// follow finds the face in a frame, by registration and now and then, and in
// portraits, by looking, and averages its cells; nil when there is none.
func (r *Run) follow(ctx context.Context, m *imaging.Image, f capture.Frame) (*face.Cells, error) {
	every := lookEvery
	if r.early(f) {
		every = lookEveryEarly
	}
	cells := r.blank()
	var l *face.Landmarks
	if r.sinceLook++; r.larger || !r.tracker.Started() || r.mesh == nil || r.crowd || r.sinceLook >= every || len(r.frames) == 0 {
		var err error
		if l, err = r.look(ctx, m, f); err != nil {
			return nil, err
		}
	}
	if (l != nil || r.tracker.Started()) && r.register(m, l, cells) {
		return cells, nil
	}
	if l == nil && r.tracker.Started() && r.sinceLook > 0 { // lost between two looks
		l, err := r.look(ctx, m, f)
		if err != nil {
			return nil, err
		}
		if l != nil && r.register(m, l, cells) {
			return cells, nil
		}
	}
	r.spare = append(r.spare, cells)
	return nil, nil
}

// register is Track of the tracker.
func (r *Run) register(m *imaging.Image, l *face.Landmarks, cells *face.Cells) bool {
	defer r.a.lap(StageRegistration, time.Now())
	return r.tracker.Track(m, l, cells)
}

func (r *Run) blank() *face.Cells {
	n := len(r.spare)
	if n == 0 {
		return new(face.Cells)
	}
	c := r.spare[n-1]
	r.spare = r.spare[:n-1]
	return c
}

// look detects faces and finds the mesh of the one that is followed; nil when
// there is none. It counts, and embeds some.
func (r *Run) look(ctx context.Context, m *imaging.Image, f capture.Frame) (*face.Landmarks, error) {
	r.sinceLook = 0
	r.looks.all++
	e := r.a.engine
	start := time.Now()
	faces, err := e.DetectInto(ctx, m, r.faces)
	if err != nil {
		return nil, err
	}
	r.faces = faces
	r.a.lap(StageDetect, start)
	start = time.Now()
	found := len(faces)
	l, faces, err := r.findMesh(ctx, m, faces)
	if err != nil {
		return nil, err
	}
	r.a.lap(StageLandmarks, start)
	again := r.mesh == nil // it may be somebody else who came
	r.away.look(f.T, l != nil)
	r.crowd = false
	if r.mesh = l; l == nil {
		return nil, nil
	}
	start = time.Now()
	q := e.Quality(m, faces, *l)
	if r.crowd = q.Faces > 1; r.crowd {
		r.looks.many++
	} else {
		r.looks.withFace++
	}
	early := r.early(f) || r.larger
	r.a.lap(StageQuality, start)
	if found > 0 {
		if err := r.passive(ctx, m, f, faces[0]); err != nil {
			return nil, err
		}
	}
	thin := !early && len(r.shots) >= denseShots && r.looks.all%2 != 0 && !again
	if len(r.shots) >= maxShots || early && m.W < r.largest || thin {
		return l, nil
	}
	c := e.Components(m, r.jpegQ, faces, *l)
	q.Components = &c
	start = time.Now()
	v, err := e.Embed(ctx, m, faces[0], *l)
	r.a.lap(StageEmbed, start)
	if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		return l, nil
	} else if err != nil {
		return nil, err
	}
	s := shot{t: f.T, width: m.W, vector: v, quality: q}
	if early {
		s.jpeg = f.JPEG
	}
	r.shots = append(r.shots, s)
	return l, nil
}

// early says whether the frame is of the lead or the pre-roll, whatever the
// camera's rate.
func (r *Run) early(f capture.Frame) bool { return len(r.frames) == 0 || f.T-r.frames[0].t < earlyMS }

// findMesh finds the mesh near the last one, else that of the largest face, and
// puts its face first. Without a detection the mesh net alone may still know
// the face: strong colours confuse it less.
func (r *Run) findMesh(ctx context.Context, m *imaging.Image, faces []face.Face) (*face.Landmarks, []face.Face, error) {
	if r.mesh != nil {
		l, err := r.a.engine.Track(ctx, m, r.mesh)
		if err != nil {
			return nil, nil, err
		}
		if l.Score >= face.MinMeshScore {
			if len(faces) == 0 {
				return r.keep(l), append(faces, face.Face{Box: l.Box(), Score: l.Score}), nil
			}
			if i := nearest(faces, l.Box()); i >= 0 {
				faces[0], faces[i] = faces[i], faces[0]
				return r.keep(l), faces, nil
			}
		}
	}
	if len(faces) == 0 {
		return nil, nil, nil
	}
	l, err := r.a.engine.Landmarks(ctx, m, faces[0])
	if err != nil || l.Score < face.MinMeshScore {
		return nil, nil, err
	}
	return r.keep(l), faces, nil
}

// keep puts a mesh where that of the look before the last one was.
func (r *Run) keep(l face.Landmarks) *face.Landmarks {
	if r.meshes == nil {
		r.meshes = new([2]face.Landmarks)
	}
	to := &r.meshes[0]
	if r.mesh == to {
		to = &r.meshes[1]
	}
	*to = l
	return to
}

// nearest gives the face whose middle lies closest to that of b, at most half a
// face away, or −1.
func nearest(faces []face.Face, b face.Box) int {
	best, at := b.W/2, -1
	for i, f := range faces {
		d := math.Hypot(f.Box.X+f.Box.W/2-b.X-b.W/2, f.Box.Y+f.Box.H/2-b.Y-b.H/2)
		if d < best {
			best, at = d, i
		}
	}
	return at
}
