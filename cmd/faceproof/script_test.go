package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"faceproof":         main,
		"faceproof-standin": standin,
	})
}

// The scripts are the specification of the command line.
func TestScripts(t *testing.T) {
	campaign, err := filepath.Abs("../../internal/eval/testdata/campaign")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true, Setup: func(e *testscript.Env) error {
		e.Setenv("CAMPAIGN", campaign) // of invented numbers, with its report
		return nil
	}})
}
