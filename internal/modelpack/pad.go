package modelpack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"faceproof"
)

// readyFile is the network as somebody else converted it.
func (m *manifestModel) readyFile() pinned {
	return pinned{name: m.Ready.File, sha256: m.Ready.SHA256, bytes: m.Ready.Bytes}
}

// lacks says whether the folder has no file of that digest, damaged or not.
func (f folder) lacks(p pinned) bool {
	_, err := os.Stat(f.file(p.sha256))
	return errors.Is(err, fs.ErrNotExist)
}

// pad gives the networks of RolePAD, converted; nil when the pack has none or one
// of them is not there. Errors: CodeInvalid, naming the file, for a damaged one.
func (f folder) pad(m *manifest) ([]Model, error) {
	var all []Model
	for _, v := range m.Models {
		if v.Role != RolePAD {
			continue
		}
		model, err := f.padModel(v)
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, model)
	}
	return all, nil
}

// padModel reads the published file, or where that is not there the ready one.
func (f folder) padModel(v manifestModel) (Model, error) {
	model := v.model(f.file)
	p := v.pinned()
	if v.Ready != nil && f.lacks(p) {
		p = v.readyFile()
		model.Name, model.File, model.SHA256, model.Bytes = p.name, f.file(p.sha256), p.sha256, p.bytes
		return model, f.verify(p)
	}
	pth, err := readPinned(f.file(p.sha256), p)
	if errors.Is(err, fs.ErrNotExist) {
		return Model{}, faceproof.Errorf(faceproof.CodeNotFound, p.name, "is not installed")
	}
	if err != nil {
		return Model{}, err
	}
	if model.Data, err = fromStateDict[v.Kind](pth); err != nil {
		return Model{}, fmt.Errorf("%s: %w", p.name, err)
	}
	model.File = ""
	return model, nil
}

// pad installs the networks of RolePAD. One that cannot be had is no error: the
// pack works without, and the progress says so. One that is not as pinned is.
func (in *installer) pad(ctx context.Context, m *manifest) error {
	for _, v := range m.Models {
		if v.Role != RolePAD {
			continue
		}
		err := in.padFile(ctx, v)
		if err == nil {
			if _, err = in.to.padModel(v); err != nil { // as pinned, and yet no network: keep nothing that stops the next start
				_ = os.Remove(in.to.file(v.SHA256))
			}
		}
		if faceproof.ErrorCode(err) == faceproof.CodeUnavailable && ctx.Err() == nil {
			in.say("%v", err)
			in.say("passive presentation attack detection is left out: liveness rests on the light, the digits and the lips alone")
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// padFile takes the published file or the ready one from the mirror, or else the
// published one from its pinned address.
func (in *installer) padFile(ctx context.Context, v manifestModel) error {
	files := []pinned{v.pinned()}
	if v.Ready != nil {
		files = append(files, v.readyFile())
	}
	for _, p := range files {
		if in.to.lacks(p) {
			continue
		}
		if !in.missing(p) {
			return nil
		}
		if err := os.Remove(in.to.file(p.sha256)); err != nil {
			return fmt.Errorf("modelpack: %w", err)
		}
	}
	if in.mirror != (mirror{}) {
		for _, p := range files {
			err := in.fetch(ctx, p, "")
			if faceproof.ErrorCode(err) != faceproof.CodeUnavailable || ctx.Err() != nil {
				return err
			}
		}
	}
	direct := *in
	direct.mirror = mirror{}
	return direct.fetch(ctx, v.pinned(), v.URL)
}
