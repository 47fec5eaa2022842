package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"faceproof/internal/acceptance"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/piitest"
)

const canarySeed = 1033

// process is a server in a process of its own, and a page that talks to it.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	out     *output
	url     string
	front   bytes.Buffer
	metrics string // address of GET /metrics
	from    string // the address that the next ones ask from, each person's own
}

// startProcess runs this very binary as `faceproof serve`, at its most talkative,
// with a folder of its own for temporary files.
func startProcess(t *testing.T, dir, tmp string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, out: &output{}, metrics: free.Addr().String()}
	_ = free.Close()
	p.cmd = &exec.Cmd{Path: self, Args: []string{"faceproof", "--data", dir, "serve", "--demo", "--verbose", "--addr", "localhost:0", "--metrics-listen", p.metrics},
		Env: append(os.Environ(), "TMPDIR="+tmp, "GOTRACEBACK=all"), Stdout: p.out, Stderr: p.out}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	for range 1200 {
		if p.url = demoURL.FindString(p.out.String()); p.url != "" {
			return p
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("serve did not come up:\n%s", p.out)
	return nil
}

// post asks, keeps the answer as a page's, and decodes it.
func (p *process) post(path string, body any, into any, token string) int {
	p.t.Helper()
	b, ok := body.([]byte)
	if !ok {
		b, _ = json.Marshal(body)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), "POST", p.url+path, bytes.NewReader(b))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Forwarded-For", p.from)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	p.front.Write(append(answer, '\n'))
	fmt.Fprintln(&p.front, resp.Header)
	if into != nil {
		_ = json.Unmarshal(answer, into)
	}
	return resp.StatusCode
}

// session goes through enrolment, if that is asked for, the page's configuration and a session up to the
// preview, and asks what a clumsy business asks. It gives the session's secrets.
func (p *process) session(name, number string, photo []byte, enrol bool) []piitest.Canary {
	p.t.Helper()
	frames := make([]string, 5)
	for i := range frames {
		frames[i] = base64.StdEncoding.EncodeToString(photo)
	}
	if enrol {
		if code := p.post("/demo/api/register", map[string]any{"name": name, "idCardNumber": number, "frames": frames}, nil, ""); code != 200 {
			p.t.Fatalf("register: %d %s", code, p.front.Bytes())
		}
	}
	var config map[string]any
	var page struct {
		Token string `json:"page_token"`
	}
	p.post("/demo/api/config", map[string]any{"url": p.url + "/demo/"}, &config, "")
	p.post("/v1/sdk/config", map[string]any{"appId": config["appId"], "timestamp": config["timestamp"], "nonceStr": config["nonceStr"],
		"signature": config["signature"], "url": p.url + "/demo/", "jsApiList": config["jsApiList"]}, &page, "")
	var s struct {
		ID     string `json:"session_id"`
		Token  string `json:"capture_token"`
		Notice string `json:"notice_hash"`
	}
	ask := map[string]any{"api": "startFacialRecognitionVerify", "name": name, "id_card_number": number, "check_alive_type": 2}
	if code := p.post("/v1/sdk/sessions", ask, &s, page.Token); code != 200 || s.Token == "" {
		p.t.Fatalf("sessions: %d", code)
	}
	ask["id_card_number"] = number[:17]
	p.post("/v1/sdk/sessions", ask, nil, page.Token)                                   // a number too short
	p.post("/v1/sdk/sessions", []byte(`{"name":"`+name+`","id_card`), nil, page.Token) // half a body
	p.post("/demo/api/verifyid", map[string]any{"name": name, "idCardNumber": number, "x": name}, nil, "")
	p.post("/nowhere/"+url.PathEscape(name)+"?id="+number, nil, nil, number)
	p.post("/cityservice/face/identify/getinfo?access_token="+number, map[string]any{"verify_result": name}, nil, "")
	p.preview(s.ID, s.Token, s.Notice, name, photo)
	return []piitest.Canary{{What: "capture token", Value: s.Token}, {What: "page token", Value: page.Token}}
}

// preview opens the capture, shows a picture, and breaks the protocol with the name.
func (p *process) preview(id, token, notice, name string, photo []byte) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(p.url, "http", "ws", 1)+"/v1/capture", &websocket.DialOptions{
		Subprotocols: []string{capture.Subprotocol}, HTTPHeader: http.Header{"X-Forwarded-For": {p.from}}})
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	say := func(v any) {
		b, _ := json.Marshal(v)
		_ = conn.Write(ctx, websocket.MessageText, b)
	}
	say(map[string]any{"type": "hello", "v": 1, "session_id": id, "capture_token": token, "sdk": "test 1", "lang": "zh",
		"consent": map[string]any{"notice": notice, "separate": true, "transfer": true},
		"camera":  map[string]any{"width": 640, "height": 480, "fps": 30}, "screen": map[string]any{"width": 390, "height": 844, "dpr": 3}})
	say(map[string]any{"type": "ready", "attempt": 1})
	_ = conn.Write(ctx, websocket.MessageBinary, capture.AppendFrame(nil, capture.Frame{Attempt: 1, T: 1000, Preview: true, JPEG: photo}))
	guided := false
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			break
		}
		p.front.Write(append(data, '\n'))
		if bytes.Contains(data, []byte(`"guide"`)) && !guided {
			guided = true
			say(map[string]any{"type": name})
		}
	}
	if !guided {
		p.t.Error("the picture was not looked at")
	}
}

