//go:build failpoint

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// faultsFull says whether to run everything: make faults.
var faultsFull = os.Getenv("FACEPROOF_FAULTS") == "full"

// faultBox is a server in a process of its own, to be killed.
type faultBox struct {
	t       testing.TB
	dir     string
	cmd     *exec.Cmd
	log     *output
	url     string
	readyIn time.Duration // from its start to the first good answer of /healthz

	appID, secret, token string
	client               *http.Client
}

// startFault starts the server on dir. With FACEPROOF_FAULTS_BINARY it is that
// file, built with the tag failpoint; else this test binary, which is the same
// program.
func startFault(t testing.TB, dir, failpoints string, flags ...string) *faultBox {
	t.Helper()
	binary := os.Getenv("FACEPROOF_FAULTS_BINARY")
	if binary == "" {
		binary = "faceproof" // testscript.Main puts it on the path
	}
	b := &faultBox{t: t, dir: dir, log: &output{most: 64 << 20}, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 256}}}
	b.cmd = exec.Command(binary, append([]string{"--data", dir, "faultserver"}, flags...)...)
	b.cmd.Env = append(os.Environ(), "FACEPROOF_FAILPOINTS="+failpoints)
	b.cmd.Stderr = b.log
	pipe, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.kill() })
	line, err := bufio.NewReader(pipe).ReadBytes('\n')
	var said struct {
		URL    string `json:"url"`
		AppID  string `json:"app_id"`
		Secret string `json:"secret"`
	}
	if err != nil || json.Unmarshal(line, &said) != nil {
		b.kill()
		if failpoints != "" {
			return b // it died on the way up
		}
		t.Fatalf("the server did not come up: %v %s\n%s", err, line, b.log)
	}
	b.url, b.appID, b.secret = said.URL, said.AppID, said.Secret
	for {
		if status, _, err := b.ask("GET", "/healthz", nil); err == nil && status == 200 {
			break
		}
		if time.Since(began) > 60*time.Second {
			t.Fatalf("the server does not answer\n%s", b.log)
		}
		time.Sleep(2 * time.Millisecond)
	}
	b.readyIn = time.Since(began)
	_, body, err := b.ask("GET", "/cgi-bin/token?grant_type=client_credential&appid="+b.appID+"&secret="+b.secret, nil)
	if err == nil {
		b.token, _ = body["access_token"].(string)
	}
	return b
}

// end sends a signal and waits for the process; it gives the exit code, -1
// when a signal ended it.
func (b *faultBox) end(s syscall.Signal) int {
	_ = b.cmd.Process.Signal(s)
	_ = b.cmd.Wait()
	b.client.CloseIdleConnections()
	return b.cmd.ProcessState.ExitCode()
}

func (b *faultBox) kill() { b.end(syscall.SIGKILL) }

// ask sends a request and decodes the answer. An error says nothing about
// whether it was done.
func (b *faultBox) ask(method, path string, body any, header ...string) (int, map[string]any, error) {
	var in io.Reader
	if body != nil {
		j, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(j)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, b.url+path, in)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	var m map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, m, nil
}

// verify plays a session.
func (b *faultBox) verify() (session, credential string, ok bool) {
	_, m, err := b.ask("POST", "/fault/verify", nil)
	if err != nil {
		return "", "", false
	}
	session, _ = m["session"].(string)
	credential, _ = m["verify_result"].(string)
	return session, credential, m["outcome"] == "pass" && credential != ""
}

// redeem uses a credential; ok: the answer says that the person passed.
func (b *faultBox) redeem(credential, seq string, header ...string) (m map[string]any, ok bool) {
	body := map[string]string{"verify_result": credential}
	if seq != "" {
		body["out_seq_no"] = seq
	}
	_, m, err := b.ask("POST", "/cityservice/face/identify/getinfo?access_token="+b.token, body, header...)
	return m, err == nil && m["errcode"] == 0.0 && m["identify_ret"] == 0.0
}

