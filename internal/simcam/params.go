package simcam

import (
	"math"
	"math/rand/v2"
	"slices"

	"faceproof"
	"faceproof/internal/radiance"
)

// Kind is what stands before the camera, or in its place.
type Kind string

// The kinds. Static to Splice are fed to the client in the place of a camera;
// the client's clock and its account are genuine all the same.
const (
	Live        Kind = "live"          // a person before the screen
	Print       Kind = "print"         // a printed picture that fills the view
	PrintCut    Kind = "print_cut"     // … cut out along head and shoulders, in a real room
	PrintBent   Kind = "print_bent"    // … bent to a cylinder
	PrintCutB   Kind = "print_cutbent" // … both
	OtherScreen Kind = "screen"        // another screen, with the video of a session under another challenge
	PlainScreen Kind = "screen_plain"  // another screen, with a video without flashes
	Static      Kind = "static"        // a video of the person that knows no screen
	Replay      Kind = "replay"        // a genuine session under another challenge
	FlatFace    Kind = "flat_face"     // a video whose face is tinted in step with the challenge
	FlatFrame   Kind = "flat_frame"    // … whose whole picture is
	Relit3D     Kind = "relit3d"       // a photo relit in three dimensions, in step: passes
	Splice      Kind = "splice"        // clips of a genuine session, in the order that the challenge wants
)

// Kinds are all of them.
var Kinds = []Kind{Live, Print, PrintCut, PrintBent, PrintCutB, OtherScreen, PlainScreen, Static, Replay, FlatFace, FlatFrame, Relit3D, Splice}

// The screens of Params.Screen.
const (
	ScreenPhone  = "phone"
	ScreenLaptop = "laptop"
)

// Params is one session but for the person and the challenge. Zero is a value,
// not a default: Draw fills everything. The ranges are those of Draw, uniform
// unless they say otherwise.
type Params struct {
	Kind Kind   `json:"kind"`
	Seed uint64 `json:"seed"` // of what is drawn besides: the room behind, a TV

	// What the client sends.
	Width     int     `json:"width"`      // pixels: 360; laptop 480
	Height    int     `json:"height"`     // pixels: 480; laptop 360
	Shrink    float64 `json:"shrink"`     // size of the pictures from the first colour on, over Width and Height: 192/360
	FPS       float64 `json:"fps"`        // 12, as the client sends; one time in five 10
	Quality   int     `json:"quality"`    // JPEG, 70 to 92
	FaceShare float64 `json:"face_share"` // width of the face over that of the picture: .36 to .48; laptop .30 to .38
	FaceX     float64 `json:"face_x"`     // middle of the face, share of the width: .47 to .53
	FaceY     float64 `json:"face_y"`     // … of the height: .47 to .53

	// The screen.
	Screen   string  `json:"screen"`   // "phone"; 3 in 10 "laptop"
	Nits     float64 `json:"nits"`     // of white: 120 to 520; laptop 120 to 350
	Fill     float64 `json:"fill"`     // share of the area that shows colour: .88
	Glow     float64 `json:"glow"`     // of its black, share of white: .02
	Distance float64 `json:"distance"` // cm to the face: 24 to 38; laptop 42 to 62

	// The room.
	Lux           float64      `json:"lux"`            // at the face: 50 to 1000, log-uniform
	Cast          [3]float64   `json:"cast"`           // its colour: 3000, 4000, 5000 or 6500 K, ±4 % a channel
	Directed      float64      `json:"directed"`       // share from LightFrom: .2 to .8
	LightFrom     radiance.Vec `json:"light_from"`     // from the face, length 1: from above, before the person
	Background    float64      `json:"background"`     // cm behind the face: 40 to 250
	BackgroundLux float64      `json:"background_lux"` // light there over Lux: .7 to 1.3
	TV            float64      `json:"tv"`             // coloured flicker, share of Lux: 0, in 15 % .02 to .10
	Beat          float64      `json:"beat"`           // of the mains, amplitude: 0 to .015
	BeatHz        float64      `json:"beat_hz"`        // .3 to 6

	// The person.
	Skin       int     `json:"skin"`        // Fitzpatrick type, 1 to 6
	DepthScale float64 `json:"depth_scale"` // of the mesh's depth: .85 to 1.2
	Shine      float64 `json:"shine"`       // strength of the skin's lobe: .015 to .05
	Glasses    bool    `json:"glasses"`     // 3 in 10: the screen is mirrored in the lenses
	Motion     float64 `json:"motion"`      // .5 to 1.6; see spread

	// The camera.
	ExposureMS float64 `json:"exposure_ms"` // 6 to 33
	RollingMS  float64 `json:"rolling_ms"`  // first row to last: 10 to 28
	Crosstalk  float64 `json:"crosstalk"`   // light of other channels in one: 0 to .10
	AETarget   float64 `json:"ae_target"`   // linear mean of the picture, the middle weighted: .13 to .20
	AETau      float64 `json:"ae_tau"`      // s: .25 to 4, log-uniform
	AWB        float64 `json:"awb"`         // share of a cast that is taken back: .3 to .7
	AWBTau     float64 `json:"awb_tau"`     // s: 1 to 4
	Well       float64 `json:"well"`        // thousand electrons of a full pixel at 1500 lux and more: 30 to 60 (100 for a pixel of twice the area)
	Read       float64 `json:"read"`        // electrons of noise of a pixel: 8 to 30
	Denoise    float64 `json:"denoise"`     // share of a camera's frame that the next one keeps: 0 to .4
	Curve      float64 `json:"curve"`       // S of the tone curve: 0 to .25
	Dropped    float64 `json:"dropped"`     // share of the frames: .02
	JitterMS   float64 `json:"jitter_ms"`   // of the capture, standard deviation: 4
	StampMS    float64 `json:"stamp_ms"`    // by how much times are late, of a folded normal: 6
	LatencyMS  float64 `json:"latency_ms"`  // display and camera together, half an animation frame included: 30 to 250

	// The attack; drawn for all kinds, used by those that need it.
	TiltX    float64 `json:"tilt_x"`    // degrees of a plane, to the side: normal, 6
	TiltY    float64 `json:"tilt_y"`    // … up and down
	Radius   float64 `json:"radius"`    // cm, of a cylinder: 7.5 to 14
	Paper    float64 `json:"paper"`     // reflectance of its black: .04
	Gloss    float64 `json:"gloss"`     // strength of the lobe of paper: .005 to .05
	GlossExp float64 `json:"gloss_exp"` // exponent of either lobe: 10 to 60
	Emission float64 `json:"emission"`  // nits of the other screen's white: 25 to 300, log-uniform
	Haze     float64 `json:"haze"`      // diffuse reflectance of its glass: .004 to .03, log-uniform
	Mirror   float64 `json:"mirror"`    // strength of its lobe: .002 to .015, log-uniform
	Tint     float64 `json:"tint"`      // white screen over the room, of a tint: .04 to .30, log-uniform
	ExtraMS  float64 `json:"extra_ms"`  // that relighting takes: 30 to 120
}

