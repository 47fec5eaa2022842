package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

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
	Assets   string `json:"assets"` // "built" or "placeholder"
}

func versionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, and what it runs with",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
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
			if g.JSON {
				return json.NewEncoder(g.Out).Encode(v)
			}
			fmt.Fprintf(g.Out, "faceproof %s\ngo       %s %s\n", v.Version, v.Go, v.Platform)
			if web.Placeholder() {
				fmt.Fprintln(g.Out, "assets   placeholder: this binary was built without the browser SDK (run make build)")
			} else {
				fmt.Fprintln(g.Out, "assets   built in")
			}
			return nil
		},
	}
}
