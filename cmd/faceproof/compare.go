package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"

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
	Score      float64         `json:"score"`      // of the similarity, 0 to 100, the same scale for every pack
	MinScore   float64         `json:"min_score"`  // of the threshold
	ScoreFMR   float64         `json:"score_fmr"`  // share of strangers of the worst group measured who are at least so alike
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
	at := e.Pack().Threshold(1, 1)
	c.Threshold, c.FMR, c.Report, c.MinScore = at.Threshold, at.FMR, at.Report, faceproof.MatchScore(at.FMR)
	var err error
	c.Similarity, err = e.Similarity(templates[0], templates[1])
	c.Same = c.Similarity >= c.Threshold
	c.ScoreFMR = e.Pack().FMR(c.Similarity, 1, 1)
	c.Score = faceproof.MatchScore(c.ScoreFMR)
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

// strangers says what a false match rate means, to two digits.
func strangers(fmr float64) string {
	if fmr > .5 {
		return "most strangers are so alike"
	}
	return fmt.Sprintf("about 1 stranger in %s is so alike", strconv.FormatFloat(roundTo2(1/fmr), 'f', -1, 64))
}

// roundTo2 keeps two digits of what is at least 1.
func roundTo2(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(math.Round(x/unit)*unit*10) / 10
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
	_, err := fmt.Fprintf(g.Out, "%s\nscore      %7.1f   of 100: %s\nat least   %7.1f   false match rate %.2g\n"+
		"similarity %7.3f   %s, higher is more alike\nthreshold  %7.3f   %s\nmodel      %s\npack       %s\n",
		verdict, c.Score, strangers(c.ScoreFMR), c.MinScore, c.FMR, c.Similarity, metric, c.Threshold, c.Report, c.ModelID, c.Pack)
	return err
}
