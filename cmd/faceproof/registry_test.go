package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"faceproof"
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
	root.AddCommand(registryCommandWith(g, func(*globals) (registry.Enroller, func(), error) { return standinEnroller{}, func() {}, nil }))
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

type standinEnroller struct{}

func (standinEnroller) ModelID() string { return "stand-in" }

func (standinEnroller) Enrol(_ context.Context, photos [][]byte) (faceproof.Template, error) {
	for i, p := range photos {
		if strings.HasPrefix(string(p), "bad") {
			return faceproof.Template{}, faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d shows no face", i+1)
		}
	}
	return faceproof.Template{ModelID: "stand-in", Frames: len(photos), Vector: make([]float32, 128)}, nil
}
