// Package models carries the manifests of the model packs: which networks, from
// where, under which licence, with which digests and thresholds. It carries no
// weights; see docs/models.md.
package models

import "embed"

// Packs holds packs/*.toml, which internal/modelpack reads.
//
//go:embed packs/*.toml
var Packs embed.FS
