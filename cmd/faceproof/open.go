package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/store"
)

// The data folder.
const (
	databaseFile = "faceproof.db"
	keyFile      = "keys.json"
	blobFolder   = "blobs"
)

// openStore opens the database and the key ring of the data folder, which it
// makes (0700) with both when there is nothing yet. The function given closes
// the database.
func openStore(g *globals) (*store.Store, *keys.Ring, func(), error) {
	return openStoreAs(context.Background(), g, store.Config{Actor: "cli"})
}

// openStoreAs is openStore with other settings; Path and KeyID are set here.
func openStoreAs(ctx context.Context, g *globals, c store.Config) (*store.Store, *keys.Ring, func(), error) {
	if err := os.MkdirAll(g.DataDir, 0o700); err != nil {
		return nil, nil, nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the data folder cannot be made: " + err.Error(), Err: err}
	}
	c.Path = filepath.Join(g.DataDir, databaseFile)
	ring, err := openKeys(c.Path, filepath.Join(g.DataDir, keyFile), g.Crypto)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := useVault(ring); err != nil {
		return nil, nil, nil, err
	}
	c.KeyID, c.CheckDeletion = ring.ID(), ring.CheckDeletion
	c.MAC = func(data []byte) []byte { return ring.Index("row.decision", data) }
	s, err := store.Open(ctx, c)
	if err != nil {
		return nil, nil, nil, err
	}
	return s, ring, func() {
		// What a command did is signed as it ends; a server's notary has done so.
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := signLog(end, s, ring, false); err != nil {
			fmt.Fprintln(g.Err, "faceproof: the head of the audit log was not signed:", faceproof.LogText(err))
		}
		_ = s.Close()
	}, nil
}

// openKeys reads the key file. New keys are made only where there is no
// database: with fresh keys nothing in an old one could be read again.
func openKeys(database, file, suite string) (*keys.Ring, error) {
	// The database is asked first: another process makes the keys before it.
	_, err := os.Stat(database)
	if errors.Is(err, fs.ErrNotExist) {
		return keys.OpenSuite(file, suite)
	}
	ring, err := keys.Read(file)
	if err == nil && suite != "" {
		return keys.OpenSuite(file, suite)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, faceproof.Errorf(faceproof.CodeNotFound, file,
			"the key file is missing, and the database beside it cannot be read without it; put its copy back, or, to start anew and lose everything, delete %s", database)
	}
	return ring, err
}

// openBlobs opens the folder of sealed files.
func openBlobs(g *globals, ring *keys.Ring) (*blob.Dir, error) {
	return blob.OpenDir(filepath.Join(g.DataDir, blobFolder), ring)
}

// answer writes v as one JSON value with --json, else what text writes.
func answer(g *globals, v any, text func(io.Writer)) error {
	if !g.JSON {
		text(g.Out)
		return nil
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.Out, "%s\n", b)
	return err
}
