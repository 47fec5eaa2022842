//go:build failpoint

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faceproof/internal/acceptance"
	"faceproof/internal/piitest"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
)

const (
	loadSeed   = 334
	loadTarget = 50 * time.Millisecond // p99 of what a business or a page waits for
	loadSample = 10 * time.Second      // how often memory is looked at
	loadDrift  = .05                   // of the mean, of the means of tenths of the run
)

// person of the load, as the registry knows them.
type loadPerson struct{ name, number string }

// loader drives a server: sessions begin at fixed times, whether or not the earlier ones
// have ended, so that a slow answer does not slow the questions.
type loader struct {
	*faultBox
	page   string // page token
	people []loadPerson

	mu     sync.Mutex
	took   map[string][]time.Duration // by step
	failed map[string]int
	done   int
}

// loadSteps are the calls of a session: those of WeChat's interfaces, and what stands in
// for the capture.
var loadSteps = []string{"create", "redeem", "capture"}

func startLoad(t *testing.T, dir string, people int) *loader {
	t.Helper()
	l := &loader{faultBox: startFault(t, dir, "", "--whole"), took: map[string][]time.Duration{}, failed: map[string]int{}}
	r := rand.New(rand.NewPCG(loadSeed, 0))
	for range people {
		name, number := piitest.Invent(r)
		if status, m, err := l.ask("POST", "/fault/enrol", map[string]string{"name": name, "number": number}); err != nil || status != 200 {
			t.Fatal("not enrolled: ", status, m, err)
		}
		l.people = append(l.people, loadPerson{name, number})
	}
	_, m, err := l.ask("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+l.token, nil)
	ticket, _ := m["ticket"].(string)
	_, m, err2 := l.ask("POST", "/v1/sdk/config", map[string]any{"appId": l.appID, "timestamp": "1", "nonceStr": "n", "url": l.url + "/",
		"signature": wechat.Signature(ticket, "n", "1", l.url+"/"), "jsApiList": []string{"startFacialRecognitionVerify"}})
	if l.page, _ = m["page_token"].(string); l.page == "" {
		t.Fatal("no page token: ", m, err, err2, "\n", l.log)
	}
	return l
}

// step asks, and notes how long the answer took and whether it was the wanted one.
func (l *loader) step(name, path string, body any, ok func(map[string]any) bool, header ...string) (map[string]any, bool) {
	began := time.Now()
	_, m, err := l.ask("POST", path, body, header...)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took[name] = append(l.took[name], took)
	if err == nil && ok(m) {
		return m, true
	}
	var refused *url.Error
	if errors.As(err, &refused) {
		err = refused.Err // the address holds a token
	}
	l.failed[fmt.Sprint(name, ": ", err, " ", m["errcode"], m["errCode"], m["code"], m["error"], m["outcome"])]++
	return m, false
}

// session goes through the i-th session: every other one as 1.0, and as 2.0.
func (l *loader) session(i int) {
	p := l.people[i%len(l.people)]
	from := []string{"Authorization", "Bearer " + l.page, "X-Forwarded-For", fmt.Sprintf("198.%d.%d.%d", 18+i>>16&1, i>>8&255, i&255)}
	open := map[string]any{"api": "startFacialRecognitionVerify", "name": p.name, "id_card_number": p.number}
	seq := fmt.Sprintf("load-%d", i)
	order := map[string]any{"out_seq_no": seq, "openid": "user-1"}
	ok := func(key string) func(map[string]any) bool {
		return func(m map[string]any) bool { s, _ := m[key].(string); return s != "" }
	}
	if i%2 == 1 {
		order["cert_info"] = map[string]string{"cert_type": verify.IdentityCard, "cert_name": p.name, "cert_no": p.number}
		m, good := l.step("create", "/cityservice/face/identify/getverifyid?access_token="+l.token, order, ok("verify_id"))
		if !good {
			return
		}
		delete(order, "cert_info")
		order["verify_id"], order["cert_hash"] = m["verify_id"], verify.CertHash(verify.IdentityCard, p.name, p.number)
		open = map[string]any{"api": "requestFacialVerify", "verify_id": m["verify_id"]}
	}
	s, good := l.step("create", "/v1/sdk/sessions", open, ok("capture_token"), from...)
	if !good {
		return
	}
	r, good := l.step("capture", "/fault/play", s, func(m map[string]any) bool { return m["outcome"] == "pass" })
	if !good {
		return
	}
	if i%2 == 1 {
		_, good = l.step("redeem", "/cityservice/face/identify/queryverifyinfo?access_token="+l.token, order, func(m map[string]any) bool { return m["verify_ret"] == 10000.0 })
	} else {
		_, good = l.step("redeem", "/cityservice/face/identify/getinfo?access_token="+l.token, map[string]any{"verify_result": r["verify_result"], "out_seq_no": seq},
			func(m map[string]any) bool { return m["errcode"] == 0.0 && m["identify_ret"] == 0.0 })
	}
	if good {
		l.mu.Lock()
		l.done++
		l.mu.Unlock()
	}
}

// run begins perSecond sessions a second for a time, and waits for the last one.
func (l *loader) run(perSecond int, length time.Duration) (sent int, late time.Duration) {
	var wg sync.WaitGroup
	began := time.Now()
	for ; ; sent++ {
		due := time.Duration(sent) * time.Second / time.Duration(perSecond)
		if due >= length {
			break
		}
		time.Sleep(due - time.Since(began))
		late = max(late, time.Since(began)-due)
		i := sent
		wg.Go(func() { l.session(i) })
	}
	wg.Wait()
	return sent, late
}

// quantile of the durations of the steps together.
func (l *loader) quantile(q float64, steps ...string) time.Duration {
	var all []time.Duration
	for _, s := range steps {
		all = append(all, l.took[s]...)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// resident is the memory of a process in kB, VmRSS of /proc; 0 where there is none.
func resident(pid int) (kb int) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kb, _ = strconv.Atoi(strings.Fields(v)[0])
		}
	}
	return kb
}

