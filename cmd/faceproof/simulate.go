package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/flash"
	"faceproof/internal/simcam"
)

// simulation is what the flags of `faceproof simulate` say; zero and "" leave a
// quantity to the seed.
type simulation struct {
	portrait, kind, screen string
	lux, nits, fps         float64
	quality, skin          int
	seed                   uint64
	out, sheet, pack       string
}

// simulated is the answer with --json.
type simulated struct {
	Simulated bool          `json:"simulated"` // always
	Portrait  string        `json:"portrait"`
	Frames    int           `json:"frames"`
	Bytes     int           `json:"bytes"`
	Rho       float64       `json:"rho"` // light of the screen over that of the room, at the face
	Params    simcam.Params `json:"params"`
}

func simulateCommand(g *globals) *cobra.Command {
	var o simulation
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Film a portrait, or an attack with it, under a challenge's light (simulated)",
		Long: "Writes the recording of one simulated attempt: a zip of frames and times, as\n" +
			"`faceproof redteam --recordings` judges them, and optionally a contact sheet.\n" +
			"Equal flags give equal bytes. It holds the face of the portrait.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), g) },
	}
	kinds := make([]string, len(simcam.Kinds))
	for i, k := range simcam.Kinds {
		kinds[i] = string(k)
	}
	f := cmd.Flags()
	f.StringVar(&o.portrait, "portrait", "", "photo of one person, or photo#n")
	f.StringVar(&o.kind, "kind", string(simcam.Live), strings.Join(kinds, ", "))
	f.StringVar(&o.screen, "screen", "", "phone or laptop (drawn when empty)")
	f.Float64Var(&o.lux, "lux", 0, "light of the room at the face (0: drawn, 50 to 1000)")
	f.Float64Var(&o.nits, "nits", 0, "brightness of the screen (0: drawn)")
	f.Float64Var(&o.fps, "fps", 0, "frames a second (0: drawn)")
	f.IntVar(&o.quality, "quality", 0, "of the JPEGs (0: drawn)")
	f.IntVar(&o.skin, "skin", 0, "Fitzpatrick's type, 1 to 6 (0: drawn)")
	f.Uint64Var(&o.seed, "seed", 1, "of everything that is drawn")
	f.StringVarP(&o.out, "out", "o", "", "the recording, a zip")
	f.StringVar(&o.sheet, "sheet", "", "a contact sheet, a PNG")
	f.StringVar(&o.pack, "pack", "", "model pack that finds the mesh (the active one when empty)")
	_ = cmd.MarkFlagRequired("portrait")
	return cmd
}

func (o *simulation) run(ctx context.Context, g *globals) error {
	if o.out == "" && o.sheet == "" {
		return faceproof.Errorf(faceproof.CodeInvalid, "out", "name a file with -o or --sheet")
	}
	po, err := o.find(ctx, g)
	if err != nil {
		return err
	}
	p := simcam.Draw(o.seed, simcam.Kind(o.kind), o.fix)
	s, err := simcam.NewScene(po, p)
	if err != nil {
		return err
	}
	ch, err := flash.New(rand.NewChaCha8(challengeSeed(o.seed)), faceproof.PlanUsual)
	if err != nil {
		return err
	}
	rec, err := s.Record(ch, o.seed)
	if err != nil {
		return err
	}
	if err := o.write(s, rec); err != nil {
		return err
	}
	a := simulated{true, po.Name, len(rec.Frames), rec.Transcript().Bytes, p.Rho(), p}
	if g.JSON {
		return json.NewEncoder(g.Out).Encode(a)
	}
	fmt.Fprintf(g.Out, "simulated: %s, %s, %.0f lux, %s of %.0f nit at %.0f cm (%.3f of the room's light)\n%d frames, %.2f MB\n",
		p.Kind, a.Portrait, p.Lux, p.Screen, p.Nits, p.Distance, a.Rho, a.Frames, float64(a.Bytes)/1e6)
	return nil
}

// fix pins what the flags say.
func (o *simulation) fix(p *simcam.Params) {
	pin := func(to *float64, v float64) {
		if v != 0 {
			*to = v
		}
	}
	pin(&p.Lux, o.lux)
	pin(&p.Nits, o.nits)
	pin(&p.FPS, o.fps)
	if o.quality != 0 {
		p.Quality = o.quality
	}
	if o.skin != 0 {
		p.Skin = o.skin
	}
	if o.screen != "" {
		p.Screen = o.screen
	}
}

// find opens the portrait and lets the mesh net look at it.
func (o *simulation) find(ctx context.Context, g *globals) (simcam.Portrait, error) {
	e, done, err := openEngine(g, o.pack)
	if err != nil {
		return simcam.Portrait{}, err
	}
	defer done()
	ph, err := openPhoto(ctx, e, o.portrait)
	if err != nil {
		return simcam.Portrait{}, err
	}
	if err := ph.only(); err != nil {
		return simcam.Portrait{}, err
	}
	l, _, err := ph.measure(ctx, e, ph.pick)
	return simcam.Portrait{Name: fmt.Sprintf("face %d", ph.pick), Image: ph.image, Mesh: l.Points}, err
}

// write writes the recording and the sheet that were asked for.
func (o *simulation) write(s *simcam.Scene, rec capture.Recording) error {
	var b bytes.Buffer
	if o.out != "" {
		if err := rec.Write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(o.out, b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	if o.sheet == "" {
		return nil
	}
	m, err := s.Sheet(rec, 6, 3)
	if err != nil {
		return err
	}
	b.Reset()
	if err := png.Encode(&b, m); err != nil {
		return err
	}
	return os.WriteFile(o.sheet, b.Bytes(), 0o600)
}

// challengeSeed spreads a seed over a generator's key.
func challengeSeed(seed uint64) (key [32]byte) {
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return key
}