// casts are black bodies in linear sRGB, green about 1.
var casts = [4][3]float64{{1.45, .95, .45}, {1.22, .97, .72}, {1.09, .99, .88}, {1, 1, 1}}

// skins are the reflectances of Fitzpatrick's types I to VI.
var skins = [6][3]float64{
	{.60, .42, .34}, {.52, .34, .26}, {.42, .26, .18}, {.30, .18, .12}, {.19, .11, .075}, {.10, .06, .045},
}

// Draw gives the parameters of a session. fix, which may be nil, pins what a
// test wants; it may be called twice, since the screen decides other ranges.
func Draw(seed uint64, kind Kind, fix func(*Params)) Params {
	p := drawOn(seed, kind, "")
	if fix == nil {
		return p
	}
	drawn := p.Screen
	if fix(&p); p.Screen != drawn {
		p = drawOn(seed, kind, p.Screen)
		fix(&p)
	}
	return p
}

// drawOn draws in a fixed order; screen "" is drawn too.
func drawOn(seed uint64, kind Kind, screen string) Params {
	r := rand.New(rand.NewPCG(seed, 0x5133ca3))
	u := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	logU := func(lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }
	p := Params{Kind: kind, Seed: seed, Screen: ScreenPhone, Fill: .88, Glow: .02, Paper: .04, Dropped: .02, JitterMS: 4, StampMS: 6}
	if r.Float64() < .3 {
		p.Screen = ScreenLaptop
	}
	if screen != "" {
		p.Screen = screen
	}
	byScreen := func(lo, hi, laptopLo, laptopHi float64) float64 {
		if p.Screen == ScreenLaptop {
			return u(laptopLo, laptopHi)
		}
		return u(lo, hi)
	}
	p.Width, p.Height, p.Shrink = 360, 480, 192./360
	if p.Screen == ScreenLaptop {
		p.Width, p.Height = 480, 360
	}
	p.FPS = [5]float64{10, 12, 12, 12, 12}[r.IntN(5)]
	p.Quality = 70 + r.IntN(23)
	p.FaceShare = byScreen(.36, .48, .30, .38)
	p.FaceX, p.FaceY = u(.47, .53), u(.47, .53)
	p.Nits = byScreen(120, 520, 120, 350)
	p.Distance = byScreen(24, 38, 42, 62)

	p.Lux = logU(50, 1000)
	p.Cast = casts[r.IntN(len(casts))]
	for c := range p.Cast {
		p.Cast[c] *= u(.96, 1.04)
	}
	p.Directed = u(.2, .8)
	p.LightFrom = unit(radiance.Vec{u(-1, 1), -u(.1, 1.2), -u(.1, 1)})
	p.Background, p.BackgroundLux = u(40, 250), u(.7, 1.3)
	tv, some := u(.02, .10), r.Float64()
	if some < .15 {
		p.TV = tv
	}
	p.Beat, p.BeatHz = u(0, .015), u(.3, 6)

	p.Skin = 1 + r.IntN(len(skins))
	p.DepthScale, p.Shine = u(.85, 1.2), u(.015, .05)
	p.Glasses = r.Float64() < .3
	p.Motion = u(.5, 1.6)

	p.ExposureMS, p.RollingMS, p.Crosstalk = u(6, 33), u(10, 28), u(0, .10)
	p.AETarget, p.AETau = u(.13, .20), logU(.25, 4)
	p.AWB, p.AWBTau = u(.3, .7), u(1, 4)
	p.Well, p.Read = u(30, 60), u(8, 30)
	p.Denoise, p.Curve = u(0, .4), u(0, .25)
	p.LatencyMS = u(30, 250)

	p.TiltX, p.TiltY = 6*r.NormFloat64(), 6*r.NormFloat64()
	p.Radius, p.Gloss, p.GlossExp = u(7.5, 14), u(.005, .05), u(10, 60)
	p.Emission, p.Haze = logU(25, 300), logU(.004, .03)
	p.Tint, p.ExtraMS = logU(.04, .30), u(30, 120)
	p.Mirror = logU(.002, .015)
	return p
}