// order creates a 2.0 verification.
func (b *faultBox) order(seq string) (verifyID string, ok bool) {
	_, m, err := b.ask("POST", "/cityservice/face/identify/getverifyid?access_token="+b.token, map[string]any{"out_seq_no": seq, "openid": "user-1",
		"cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": faultName, "cert_no": faultNumber}})
	verifyID, _ = m["verify_id"].(string)
	return verifyID, err == nil && m["errcode"] == 0.0 && verifyID != ""
}

// ledger is what clients were told. A redemption that was asked for and not
// answered is in doubt: it may or may not have been done.
type ledger struct {
	mu          sync.Mutex
	next        int
	orders      map[string]string // out_seq_no → verify_id
	passes      map[string]string // session → credential
	redeemed    map[string]string // session → out_seq_no, answered
	doubt       map[string]string // session → out_seq_no, asked
	wrong       []string          // what a client saw that must not be
	acknowledge int
	refused     int
}

func newLedger() *ledger {
	return &ledger{orders: map[string]string{}, passes: map[string]string{}, redeemed: map[string]string{}, doubt: map[string]string{}}
}

func (l *ledger) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *ledger) seq() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	return fmt.Sprintf("order-%d", l.next)
}

// load works on the server with n clients until ctx ends or it is gone.
func (l *ledger) load(ctx context.Context, b *faultBox, n int) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				ok := false
				if i%2 == 0 {
					ok = l.session(ctx, b)
				} else {
					ok = l.create(b)
				}
				if !ok {
					l.note(func() { l.refused++ })
					time.Sleep(2 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
}

// session verifies a person and redeems the result.
func (l *ledger) session(ctx context.Context, b *faultBox) bool {
	id, credential, ok := b.verify()
	if !ok {
		return false
	}
	seq := l.seq()
	l.note(func() { l.passes[id] = credential; l.doubt[id] = seq; l.acknowledge++ })
	if ctx.Err() != nil {
		return true
	}
	if _, ok = b.redeem(credential, seq); ok {
		l.note(func() { delete(l.doubt, id); l.redeemed[id] = seq; l.acknowledge++ })
	}
	return ok
}

// create makes a 2.0 order, and asks again: the answer is the same.
func (l *ledger) create(b *faultBox) bool {
	seq := l.seq()
	id, ok := b.order(seq)
	if !ok {
		return false
	}
	l.note(func() { l.orders[seq] = id; l.acknowledge++ })
	if again, ok := b.order(seq); ok && again != id {
		l.note(func() { l.wrong = append(l.wrong, "doubled: order "+seq+" has two verify_ids") })
	}
	return true
}

// settle asks a healthy server about what is in doubt: under its number each
// redemption works now, and no second one does.
func (l *ledger) settle(b *faultBox) {
	for id, seq := range l.doubt {
		if _, ok := b.redeem(l.passes[id], seq); !ok {
			l.wrong = append(l.wrong, "lost: the credential of "+id+" cannot be redeemed")
		}
		l.redeemed[id] = seq
		delete(l.doubt, id)
	}
	n := 0
	for id := range l.redeemed {
		if n++; n > 5 {
			break
		}
		if m, ok := b.redeem(l.passes[id], "another-order"); ok {
			l.wrong = append(l.wrong, fmt.Sprint("doubled: ", id, " was redeemed again: ", m["replayed"]))
		}
	}
	for seq, id := range l.orders {
		if again, ok := b.order(seq); !ok || again != id {
			l.wrong = append(l.wrong, "lost or doubled: order "+seq)
		}
		if n++; n > 10 {
			break
		}
	}
}

// found is what is wrong, by kind.
type found struct{ lost, doubled, differs int }

func (f *found) add(wrong []string) {
	for _, w := range wrong {
		switch {
		case strings.HasPrefix(w, "lost"):
			f.lost++
		case strings.HasPrefix(w, "doubled"):
			f.doubled++
		default:
			f.differs++
		}
	}
}

func (f found) total() int { return f.lost + f.doubled + f.differs }

func (f found) String() string {
	return fmt.Sprintf("%d lost, %d doubled, %d states that differ from the audit log", f.lost, f.doubled, f.differs)
}
