package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// An invented person: area 990000 does not exist, the check character is right.
var person = CertInfo{"IDENTITY_CARD", "古丽·测试", "99000019900307003X"}

// world is a running server with one app that came in by the front door.
var world struct {
	URL, AppID, Secret string
	why                string // it is not there
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "faceproof-clients-")
	if err != nil {
		panic(err)
	}
	stop := start(dir)
	code := m.Run()
	stop()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// need skips a test where there is no server; with CI=true that is a failure.
func need(t *testing.T) {
	t.Helper()
	if world.why == "" {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(world.why)
	}
	t.Skip(world.why)
}

func env(name, otherwise string) string {
	if s := os.Getenv(name); s != "" {
		return s
	}
	return otherwise
}

var said = regexp.MustCompile(`http://localhost:\d+`)

// start runs the binary on a fresh data folder that shares the installed
// models, and lets an app in over the admin API.
func start(dir string) (stop func()) {
	stop = func() {}
	bin, err := filepath.Abs(env("FACEPROOF_BIN", "../../bin/faceproof"))
	if err == nil {
		_, err = os.Stat(bin)
	}
	if err != nil {
		world.why = "no binary: run make build"
		return stop
	}
	models, err := filepath.Abs(filepath.Join(env("FACEPROOF_DATA", "../../data"), "models"))
	if err == nil {
		_, err = os.Stat(filepath.Join(models, "active"))
	}
	if err != nil {
		world.why = "no models: run make models"
		return stop
	}
	if err := os.Symlink(models, filepath.Join(dir, "models")); err != nil {
		panic(err)
	}
	cmd := exec.Command(bin, "--data", dir, "serve", "--addr", "localhost:0")
	cmd.Env = append(os.Environ(), "PORT=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}
	up := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if u := said.FindString(lines.Text()); u != "" {
				up <- u
			}
		}
		close(up)
	}()
	select {
	case world.URL = <-up:
	case <-time.After(30 * time.Second):
	}
	if world.URL == "" {
		stop()
		panic("the server did not come up:\n" + log.String())
	}
	letIn(dir)
	return stop
}

// letIn applies, approves and switches on, as docs/onboarding.md says.
func letIn(dir string) {
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err != nil {
		panic(err)
	}
	admin := func(path string, body any) map[string]any {
		data, _ := json.Marshal(body)
		r, _ := http.NewRequest(http.MethodPost, world.URL+"/v1/admin/"+path, bytes.NewReader(data))
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		var m map[string]any
		if b, _ := io.ReadAll(resp.Body); json.Unmarshal(b, &m) != nil || resp.StatusCode >= 300 {
			panic(fmt.Sprint(path, ": ", resp.StatusCode, " ", string(b)))
		}
		return m
	}
	interfaces := []string{"checkIsSupportFacialRecognition", "startFacialRecognitionVerify", "requestFacialVerify", "getuseridkey", "getinfo", "getverifyid", "queryverifyinfo"}
	a := admin("applications", map[string]any{"name": "迁移测试", "handler": "h", "contact": "c", "purpose": "p", "necessity": "n", "alternative": "a",
		"retention_days": 1, "category": "other", "daily_volume": 1, "peak": 1, "interfaces": interfaces, "origins": []string{world.URL}})
	one := "applications/" + a["id"].(string)
	admin(one+"/submit", map[string]any{})
	a = admin(one+"/review", map[string]any{"decision": "approve"})
	world.AppID, world.Secret = a["app_id"].(string), a["app_secret"].(string)
	admin("apps/"+world.AppID+"/switch", map[string]any{"permissions": interfaces, "on": true})
}
