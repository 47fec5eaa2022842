// Command acceptance writes docs/acceptance.md from the rows that tests left in
// a folder: FACEPROOF_ACCEPTANCE=$PWD/bin/acceptance make faults, then
// go run ./build/acceptance -rows bin/acceptance.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"faceproof/internal/acceptance"
)

func main() {
	rows := flag.String("rows", os.Getenv(acceptance.Folder), "folder with the rows")
	out := flag.String("out", "docs/acceptance.md", "what to write")
	flag.Parse()
	if err := run(*rows, *out); err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	rows, err := acceptance.Read(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := acceptance.Write(&b, rows); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
