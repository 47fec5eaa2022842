// Package protocols carries the campaigns that `faceproof redteam` knows by
// name: what is presented, and the bars that must be kept; and those of
// `faceproof eval faces`: which pictures are compared, and how. It carries no
// faces and no results; see docs/evaluation.md.
package protocols

import "embed"

// Files holds the *.toml, which internal/eval reads.
//
//go:embed *.toml
var Files embed.FS

// Faces holds faces/*.toml, which internal/eval/faces reads.
//
//go:embed faces/*.toml
var Faces embed.FS
