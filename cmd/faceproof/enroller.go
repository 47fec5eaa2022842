package main

import (
	"faceproof"
	"faceproof/internal/registry"
)

// openFaces opens the active pack's face engine for enrolment.
func openFaces(*globals) (registry.Enroller, func(), error) {
	return nil, nil, faceproof.Errorf(faceproof.CodeUnavailable, "", "no face engine yet")
}
