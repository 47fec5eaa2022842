package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/face"
)

// inspection is the answer of `faceproof inspect --json`.
type inspection struct {
	File   string          `json:"file"`
	Width  int             `json:"width"` // upright, after reduction to at most 2048 pixels a side
	Height int             `json:"height"`
	Pack   string          `json:"pack"`
	Faces  []inspectedFace `json:"faces"` // from the left
}

type inspectedFace struct {
	N         int               `json:"n"`
	Box       face.Box          `json:"box"`
	Score     float64           `json:"score"`
	Points    [5]face.Point     `json:"points"` // eyes, nose, mouth corners; left and right of the image
	MeshScore float64           `json:"mesh_score"`
	Quality   faceproof.Quality `json:"quality"`
	Problem   string            `json:"problem,omitempty"` // why it could not be enrolled
	Mesh      [][3]float64      `json:"mesh,omitempty"`    // 468 points: x, y, z in pixels, smaller z is nearer
}

func inspectCommand(g *globals) *cobra.Command {
	var (
		pack string
		mesh bool
	)
	cmd := &cobra.Command{
		Use:   "inspect PHOTO[#n]",
		Short: "Show the faces of a photo and their quality",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, done, err := openEngine(g, pack)
			if err != nil {
				return err
			}
			defer done()
			in, err := inspect(cmd.Context(), e, args[0], mesh)
			if err != nil {
				return err
			}
			return in.print(g)
		},
	}
	cmd.Flags().StringVar(&pack, "pack", "", "model pack (the active one when empty)")
	cmd.Flags().BoolVar(&mesh, "mesh", false, "with the 468 points of each face")
	return cmd
}

func inspect(ctx context.Context, e *face.Engine, arg string, mesh bool) (*inspection, error) {
	p, err := openPhoto(ctx, e, arg)
	if err != nil {
		return nil, err
	}
	in := &inspection{File: filepath.Base(p.path), Width: p.image.W, Height: p.image.H, Pack: e.Pack().ID, Faces: []inspectedFace{}}
	for i, f := range p.faces {
		if p.pick != 0 && p.pick != i+1 {
			continue
		}
		l, q, err := p.measure(ctx, e, i+1)
		if err != nil {
			return nil, err
		}
		one := inspectedFace{N: i + 1, Box: f.Box, Score: f.Score, Points: f.Points, MeshScore: l.Score, Quality: q, Problem: portraitProblem(q)}
		if mesh {
			one.Mesh = l.Points[:]
		}
		in.Faces = append(in.Faces, one)
	}
	return in, nil
}

func (in *inspection) print(g *globals) error {
	if g.JSON {
		return json.NewEncoder(g.Out).Encode(in)
	}
	fmt.Fprintf(g.Out, "%s   %d × %d pixels, %d faces\n", in.File, in.Width, in.Height, len(in.Faces))
	for _, f := range in.Faces {
		q := f.Quality
		fmt.Fprintf(g.Out, "#%d  box %.0f,%.0f %.0f × %.0f   score %.2f, mesh %.2f   eyes %.0f px apart\n", f.N, f.Box.X, f.Box.Y, f.Box.W, f.Box.H, f.Score, f.MeshScore, q.EyeDistance)
		fmt.Fprintf(g.Out, "    yaw %.0f° pitch %.0f° roll %.0f°   sharpness %.2f brightness %.2f clipped %.2f   eyes open %.2f covered %.2f\n", q.Yaw, q.Pitch, q.Roll, q.Sharpness, q.Brightness, q.Clipped, q.EyesOpen, q.Occlusion)
		printComponents(g.Out, q.Components)
		if f.Problem == "" {
			f.Problem = "good enough to enrol"
		}
		fmt.Fprintf(g.Out, "    %s\n", f.Problem)
		for i, m := range f.Mesh {
			fmt.Fprintf(g.Out, "    %3d %8.1f %8.1f %8.1f\n", i, m[0], m[1], m[2])
		}
	}
	return nil
}

// printComponents lists the components of ISO/IEC 29794-5 that were measured, with
// the hint for those below half.
func printComponents(w io.Writer, c *faceproof.Components) {
	if c == nil {
		return
	}
	for _, one := range c.List() {
		switch {
		case one.Score == faceproof.NotMeasured:
		case one.Score < 50 && one.Hint != faceproof.HintNone:
			fmt.Fprintf(w, "    %-32s %3d   %s\n", one.Name, one.Score, one.Hint)
		default:
			fmt.Fprintf(w, "    %-32s %3d\n", one.Name, one.Score)
		}
	}
}

// message gives an error's own words, without its code and field.
func message(err error) string {
	var f *faceproof.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}
