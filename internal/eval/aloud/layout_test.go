package aloud

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]Clip{
		"zh/chenwang/7_01.wav":        {Lang: "zh", Voice: "chenwang", Label: "7"},
		"zh/a/y_3.wav":                {Lang: "zh", Voice: "a", Label: "y"},
		"en/fsdd_theo/o_0012.wav":     {Lang: "en", Voice: "fsdd_theo", Label: "o"},
		"zh/wenya/3486790251_01.wav":  {Lang: "zh", Voice: "wenya", Label: "3486790251"},
		"en/x.y-z_1/0o0_9999.wav":     {Lang: "en", Voice: "x.y-z_1", Label: "0o0"},
		"zh/0/" + digits32 + "_1.wav": {Lang: "zh", Voice: "0", Label: digits32},
	} {
		want.Path = name
		if got, err := Parse(name); err != nil || got.Path != want.Path || got.Lang != want.Lang || got.Voice != want.Voice || got.Label != want.Label {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{
		"", "7_01.wav", "zh/7_01.wav", "zh/a/b/7_01.wav", "fr/a/7_01.wav", "ZH/a/7_01.wav", "zh//7_01.wav", "zh/../7_01.wav", "zh/Anna/7_01.wav",
		"zh/a/7.wav", "zh/a/_01.wav", "zh/a/7_.wav", "zh/a/7_01.mp3", "zh/a/7_01.WAV", "zh/a/7_00001.wav", "zh/a/x_01.wav", "zh/a/7 1_01.wav",
		"zh/a/o_01.wav", "en/a/y_01.wav", "zh/a/七_01.wav", "zh/a/7_01.wav\n", "zh/a/" + digits32 + "1_1.wav", "zh/" + strings.Repeat("a", 65) + "/7_01.wav",
	} {
		if c, err := Parse(name); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
	if c, _ := Parse("zh/a/y1y_01.wav"); c.Expect() != "111" {
		t.Errorf("y1y is %s", c.Expect())
	}
	if c, _ := Parse("en/a/o0_01.wav"); c.Expect() != "00" {
		t.Errorf("o0 is %s", c.Expect())
	}
}

const digits32 = "01234567890123456789012345678901"

func FuzzParse(f *testing.F) {
	f.Add("zh/chenwang/7_01.wav")
	f.Add("zh/../../etc/passwd")
	f.Fuzz(func(t *testing.T, name string) {
		c, err := Parse(name)
		if err != nil {
			return
		}
		if c.Path != name || strings.Contains(name, "..") && strings.Contains(c.Voice, "/") || strings.Trim(c.Expect(), "0123456789") != "" || c.Label == "" {
			t.Errorf("%q: %+v", name, c)
		}
	})
}

// wav is a file of the layout.
func wav(samples []int16) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00")
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = append(b, 2, 0, 16, 0)
	b = binary.LittleEndian.AppendUint32(append(b, "data"...), uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	sound := wav(make([]int16, rate/10))
	for _, name := range []string{"en/b/1_01.wav", "zh/a/7_02.wav", "zh/a/7_01.wav"} {
		put(t, dir, name, sound)
	}
	for _, name := range []string{"manifest.json", "SOURCE.md", "zh/notes.txt", ".git/x_1.wav", "zh/a/.DS_Store"} {
		put(t, dir, name, []byte("x"))
	}
	clips, digest, err := Load(dir, nil)
	if err != nil || len(clips) != 3 || clips[0].Path != "zh/a/7_01.wav" || clips[2].Lang != "en" || len(clips[0].Sound) != rate/10 || len(digest) != 64 {
		t.Fatalf("%d clips, %q, %v", len(clips), digest, err)
	}
	clips, other, err := Load(dir, []string{"b"})
	if err != nil || len(clips) != 1 || other == digest {
		t.Errorf("one voice: %d, %v", len(clips), err)
	}
	if _, _, err := Load(dir, []string{"nobody"}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("an unknown voice: %v", err)
	}
	for _, name := range []string{"zh/a/7_01.mp3", "zh/a/note.txt", "7_01.wav", "zh/a/b/7_01.wav", "fr/a/7_01.wav"} {
		put(t, dir, name, sound)
		if _, _, err := Load(dir, nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "fr")); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "zh/a/7_03.wav", []byte("RIFF, but no sound"))
	if _, _, err := Load(dir, nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "7_03.wav") {
		t.Errorf("a broken file: %v", err)
	}
	if _, _, err := Load(t.TempDir(), nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("an empty folder: %v", err)
	}
	if _, _, err := Load(filepath.Join(dir, "none"), nil); err == nil {
		t.Error("no folder, no error")
	}
}

// Every hostile file of the shared data, given as a digit among good ones: an
// error that names it, or sound. All of raw PCM is no WAV.
func TestLoadHostile(t *testing.T) {
	shared := os.Getenv("FACEPROOF_SHARED")
	if shared == "" {
		t.Skip("FACEPROOF_SHARED is not set")
	}
	files, err := filepath.Glob(filepath.Join(shared, "data", "09-hostile", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("no hostile files")
	}
	dir := t.TempDir()
	put(t, dir, "zh/a/7_01.wav", wav(make([]int16, rate/10)))
	hostile := map[string][]byte{"raw PCM": make([]byte, 2*rate), "nothing": nil, "half a header": wav(nil)[:20], "ten minutes": wav(make([]int16, 600*rate))}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		hostile[filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)] = data
	}
	good := 0
	for name, data := range hostile {
		put(t, dir, "en/b/3_01.wav", data)
		clips, _, err := Load(dir, nil)
		if err == nil && len(clips) == 2 && len(clips[1].Sound) > 0 {
			good++
			continue
		}
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "en/b/3_01.wav") || clips != nil {
			t.Errorf("%s: %d clips, %v", name, len(clips), err)
		}
	}
	if good != 2 {
		t.Errorf("%d of %d were heard, want 2", good, len(hostile))
	}
}

func TestLoadOther(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "top.wav", wav(make([]int16, 400)))
	put(t, dir, "news/deep/a.WAV", wav(make([]int16, 400)))
	put(t, dir, "news/readme.txt", []byte("x"))
	o, err := LoadOther(dir)
	if err != nil || len(o) != 2 || o[0].Kind != "news" || o[1].Kind != "speech" {
		t.Errorf("%+v, %v", o, err)
	}
	if _, err := LoadOther(t.TempDir()); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestTrainedVoices(t *testing.T) {
	if v := TrainedVoices([]byte(`{"model": "m", "data": {"train": ["ann", "bo"], "evaluate": ["cy"]}}`)); len(v) != 2 || v[1] != "bo" {
		t.Errorf("%v", v)
	}
	for _, c := range []string{"", "{}", `{"data": 1}`} {
		if v := TrainedVoices([]byte(c)); len(v) > 0 {
			t.Errorf("%q: %v", c, v)
		}
	}
}
