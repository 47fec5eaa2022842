package main

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/modelpack"
	"faceproof/internal/registry"
)

// standin is the binary without a face engine: photos are texts, and one that
// begins with "bad" has no face. It lets scripts enrol without models.
func standin() {
	g := &globals{Out: os.Stdout, Err: os.Stderr}
	root := rootCommand(g)
	for _, c := range root.Commands() {
		if c.Name() == "registry" {
			root.RemoveCommand(c)
		}
	}
	root.AddCommand(registryCommandWith(g, func(*globals) (registry.Enroller, func(), error) { return standinEnroller{}, func() {}, nil },
		func(*globals) (modelpack.Match, error) { return standinMatch, nil }))
	err := root.Execute()
	var exit *exitError
	switch {
	case err == nil:
		os.Exit(codeOK)
	case errors.As(err, &exit):
		os.Exit(exit.code)
	}
	fmt.Fprintln(os.Stderr, "faceproof:", err)
	os.Exit(codeFailed)
}

// standinMatch has a second row, for averaged templates, that is worse.
var standinMatch = modelpack.Match{Metric: "cosine", ModelID: "stand-in", Rows: []modelpack.MatchRow{
	{ProbeFrames: 1, ReferenceFrames: 1, Points: []modelpack.MatchPoint{{FMR: 1e-3, Threshold: .5}, {FMR: 1e-4, Threshold: .6}}},
	{ProbeFrames: 2, ReferenceFrames: 2, Points: []modelpack.MatchPoint{{FMR: 1e-2, Threshold: .5}, {FMR: 2e-4, Threshold: .7}}},
}}

func TestSearchThreshold(t *testing.T) {
	if got := strictest(standinMatch); got != .7 {
		t.Errorf("strictest %g", got)
	}
	for threshold, want := range map[float64]float64{.4: 1, .5: 1e-2, .6: 1e-2, .7: 2e-4, 1: 2e-4} {
		if got := rateAt(standinMatch, threshold); got != want {
			t.Errorf("at %g: %g, want %g", threshold, got, want)
		}
	}
}

type standinEnroller struct{}

func (standinEnroller) ModelID() string { return "stand-in" }

func (standinEnroller) Enrol(_ context.Context, photos [][]byte) (faceproof.Template, error) {
	for i, p := range photos {
		if strings.HasPrefix(string(p), "bad") {
			return faceproof.Template{}, faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d shows no face", i+1)
		}
	}
	// The same first text is the same face; two others are as good as orthogonal.
	v, sum := make([]float32, 128), sha512.Sum512(photos[0])
	for i := range v {
		v[i] = float32(int(sum[i/2]>>(4*(i%2))&15)) - 7.5
	}
	return faceproof.Template{ModelID: "stand-in", Frames: len(photos), Vector: v}, nil
}
