package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/store"
)

// backupFiles are the files of the data folder that each kind of backup may
// hold, beside the sealed files in blobs/. Models are installed again;
// recordings are left out, since a backup would outlive their withdrawal.
var backupFiles = map[string][]string{
	backupData: {databaseFile, deletionsFile, compatFile, anchorFile},
	backupKeys: {keyFile, keysFile, adminFile, demoFile, certificateFile},
}

// Names of the files beside the database.
var (
	keysFile      = store.KeysPath(databaseFile)
	deletionsFile = store.DeletionsPath(databaseFile)
)

func backupCommand(g *globals) *cobra.Command {
	var withKeys string
	c := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the data folder, while the server runs",
		Long: "Writes a consistent copy of the data folder to DIR, a new or empty folder, with a manifest of\n" +
			"hashes. Without keys it cannot be read by anybody. --with-keys writes the keys to a second\n" +
			"folder: keep it elsewhere, and for 30 days at most, or deleted people can be read again.\n" +
			"Models and recordings are not copied.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return backup(cmd.Context(), g, args[0], withKeys) },
	}
	c.Flags().StringVar(&withKeys, "with-keys", "", "second, new or empty folder for the keys")
	return c
}

func restoreCommand(g *globals) *cobra.Command {
	var withKeys, deletions string
	c := &cobra.Command{
		Use:   "restore DIR",
		Short: "Put a backup back into an empty data folder",
		Long: "Checks the backup against its manifest, byte for byte, and puts it into the data folder, which\n" +
			"must be empty but for models and " + deletionsFile + ". Whoever was deleted since is deleted\n" +
			"again: give the newest list of deletions with --deletions, or leave it in the data folder.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return restore(cmd.Context(), g, args[0], withKeys, deletions)
		},
	}
	c.Flags().StringVar(&withKeys, "with-keys", "", "folder of the keys that belong to it; without it put them into the data folder yourself")
	c.Flags().StringVar(&deletions, "deletions", "", "the newest list of deletions ("+deletionsFile+"), when it is newer than the backup")
	return c
}

// backup copies in this order: the database, the sealed files, the keys of
// people, the list of deletions. Keys are written before what they seal and the
// list before they are destroyed, so that each copy is complete or says why not.
func backup(ctx context.Context, g *globals, dir, keyDir string) error {
	if _, err := os.Stat(filepath.Join(g.DataDir, databaseFile)); err != nil {
		return faceproof.Errorf(faceproof.CodeNotFound, "data", "there is no database in %s", g.DataDir)
	}
	if inside(dir, keyDir) || inside(keyDir, dir) {
		return faceproof.Errorf(faceproof.CodeInvalid, "--with-keys", "must not be inside the backup's folder, nor that inside it")
	}
	s, ring, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	for _, d := range []string{dir, keyDir} {
		if err := emptyFolder(d, nil); d != "" && err != nil {
			return err
		}
	}
	// Before the copy: it says so itself.
	entry := faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "backup.make", Detail: map[bool]string{true: "with keys", false: ""}[keyDir != ""]}
	if err := s.Audit(ctx, entry); err != nil {
		return err
	}
	if err := store.Copy(ctx, filepath.Join(g.DataDir, databaseFile), filepath.Join(dir, databaseFile)); err != nil {
		return err
	}
	if err := copyBlobs(filepath.Join(g.DataDir, blobFolder), filepath.Join(dir, blobFolder)); err != nil {
		return backupError(faceproof.CodeUnavailable, "the sealed files cannot be copied", err)
	}
	m := manifest{Version: version, MadeAt: entry.At, KeyID: ring.ID()}
	if keyDir != "" {
		if err := backupKeyFiles(ctx, g, keyDir, m); err != nil {
			return err
		}
	}
	for _, name := range backupFiles[backupData][1:] {
		if err := copyIfThere(filepath.Join(g.DataDir, name), filepath.Join(dir, name)); err != nil {
			return backupError(faceproof.CodeUnavailable, name+" cannot be copied", err)
		}
	}
	m.Kind = backupData
	if err := m.seal(dir); err != nil {
		return backupError(faceproof.CodeUnavailable, "the manifest cannot be written", err)
	}
	return answer(g, map[string]string{"backup": dir, "keys": keyDir}, func(w io.Writer) {
		fmt.Fprintf(w, "Saved in %s.\n", dir)
		if keyDir == "" {
			fmt.Fprintln(w, "The keys are not in it, and nobody reads it without them: back them up elsewhere (--with-keys).")
		} else {
			fmt.Fprintf(w, "The keys are in %s: keep them elsewhere, and for 30 days at most.\n", keyDir)
		}
	})
}

func backupKeyFiles(ctx context.Context, g *globals, dir string, m manifest) error {
	if err := store.Copy(ctx, filepath.Join(g.DataDir, keysFile), filepath.Join(dir, keysFile)); err != nil {
		return err
	}
	for _, name := range backupFiles[backupKeys] {
		if name == keysFile {
			continue
		}
		if err := copyIfThere(filepath.Join(g.DataDir, name), filepath.Join(dir, name)); err != nil {
			return backupError(faceproof.CodeUnavailable, name+" cannot be copied", err)
		}
	}
	m.Kind = backupKeys
	if err := m.seal(dir); err != nil {
		return backupError(faceproof.CodeUnavailable, "the manifest of the keys cannot be written", err)
	}
	return nil
}

