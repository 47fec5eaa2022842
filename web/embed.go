// Package web holds the built browser assets: the SDK and the demo page.
//
// Build them with `npm ci && npm run build` in this folder; without that the
// binary still builds and holds only a placeholder.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS gives the built assets: the SDK (faceproof*.js, .mjs), demo/index.html and
// what it needs. When Placeholder is true none of them is there.
func FS() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, so never
	}
	return sub
}

// Placeholder says that the assets were not built before this binary was.
func Placeholder() bool {
	_, err := fs.Stat(dist, "dist/faceproof.js")
	return err != nil
}