// busy is how many seconds of processor time a process has used; 0 where /proc is not.
func busy(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest) // from field 3 on; 14 and 15 are ticks of 10 ms
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return float64(user+system) / 100
}

// drift is how far the means of n stretches of the samples are from the mean of all, at
// most, as a share of it.
func drift(samples []int, n int) float64 {
	mean := func(s []int) (m float64) {
		for _, v := range s {
			m += float64(v) / float64(len(s))
		}
		return m
	}
	all, worst := mean(samples), 0.
	for i := range n {
		if part := samples[i*len(samples)/n : (i+1)*len(samples)/n]; len(part) > 0 && all > 0 {
			worst = max(worst, max(mean(part)/all-1, 1-mean(part)/all))
		}
	}
	return worst
}

// watch writes down memory and load average until ctx ends.
func (l *loader) watch(ctx context.Context, out string) (samples []int, loads []float64) {
	f, _ := os.Create(out)
	defer f.Close()
	began := time.Now()
	for tick := time.NewTicker(loadSample); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return samples, loads
		case <-tick.C:
		}
		kb := resident(l.cmd.Process.Pid)
		average, _ := os.ReadFile("/proc/loadavg")
		one, _, _ := strings.Cut(string(average), " ")
		v, _ := strconv.ParseFloat(one, 64)
		samples, loads = append(samples, kb), append(loads, v)
		var wal, db int64
		for name, to := range map[string]*int64{databaseFile: &db, databaseFile + "-wal": &wal} {
			if info, err := os.Stat(filepath.Join(l.dir, name)); err == nil {
				*to = info.Size()
			}
		}
		l.mu.Lock()
		fmt.Fprintf(f, "%.0f s\trss %d kB\tload %s\tsessions %d\terrors %v\tdatabase %d MB\twal %d kB\n", time.Since(began).Seconds(), kb, one, l.done, l.failed, db>>20, wal>>10)
		l.mu.Unlock()
	}
}