// restore puts a backup into an empty data folder, the database last: without
// it nothing starts.
func restore(ctx context.Context, g *globals, dir, keyDir, deletions string) error {
	data, err := readManifest(dir, backupData)
	if err != nil {
		return err
	}
	var secret manifest
	if keyDir != "" {
		if secret, err = readManifest(keyDir, backupKeys); err != nil {
			return err
		}
		if secret.KeyID != data.KeyID {
			return faceproof.Errorf(faceproof.CodeConflict, "--with-keys", "these are the keys of another backup")
		}
	}
	if err := emptyFolder(g.DataDir, []string{"models", deletionsFile}); err != nil {
		return err
	}
	if err := newestDeletions(g, filepath.Join(dir, deletionsFile), deletions); err != nil {
		return err
	}
	put := func(from string, m manifest, last bool) error {
		for _, f := range m.Files {
			if f.Path == deletionsFile || (f.Path == databaseFile) != last {
				continue
			}
			if err := copyFile(filepath.Join(from, filepath.FromSlash(f.Path)), filepath.Join(g.DataDir, filepath.FromSlash(f.Path))); err != nil {
				return backupError(faceproof.CodeUnavailable, f.Path+" cannot be put back", err)
			}
		}
		return syncFolders(g.DataDir)
	}
	for _, p := range []struct {
		from string
		m    manifest
		last bool
	}{{keyDir, secret, false}, {dir, data, false}, {dir, data, true}} {
		if err := put(p.from, p.m, p.last); err != nil {
			return err
		}
	}
	if err := store.Check(ctx, filepath.Join(g.DataDir, databaseFile)); err != nil {
		return err
	}
	if keyDir == "" {
		return answer(g, map[string]any{"restored": g.DataDir, "keys": false}, func(w io.Writer) {
			fmt.Fprintf(w, "Restored into %s. Put %s and %s that belong to it beside it before you start the server.\n", g.DataDir, keyFile, keysFile)
		})
	}
	// Opening it deletes again who was deleted since, and finishes what was begun.
	s, _, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	if err := s.Audit(ctx, faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "backup.restore", Detail: time.UnixMilli(data.MadeAt).UTC().Format(time.RFC3339)}); err != nil {
		return err
	}
	return answer(g, map[string]any{"restored": g.DataDir, "keys": true}, func(w io.Writer) {
		fmt.Fprintf(w, "Restored into %s, as it was at %s. The log is shorter than heads that were anchored since: faceproof audit verify will say so.\n",
			g.DataDir, time.UnixMilli(data.MadeAt).UTC().Format(time.RFC3339))
	})
}

// newestDeletions puts the longest of up to three lists of deletions into the
// data folder: its own, the backup's, and one that is given. The shorter ones
// must be its beginning. Errors: CodeConflict when they are not.
func newestDeletions(g *globals, saved, given string) error {
	target := filepath.Join(g.DataDir, deletionsFile)
	var newest []byte
	for _, path := range []string{saved, given, target} {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) && path != given {
			continue
		}
		if err != nil {
			return backupError(faceproof.CodeUnavailable, "a list of deletions cannot be read", err)
		}
		if !bytes.HasPrefix(b, newest) && !bytes.HasPrefix(newest, b) {
			return faceproof.Errorf(faceproof.CodeConflict, "--deletions", "%s and the other list of deletions are not of one database", path)
		}
		if len(b) > len(newest) {
			newest = b
		}
	}
	if len(newest) == 0 {
		return nil
	}
	temp := target + ".new"
	_ = os.Remove(temp)
	if err := copyIn(temp, bytes.NewReader(newest)); err != nil {
		return backupError(faceproof.CodeUnavailable, "the list of deletions cannot be put back", err)
	}
	return os.Rename(temp, target)
}

// inside says whether a folder is another one or in it; "" is in none.
func inside(dir, of string) bool {
	a, errA := filepath.Abs(dir)
	b, errB := filepath.Abs(of)
	rel, err := filepath.Rel(b, a)
	return dir != "" && of != "" && errors.Join(errA, errB, err) == nil && filepath.IsLocal(rel)
}

// emptyFolder makes the folder, 0700, or finds that it holds nothing but what
// may be there. Errors: CodeConflict.
func emptyFolder(dir string, may []string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return backupError(faceproof.CodeUnavailable, "the folder cannot be made", err)
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		return backupError(faceproof.CodeUnavailable, "the folder cannot be read", err)
	}
	allowed := map[string]bool{}
	for _, name := range may {
		allowed[name] = true
	}
	for _, e := range found {
		if !allowed[e.Name()] {
			return faceproof.Errorf(faceproof.CodeConflict, "backup", "%s is not empty: it has %s", dir, e.Name())
		}
	}
	return nil
}

// copyBlobs copies the sealed files. One that goes away meanwhile was deleted.
func copyBlobs(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() || e.Name()[0] == '.' { // not complete
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyIfThere(path, filepath.Join(to, rel))
	})
}

func copyIfThere(from, to string) error {
	err := copyFile(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
