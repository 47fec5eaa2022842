package modelpack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

// padWorld is a world whose pack has a network of RolePAD, as a state dict that
// no mirror has and as a ready file that one has.
func padWorld(t *testing.T) (*world, manifestModel, []byte) {
	t.Helper()
	w := newWorld(t)
	ready := []byte("a ready network")
	net := manifestModel{ID: "pad", Role: RolePAD, Kind: KindMiniFASNetV2, File: "pad.pth", SHA256: strings.Repeat("0", 64), Bytes: 5,
		Licence: "MIT", Source: "a test", Origin: "a test", URL: refused(t) + "/pad.pth", Context: 2.7,
		Ready: &manifestReady{File: "pad.onnx", SHA256: digest(ready), Bytes: int64(len(ready))},
		Input: manifestInput{Width: 2, Height: 2, Color: "bgr", Std: [3]float32{1, 1, 1}}}
	w.manifest.Models = append(w.manifest.Models, net)
	if err := w.manifest.check(); err != nil {
		t.Fatal(err)
	}
	return w, net, ready
}

// A pack without its networks of RolePAD is installed, loads, and says so.
func TestPADIsOptional(t *testing.T) {
	w, net, ready := padWorld(t)
	p, err := w.install(t, w.mirror)
	if err != nil || p.PAD != nil || len(p.Models) != 3 {
		t.Fatalf("%+v, %v", p, err)
	}
	if log := w.progress.String(); !strings.Contains(log, "pad.pth") || !strings.Contains(log, "is left out") {
		t.Errorf("not told: %s", log)
	}

	// The mirror gets the ready file: the next installation takes it.
	write(t, filepath.Join(w.mirror, "pad.onnx"), ready)
	if p, err = w.install(t, w.mirror); err != nil || len(p.PAD) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	m := p.PAD[0]
	if b, err := os.ReadFile(m.File); err != nil || digest(b) != m.SHA256 || m.Context != 2.7 || m.Name != "pad.onnx" || m.Data != nil {
		t.Errorf("%+v, %v", m, err)
	}
	// … and the one after that needs no source.
	if p, err = w.install(t, ""); err != nil || len(p.PAD) != 1 {
		t.Errorf("%+v, %v", p, err)
	}

	// A damaged file is refused when it is loaded, and replaced when installed.
	change(t, m.File, damages["a flipped bit"])
	if _, err := w.load(t); !tells(err, "pad.onnx", net.Ready.SHA256) {
		t.Errorf("damaged: %v", err)
	}
	if p, err = w.install(t, w.mirror); err != nil || len(p.PAD) != 1 {
		t.Errorf("not replaced: %+v, %v", p, err)
	}
}

// A published file that is as pinned and no state dict of ours is an error with
// its name; so is one in the mirror that is not as pinned.
func TestPADFromStateDict(t *testing.T) {
	w, _, _ := padWorld(t)
	net := &w.manifest.Models[3]
	net.SHA256, net.Bytes = digest([]byte("a pth")), 5
	write(t, filepath.Join(w.mirror, "pad.pth"), []byte("a pth"))
	if _, err := w.install(t, w.mirror); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "pad.pth") || !strings.Contains(err.Error(), "torch.save") {
		t.Errorf("no state dict: %v", err)
	}
	if !w.installer(t, "").to.lacks(net.pinned()) {
		t.Error("a file that cannot be converted stays, and stops the next start")
	}
	w, _, _ = padWorld(t)
	write(t, filepath.Join(w.mirror, "pad.pth"), []byte("other"))
	if _, err := w.install(t, w.mirror); !tells(err, "pad.pth", strings.Repeat("0", 64)) {
		t.Errorf("not as pinned: %v", err)
	}
}

// The shipped pack: which kinds the networks are, and that the state of a folder
// without them is told and does not make the pack unready.
func TestPADOfTheBinary(t *testing.T) {
	m, err := manifestOf(packStandard)
	if err != nil {
		t.Fatal(err)
	}
	context := map[string]float64{}
	for _, v := range m.Models {
		if v.Role == RolePAD {
			context[v.Kind] = v.Context
			if v.Input.Color != "bgr" || v.Input.Std != [3]float32{1, 1, 1} || v.Input.Mean != [3]float32{} {
				t.Errorf("%s: %+v: red and blue swapped, attacks pass", v.ID, v.Input)
			}
		}
	}
	if len(context) != 2 || context[KindMiniFASNetV2] != 2.7 || context[KindMiniFASNetV1SE] != 4 {
		t.Errorf("networks %v", context)
	}
	all, err := List(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		want := map[string]string{packStandard: "missing", packOffline: "none"}[p.ID]
		if p.PAD != want {
			t.Errorf("%s: pad is %q, want %q", p.ID, p.PAD, want)
		}
	}
}
