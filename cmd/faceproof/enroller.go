package main

import (
	"context"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/registry"
)

// engineEnroller lets the registry enrol with the face engine.
type engineEnroller struct{ *face.Engine }

// Enrol gives the template alone; the quality of each photo has been judged.
func (e engineEnroller) Enrol(ctx context.Context, photos [][]byte) (faceproof.Template, error) {
	got, err := e.Engine.Enrol(ctx, photos)
	return got.Template, err
}

// Judge is Enrol with the quality of the photos.
func (e engineEnroller) Judge(ctx context.Context, photos [][]byte) (faceproof.Template, []faceproof.Quality, error) {
	got, err := e.Engine.Enrol(ctx, photos)
	return got.Template, got.Quality, err
}

// openFaces opens the active pack's face engine for enrolment.
func openFaces(g *globals) (registry.Enroller, func(), error) {
	engine, done, err := openEngine(g, "")
	if err != nil {
		return nil, nil, err
	}
	return engineEnroller{engine}, done, nil
}
