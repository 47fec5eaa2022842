package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/face"
)

// comparison is the answer of `faceproof compare --json`; README documents it.
type comparison struct {
	Same       bool            `json:"same"`
	Similarity float64         `json:"similarity"` // higher is more alike
	Threshold  float64         `json:"threshold"`  // same when similarity is at least this
	FMR        float64         `json:"fmr"`        // false match rate that the threshold stands for
	Metric     string          `json:"metric"`     // "cosine", or "l2": the similarity is 1 − distance
	ModelID    string          `json:"model_id"`
	Pack       string          `json:"pack"`
	Report     string          `json:"report"` // where the threshold is justified
	Photos     []comparedPhoto `json:"photos"`
}

// comparedPhoto says which face was taken, and what is wrong with it.
type comparedPhoto struct {
	File    string            `json:"file"`
	Face    int               `json:"face"` // from the left, from 1
	Faces   int               `json:"faces"`
	Box     face.Box          `json:"box"`
	Quality faceproof.Quality `json:"quality"`
	Warning string            `json:"warning,omitempty"`
}

// The exit codes of compare, as of cmp(1).
const (
	codeSame      = 0
	codeDifferent = 1
)

func compareCommand(g *globals) *cobra.Command {
	var pack string
	cmd := &cobra.Command{
		Use:   "compare PHOTO[#n] PHOTO[#n]",
		Short: "Say whether two photos show the same person",
		Long: "Compares one face of each photo. #n picks a face where a photo has several,\n" +
			"counted from the left. Exits 0 for the same person, 1 for different persons,\n" +
			"2 when that could not be found out.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, done, err := openEngine(g, pack)
			if err != nil {
				return err
			}
			defer done()
			c, err := compare(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if err := c.print(g); err != nil {
				return err
			}
			if !c.Same {
				return &exitError{code: codeDifferent}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&pack, "pack", "", "model pack (the active one when empty)")
	return cmd
}

func compare(ctx context.Context, e *face.Engine, args []string) (*comparison, error) {
	c := &comparison{Metric: e.Pack().Match.Metric, ModelID: e.ModelID(), Pack: e.Pack().ID}
	templates := make([]faceproof.Template, len(args))
	for i, arg := range args {
		p, err := openPhoto(ctx, e, arg)
		if err != nil {
			return nil, err
		}
		if err := p.only(); err != nil {
			return nil, err
		}
		l, q, err := p.measure(ctx, e, p.pick)
		if err != nil {
			return nil, err
		}
		v, err := e.Embed(ctx, p.image, p.faces[p.pick-1], l)
		if err != nil {
			return nil, fmt.Errorf("%s#%d: %w", p.path, p.pick, err)
		}
		templates[i] = face.Mean(e.ModelID(), [][]float32{v})
		c.Photos = append(c.Photos, comparedPhoto{filepath.Base(p.path), p.pick, len(p.faces), p.faces[p.pick-1].Box, q, warning(q)})
	}
	row := e.Pack().Threshold(1, 1)
	c.Threshold, c.FMR, c.Report = row.Threshold, row.FMR, row.Report
	var err error
	c.Similarity, err = e.Similarity(templates[0], templates[1])
	c.Same = c.Similarity >= c.Threshold
	return c, err
}

// warning says why an answer about this face deserves less trust. Other
// persons in the photo do no harm once a face has been chosen.
func warning(q faceproof.Quality) string {
	q.Faces = min(q.Faces, 1)
	return portraitProblem(q)
}

// portraitProblem is what the enrolment gate would say; empty when nothing.
func portraitProblem(q faceproof.Quality) string {
	if err := face.CheckPortrait(q); err != nil {
		return message(err)
	}
	return ""
}

func (c *comparison) print(g *globals) error {
	if g.JSON {
		return json.NewEncoder(g.Out).Encode(c)
	}
	verdict := "different persons"
	if c.Same {
		verdict = "the same person"
	}
	for _, p := range c.Photos {
		if p.Warning != "" {
			fmt.Fprintf(g.Err, "warning: %s#%d: %s\n", p.File, p.Face, p.Warning)
		}
	}
	metric := map[string]string{"l2": "1 − L2 distance"}[c.Metric]
	if metric == "" {
		metric = c.Metric
	}
	_, err := fmt.Fprintf(g.Out, "%s\nsimilarity %7.3f   %s, higher is more alike\nthreshold  %7.3f   false match rate %.2g\nmodel      %s\npack       %s\n",
		verdict, c.Similarity, metric, c.Threshold, c.FMR, c.ModelID, c.Pack)
	return err
}
