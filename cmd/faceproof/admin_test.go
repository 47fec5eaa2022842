package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"faceproof"
)

func TestAdminToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), adminFile)
	var all sync.WaitGroup
	tokens := make([]string, 8)
	for i := range tokens {
		all.Go(func() {
			token, err := adminToken(path)
			if err != nil {
				t.Error(err)
			}
			tokens[i] = token.Reveal()
		})
	}
	all.Wait()
	for _, token := range tokens {
		if token != tokens[0] || len(token) != 43 {
			t.Fatalf("first starts at once disagree: %d characters", len(token))
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".admin-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, c := range []struct {
		name, data string
		mode       os.FileMode
		code       faceproof.Code
	}{
		{"others may read", strings.Repeat("x", 43), 0o640, faceproof.CodeForbidden},
		{"empty", "", 0o600, faceproof.CodeInvalid},
		{"short", "secret\n", 0o600, faceproof.CodeInvalid},
		{"two lines", strings.Repeat("x", 43) + "\n" + strings.Repeat("y", 43), 0o600, faceproof.CodeInvalid},
		{"huge", strings.Repeat("x", 5000), 0o600, faceproof.CodeInvalid},
		{"one's own", strings.Repeat("x", 40) + "\n", 0o600, ""},
	} {
		if err := os.WriteFile(path, []byte(c.data), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := adminToken(path)
		if faceproof.ErrorCode(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && c.data != "" && strings.Contains(err.Error(), strings.TrimSpace(c.data)) {
			t.Errorf("%s: the error shows the token", c.name)
		}
	}
}

// The server says where the token is, not what it is; the token opens the
// admin API, and the second start keeps it.
func TestServeAdmin(t *testing.T) {
	dir := installedModels(t)
	url, out, stop := start(t, dir, serveFlags{addr: "localhost:0"})
	data, err := os.ReadFile(filepath.Join(dir, adminFile))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(data))
	if said := out.String(); !strings.Contains(said, filepath.Join(dir, adminFile)) || strings.Contains(said, token) {
		t.Errorf("said:\n%s", said)
	}
	for auth, want := range map[string]int{token: 200, token + "x": 401} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/admin/applications", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+auth)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d, want %d", resp.StatusCode, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, _, stop = start(t, dir, serveFlags{addr: "localhost:0"}); stop() != nil {
		t.Error("the second start failed")
	}
	if again, _ := os.ReadFile(filepath.Join(dir, adminFile)); string(again) != string(data) {
		t.Error("the second start made another token")
	}
}
