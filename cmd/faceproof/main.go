// Command faceproof is the whole product in one binary: the server, the model
// installer and the tools of an operator. This package knows every concrete
// type and does nothing but wiring.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// globals are what every command shares.
type globals struct {
	DataDir string    // everything a run makes: database, keys, models
	Crypto  string    // suite of the keys; empty: as they are
	JSON    bool      // answers for a program, one JSON value on Out
	Out     io.Writer // answers
	Err     io.Writer // progress, warnings and errors
}

// defaultDataDir is used when neither --data nor FACEPROOF_DATA says otherwise.
const defaultDataDir = "data"

// Exit codes of the binary. A command that wants another returns an error with
// an ExitCode method (compare: 1 means "two persons").
const (
	codeOK     = 0
	codeFailed = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process, so that scripts can drive it.
func run(args []string, out, errOut io.Writer) int {
	g := &globals{Out: out, Err: errOut}
	cmd := rootCommand(g)
	cmd.SetArgs(args)
	cmd.SetOut(out)
	cmd.SetErr(errOut)
	err := cmd.Execute()
	if err == nil {
		return codeOK
	}
	var code interface{ ExitCode() int }
	if errors.As(err, &code) {
		if msg := err.Error(); msg != "" {
			fmt.Fprintln(errOut, "faceproof:", msg)
		}
		return code.ExitCode()
	}
	fmt.Fprintln(errOut, "faceproof:", err)
	return codeFailed
}

// rootCommand lists every command of the binary.
func rootCommand(g *globals) *cobra.Command {
	data := os.Getenv("FACEPROOF_DATA")
	if data == "" {
		data = defaultDataDir
	}
	root := &cobra.Command{
		Use:   "faceproof",
		Short: "Self-hosted face identity verification, call-compatible with WeChat's",
		Long: "Faceproof verifies that a live person is who they claim to be, and speaks\n" +
			"WeChat's facial verification interfaces (人脸核身).",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVar(&g.DataDir, "data", data, "folder of everything a run makes (or FACEPROOF_DATA)")
	flags.StringVar(&g.Crypto, "crypto", os.Getenv("FACEPROOF_CRYPTO"), "suite of keys that are made: std (AES-256-GCM, HMAC-SHA-256) or gm (SM4-GCM, HMAC-SM3);\n"+
		"refuses a data folder of the other one (or FACEPROOF_CRYPTO; default std, and whatever is there)")
	flags.BoolVar(&g.JSON, "json", false, "answer in JSON")
	root.AddCommand(
		serveCommand(g),
		appCommand(g),
		registryCommand(g),
		adminCommand(g),
		webhookCommand(g),
		keysCommand(g),
		verificationCommand(g),
		consentCommand(g),
		privacyCommand(g),
		auditCommand(g),
		modelsCommand(g),
		recordingsCommand(g),
		compareCommand(g),
		inspectCommand(g),
		simulateCommand(g),
		redteamCommand(g),
		evalCommand(g),
		benchCommand(g),
		backupCommand(g),
		restoreCommand(g),
		versionCommand(g),
	)
	root.AddCommand(faultCommands(g)...)
	return root
}