// onePerson cuts the largest face out of a demonstration photo, with what is around
// it, as a webcam would see it.
func onePerson(t *testing.T) []byte {
	t.Helper()
	e := facetest.Open(t, "")
	for _, name := range []string{"sample1.jpg", "sample2.jpg", "sample3.jpg", "sample4.jpg", "sample5.jpg", "sample6.jpg"} {
		data, err := os.ReadFile(facetest.Demo(t, name))
		if err != nil {
			t.Fatal(err)
		}
		m, err := imaging.Decode(data, imaging.PhotoLimits)
		if err != nil {
			t.Fatal(err)
		}
		faces, err := e.Detect(t.Context(), m)
		if err != nil || len(faces) == 0 {
			continue
		}
		whole, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		b := faces[0].Box
		cut := image.Rect(int(b.X-.6*b.W), int(b.Y-.7*b.H), int(b.X+1.6*b.W), int(b.Y+1.9*b.H)).Intersect(whole.Bounds())
		var out bytes.Buffer
		if err := jpeg.Encode(&out, whole.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(cut), &jpeg.Options{Quality: 92}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Enrol(t.Context(), [][]byte{out.Bytes()}); err == nil {
			return out.Bytes()
		}
	}
	t.Fatal("no demonstration photo shows one person well enough")
	return nil
}

// security.md T33, in the real process with the real networks: nobody is in what it
// logs, prints or measures, in what a page is told, in a file of the data folder or a
// temporary one, nor in the stacks that it leaves when it is made to crash.
// FACEPROOF_MEASURE=1: 200 sessions.
func TestProcessKeepsCanaries(t *testing.T) {
	n := 2
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 200
	}
	photo := onePerson(t)
	dir, tmp := installedModels(t), t.TempDir()
	p := startProcess(t, dir, tmp)
	r := rand.New(rand.NewPCG(canarySeed, 1))
	var people, secrets []piitest.Canary
	for i := range n {
		name, number := piitest.Invent(r)
		p.from = fmt.Sprintf("198.51.%d.%d", i/250, 1+i%250)
		people = append(people, piitest.Canary{What: "name", Value: name}, piitest.Canary{What: "number", Value: number})
		secrets = append(secrets, p.session(name, number, photo, i%10 == 0)...)
	}
	people = append(people, piitest.Canary{What: "picture", Value: string(photo[len(photo)/2 : len(photo)/2+48])})
	resp, err := http.Get("http://" + p.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !bytes.Contains(metrics, []byte("faceproof_")) {
		t.Fatalf("no metrics: %v %.200s", err, metrics)
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // Go's own crash: every stack
	_ = p.cmd.Wait()
	if !strings.Contains(p.out.String(), "goroutine 1 ") || !strings.Contains(p.out.String(), "/v1/sdk/sessions") {
		t.Fatalf("no log or no stacks:\n%.2000s", p.out.String())
	}
	all := piitest.NewScanner(append(people, secrets...))
	hits := all.Scan("the output", []byte(p.out.String()))
	hits = append(hits, all.Scan("the metrics", metrics)...)
	for _, folder := range []string{dir, tmp} {
		found, err := all.ScanTree(folder)
		if err != nil {
			t.Fatal(err)
		}
		hits = append(hits, found...)
	}
	hits = append(hits, piitest.NewScanner(people[:2*n]).Scan("an answer to a page", p.front.Bytes())...)
	for _, h := range hits {
		t.Error(h)
	}
	if db, _ := filepath.Glob(filepath.Join(dir, "*.db")); len(db) == 0 || all.Bytes < 100_000 {
		t.Errorf("%v: %d bytes were looked at", db, all.Bytes)
	}
	result := fmt.Sprintf("%d sessions of a process of its own with the real networks, %d canaries in 8 encodings, %.1f MB: log, output, metrics, crash stacks, answers to pages, data folder, temporary files: %d found; there are no traces",
		n, len(people)+len(secrets), float64(all.Bytes+int64(p.front.Len()))/1e6, len(hits))
	t.Log(result)
	acceptance.Record(t, acceptance.Row{Area: "PII in logs", Seed: canarySeed, N: n, Failures: len(hits), Result: result})
}