// Rho is the light of the screen over that of the room, at the middle of a face
// that looks at the camera, when the screen is white.
func (p Params) Rho() float64 { return p.screenLux() / p.Lux }

// screenLux is what a white screen gives there.
func (p Params) screenLux() (lux float64) {
	for _, e := range p.screen().Irradiance(radiance.Vec{0, 0, p.Distance}, radiance.Vec{0, 0, -1}) {
		lux += e
	}
	return lux * p.nits(1)
}

func (p Params) screen() radiance.Screen {
	if p.Screen == ScreenLaptop {
		return radiance.Laptop
	}
	return radiance.Phone
}

// nits is the luminance of a band that shows linear light v, 0 to 1.
func (p Params) nits(v float64) float64 { return p.Nits * (p.Glow + (1-p.Glow)*p.Fill*v) }

// check refuses what cannot be filmed.
func (p Params) check() error {
	bad := func(field, why string) error {
		return faceproof.Errorf(faceproof.CodeInvalid, field, "%s", why)
	}
	switch {
	case !slices.Contains(Kinds, p.Kind):
		return bad("kind", "is not known")
	case p.Screen != ScreenPhone && p.Screen != ScreenLaptop:
		return bad("screen", `must be "phone" or "laptop"`)
	case p.Width < 160 || p.Height < 160 || p.Width > 1280 || p.Height > 1280:
		return bad("width", "must be 160 to 1280 pixels, and so the height")
	case !(p.Shrink >= .25 && p.Shrink <= 1):
		return bad("shrink", "must be .25 to 1")
	case !(p.FPS >= 1 && p.FPS <= 60):
		return bad("fps", "must be 1 to 60")
	case p.Quality < 1 || p.Quality > 100:
		return bad("quality", "must be 1 to 100")
	case p.Skin < 1 || p.Skin > len(skins):
		return bad("skin", "must be 1 to 6")
	case !(p.FaceShare > .1 && p.FaceShare < .9):
		return bad("face_share", "must be .1 to .9")
	case !(p.Lux > 0 && p.Nits > 0 && p.Fill > 0 && p.Distance >= 10 && p.Radius > 1):
		return bad("lux", "must be positive, and so nits, fill, distance and radius")
	case !(p.Well > 0 && p.ExposureMS > 0 && p.AETau > 0 && p.AWBTau > 0 && p.AETarget > 0):
		return bad("well", "must be positive, and so exposure_ms, ae_target, ae_tau and awb_tau")
	}
	return nil
}

func unit(v radiance.Vec) radiance.Vec {
	k := 1 / math.Sqrt(dot(v, v))
	return radiance.Vec{v[0] * k, v[1] * k, v[2] * k}
}

func dot(a, b radiance.Vec) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
