package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
	"faceproof/web"
)

// version of the product; a release build sets it with -ldflags -X.
var version = "0.1.0-dev"

// versionInfo is the answer of `faceproof version --json`.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, when the build knew it
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Assets   string `json:"assets"`            // "built" or "placeholder"
	Pack     string `json:"pack,omitempty"`    // the active model pack; absent: none is installed
	Runtime  string `json:"runtime,omitempty"` // version of ONNX Runtime; absent: none is installed, or it does not load
}

func versionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, and what it runs with",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionOf(g.DataDir)
			return answer(g, v, func(w io.Writer) { writeVersion(w, v) })
		},
	}
}

func versionOf(dataDir string) versionInfo {
	v := versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Assets: "built"}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	if web.Placeholder() {
		v.Assets = "placeholder"
	}
	pack, err := modelpack.Load(dataDir, "")
	if err != nil {
		return v
	}
	v.Pack = pack.ID
	if rt, err := onnx.Open(pack.Runtime); err == nil {
		v.Runtime = rt.Version()
		_ = rt.Close()
	}
	return v
}

func writeVersion(w io.Writer, v versionInfo) {
	fmt.Fprintf(w, "faceproof %s\ngo        %s %s\n", v.Version, v.Go, v.Platform)
	if v.Revision != "" {
		fmt.Fprintf(w, "revision  %s\n", v.Revision)
	}
	none := func(s string) string {
		if s == "" {
			return "none installed (faceproof models install)"
		}
		return s
	}
	fmt.Fprintf(w, "pack      %s\nruntime   ONNX Runtime %s\n", none(v.Pack), none(v.Runtime))
	if v.Assets == "placeholder" {
		fmt.Fprintln(w, "assets    placeholder: this binary was built without the browser SDK (make build)")
		return
	}
	fmt.Fprintln(w, "assets    built in")
}
