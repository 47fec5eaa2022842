// Package protocols carries the campaigns that `faceproof redteam` knows by
// name: what is presented, and the bars that must be kept. It carries no faces
// and no results; see docs/evaluation.md.
package protocols

import "embed"

// Files holds the *.toml, which internal/eval reads.
//
//go:embed *.toml
var Files embed.FS
