// Package models carries the manifests of the model packs: which networks, from
// where, under which licence, with which digests and thresholds; and the weights
// that this project trained itself, which are small. See docs/models.md.
package models

import "embed"

// Packs holds packs/*.toml, which internal/modelpack reads.
//
//go:embed packs/*.toml
var Packs embed.FS

// Weights holds digits/, the recogniser of spoken digits and its calibration.
//
//go:embed digits/digits.onnx digits/digits.json
var Weights embed.FS