// security.md section 5, Load: sessions are created, decided and redeemed at a fixed rate
// in a process of its own with its real store, seals and audit log; only the networks are
// not there. FACEPROOF_LOAD_SECONDS: how long, at 100 a second; FACEPROOF_LOAD_LOG: where
// memory is written down every 10 s. Times are judged only then.
func TestFaultsLoad(t *testing.T) {
	perSecond, length, people := 20, 3*time.Second, 20
	full, _ := strconv.Atoi(os.Getenv("FACEPROOF_LOAD_SECONDS"))
	if full > 0 {
		perSecond, length, people = 100, time.Duration(full)*time.Second, 1000
	}
	l := startLoad(t, t.TempDir(), people)
	ctx, cancel := context.WithCancel(t.Context())
	var samples []int
	var loads []float64
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		samples, loads = l.watch(ctx, cmp.Or(os.Getenv("FACEPROOF_LOAD_LOG"), os.DevNull))
	}()
	if to := os.Getenv("FACEPROOF_LOAD_PROFILE"); to != "" {
		go l.profile(to, length/2)
	}
	before := busy(l.cmd.Process.Pid)
	sent, late := l.run(perSecond, length)
	cpu := (busy(l.cmd.Process.Pid) - before) / float64(sent)
	cancel()
	<-watched
	failed := sent - l.done
	if failed > 0 || len(l.failed) > 0 {
		t.Errorf("%d of %d sessions failed: %v\n%.2000s", failed, sent, l.failed, l.log)
	}
	if wrong := stuck(t, l.dir); len(wrong) > 0 {
		t.Error("left in the middle: ", some(wrong))
	}
	said := fmt.Sprintf("%.1f ms of processor time a session; ", 1000*cpu)
	for _, s := range loadSteps {
		said += fmt.Sprintf("%s p50 %.1f p99 %.1f max %.0f ms; ", s, ms(l.quantile(.5, s)), ms(l.quantile(.99, s)), ms(l.quantile(1, s)))
	}
	t.Logf("%d sessions, %d failed; %sdriver late by %.1f ms at most; memory %v kB", sent, failed, said, ms(late), samples)
	if full > 0 {
		l.report(t, full, sent, failed, said, samples, loads)
	}
}

// profile keeps the server's processor profile of half the run, and its heap at the end.
func (l *loader) profile(folder string, length time.Duration) {
	time.Sleep(length / 2)
	for name, path := range map[string]string{"cpu": fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", length.Seconds()), "heap": "/debug/pprof/heap?gc=1"} {
		r, err := http.Get(l.url + path)
		if err != nil {
			return
		}
		b, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		_ = os.WriteFile(filepath.Join(folder, name+".pprof"), b, 0o600)
	}
}

// report judges a long run and records it. The first tenth warms up: caches fill.
func (l *loader) report(t *testing.T, seconds, sent, failed int, said string, samples []int, loads []float64) {
	row := acceptance.Row{Area: "Load", Seed: loadSeed, N: sent, Failures: failed}
	p99 := l.quantile(.99, "create", "redeem")
	warm := samples[len(samples)/10:]
	moved := 0.
	memory := "too short to judge memory"
	if len(warm) >= 30 {
		moved = drift(warm, 9)
		memory = fmt.Sprintf("memory %.1f to %.1f MB after the first tenth, means of ninths within ±%.1f %%", float64(slices.Min(warm))/1024, float64(slices.Max(warm))/1024, 100*moved)
	}
	row.Result = fmt.Sprintf("100 sessions/s for %d s on %d processors that the driver shares, the database %s, 1.0 and 2.0 in turns, %d failed; create and redeem p99 %.1f ms; %s%s; load average of the machine %.1f to %.1f",
		seconds, runtime.NumCPU(), disk(l.dir), failed, ms(p99), said, memory, slices.Min(append(loads, 1e3)), slices.Max(append(loads, 0)))
	if p99 > loadTarget || moved > loadDrift || len(warm) < 30 {
		row.Outcome = acceptance.Missed
	}
	t.Log(row.Result)
	acceptance.Record(t, row)
}

// disk says where a folder lies: without a disk there is none to wait for.
func disk(folder string) string {
	const tmpfs = 0x01021994 // statfs(2)
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err == nil && s.Type == tmpfs {
		return "in memory (tmpfs, so no waits for a disk)"
	}
	return "on a disk"
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
