package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/server"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
)

// demoFile keeps the demo app's AppID and secret, in the data folder.
const demoFile = "demo.json"

// demoSecret is what demoFile holds.
type demoSecret struct {
	AppID     faceproof.AppID `json:"app_id"`
	AppSecret string          `json:"app_secret"`
}

// demoApp is the app behind the demo's page. It has every permission that
// hands out no face image. The SDK shows each reader their half of "中文 · English".
func demoApp() faceproof.App {
	return faceproof.App{
		Name: "Faceproof 演示 · Faceproof demo",
		Notice: faceproof.Notice{
			Handler:       "本演示的运行者 · whoever runs this demo",
			Contact:       "请直接联系本演示的运行者 · ask the person who runs this demo",
			Purpose:       "体验人脸核身 · trying out face verification",
			Necessity:     "需要一段面部视频，才能确认屏幕前是您本人而不是您的照片；画面只在服务器内存中处理，得出结果后立即删除。拒绝不影响任何服务 · A short video of your face is needed to tell you from a photo of you. The pictures stay in the server's memory and are deleted with the verdict. Saying no costs you nothing",
			RetentionDays: 1,
			Alternative:   "关闭本页即可，本演示不要求使用人脸 · close this page: nothing here needs your face",
		},
		Permissions: faceproof.DefaultPermissions(),
		Alive:       faceproof.AliveAuto,
	}
}

// openDemo finds the demo's app, or makes it on the first start.
func openDemo(ctx context.Context, g *globals, b *backend) (*server.Demo, error) {
	path := filepath.Join(g.DataDir, demoFile)
	d := &server.Demo{Registrar: b.registry, Sign: wechat.Signature, CertHash: verify.CertHash}
	secret, err := readDemo(path)
	if err != nil {
		return nil, err
	}
	if secret.AppID != "" {
		app, hash, err := b.store.App(ctx, secret.AppID)
		if err == nil && !app.Revoked && slices.Equal(hash, keys.HashToken(secret.AppSecret)) {
			d.AppID, d.Secret = app.ID, faceproof.NewToken(secret.AppSecret)
			return d, nil
		}
		if err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			return nil, err
		}
		// The database is another one, or the app was revoked: make it anew.
	}
	app := demoApp()
	d.Secret = newApp(&app)
	d.AppID = app.ID
	if err := b.store.CreateApp(ctx, app, keys.HashToken(d.Secret.Reveal())); err != nil {
		return nil, err
	}
	return d, writeDemo(path, demoSecret{d.AppID, d.Secret.Reveal()})
}

// readDemo gives what the file holds; nothing when it is absent or damaged.
func readDemo(path string) (s demoSecret, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: demoFile, Message: "cannot be read: " + err.Error(), Err: err}
	}
	if json.Unmarshal(data, &s) != nil || !s.AppID.Valid() {
		return demoSecret{}, nil
	}
	return s, nil
}

// writeDemo keeps the secret for the owner of the folder alone.
func writeDemo(path string, s demoSecret) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("the demo's secret cannot be kept: %w", err)
	}
	return os.Rename(tmp, path)
}
