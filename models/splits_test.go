package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func decode(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A voice is either trained on or judged by, in every fold and in what ships;
// and what ships was trained on nothing whose licence does not say that it may be.
func TestNoVoiceCrosses(t *testing.T) {
	var splits struct {
		Train, Evaluate []string
		Folds           map[string][]string
	}
	decode(t, "train/digits/splits.json", &splits)
	var sources struct {
		Recordings map[string]struct {
			Licence, Use    string
			Clips, Packaged int
		}
		Speech map[string]struct{ Package, Author, Licence, Use string }
	}
	decode(t, "train/digits/sources.json", &sources)
	seen := map[string]bool{}
	for use, voices := range map[string][]string{"train": splits.Train, "evaluate": splits.Evaluate} {
		for _, v := range voices {
			if seen[v] {
				t.Errorf("%s is listed twice", v)
			}
			seen[v] = true
			if s := sources.Recordings[v]; s.Use != use || s.Licence == "" || use == "train" && s.Licence == "none stated" {
				t.Errorf("%s: used to %s, its source says %+v", v, use, s)
			}
		}
	}
	for v := range sources.Recordings {
		if !seen[v] {
			t.Errorf("%s has no split", v)
		}
	}
	for v, s := range sources.Recordings {
		if (s.Clips == 0) == (s.Packaged == 0) {
			t.Errorf("%s is to come from the recordings or from a package, its source says %+v", v, s)
		}
	}
	for v, s := range sources.Speech {
		if seen[v] || s.Package == "" || s.Author == "" || s.Licence == "" || s.Licence == "none stated" || s.Use != "train" && s.Use != "evaluate" {
			t.Errorf("speech of %s: %+v", v, s)
		}
	}
	held := map[string]bool{}
	for name, voices := range splits.Folds {
		for _, v := range voices {
			if !slices.Contains(splits.Train, v) || held[v] {
				t.Errorf("fold %s: %s is not trained on elsewhere, or held out twice", name, v)
			}
			held[v] = true
		}
	}
	if len(held) != len(splits.Train) {
		t.Errorf("the folds hold out %d of %d voices", len(held), len(splits.Train))
	}

	var shipped struct {
		SHA256 string
		Data   struct{ Train, Evaluate []string }
	}
	decode(t, "digits/digits.json", &shipped)
	if !slices.Equal(shipped.Data.Train, splits.Train) || !slices.Equal(shipped.Data.Evaluate, splits.Evaluate) {
		t.Error("digits.json names other voices than splits.json")
	}
	network, err := os.ReadFile("digits/digits.onnx")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(network); hex.EncodeToString(sum[:]) != shipped.SHA256 {
		t.Error("digits.json is of another digits.onnx")
	}

	shared := os.Getenv("FACEPROOF_SHARED")
	if shared == "" {
		return
	}
	path := filepath.Join(shared, "data", "14-digits", "manifest.json")
	if _, err := os.Stat(path); err != nil {
		t.Skip("the recordings are not here")
	}
	var manifest struct{ Items []struct{ Speaker string } }
	decode(t, path, &manifest)
	clips := map[string]int{}
	for _, item := range manifest.Items {
		clips[item.Speaker]++
	}
	for v, n := range clips {
		if sources.Recordings[v].Clips != n {
			t.Errorf("%s: %d recordings, %d in sources.json", v, n, sources.Recordings[v].Clips)
		}
	}
}
