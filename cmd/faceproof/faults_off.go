//go:build !failpoint

package main

import "github.com/spf13/cobra"

// faultCommands are none as released; make faults builds with some.
func faultCommands(*globals) []*cobra.Command { return nil }
