package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/piitest"
)

const canarySeed = 33

// security.md T33: people who are nowhere else, through whole sessions: passed and
// redeemed, broken off by a panic, refused for a bad number, under another's name.
// None of them is in the logs (at their most talkative), in what a front end is
// told, or in any file: database, its log, blobs, temporary files. 200 sessions with
// FACEPROOF_MEASURE=1. The metrics are read in cmd/faceproof.
func TestCanaries(t *testing.T) {
	n := 8
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 200
	}
	disk := t.TempDir()
	t.Setenv("TMPDIR", disk)
	screen := captureOutput(t)
	var front bytes.Buffer // all that a page is told
	var told sync.Mutex
	talking := false
	dir := filepath.Join(disk, "server")
	check(t, os.MkdirAll(dir, 0o700))
	t.Setenv("TMPDIR", dir)
	var canaries []piitest.Canary
	watch := func(what, value string) { canaries = append(canaries, piitest.Canary{What: what, Value: value}) }
	passed, broken := 0, 0
	t.Run("sessions", func(t *testing.T) { // its folders are under dir
		f := newFixture(t)
		f.overheard = func(s string) {
			told.Lock()
			defer told.Unlock()
			if talking {
				front.WriteString(s + "\n")
			}
		}
		page := func(on bool) { told.Lock(); talking = on; told.Unlock() }
		watch("name", testName)
		watch("picture", "\xff\xd8\xffpicture")
		watch("picture", "\xff\xd8\xffbest")
		r := rand.New(rand.NewPCG(canarySeed, 1))
		for i := range n {
			name, number := piitest.Invent(r)
			watch("name", name)
			watch("number", number)
			enrolPerson(f, name, number)
			ask := map[string]any{"api": "startFacialRecognitionVerify", "name": name, "id_card_number": number, "check_alive_type": 2}
			switch i % 4 {
			case 1: // a slip in the number
				ask["id_card_number"] = number[:17] + string("10X98765432"[(strings.IndexByte("10X98765432", number[17])+1)%11])
				page(true)
				f.post("/v1/sdk/sessions", ask, nil, "Authorization", "Bearer "+f.pageToken())
				page(false)
				continue
			case 2: // somebody else's name
				ask["name"], _ = piitest.Invent(r)
				watch("name", ask["name"].(string))
			}
			token := f.pageToken()
			page(true)
			var s session
			if code := f.post("/v1/sdk/sessions", ask, &s, "Authorization", "Bearer "+token); code != 200 || s.ID == "" {
				t.Fatalf("session %d: %d", i, code)
			}
			f.panics.Store(i%4 == 3)
			c := f.connect(s)
			if i%4 == 3 {
				c.read("welcome")
				c.send(map[string]any{"type": "ready", "attempt": 1})
				c.frame(true)
				c.closed()
				broken++
			} else if result, ok := c.run()["verify_result"].(string); ok {
				page(false)
				watch("credential", result)
				f.info(result)
				passed++
			}
			_ = c.conn.CloseNow() // who may try again would keep a place
			f.panics.Store(false)
			page(false)
			for what, v := range map[string]string{"capture token": s.Token, "page token": token} {
				watch(what, v)
			}
			f.now.Add(61_000) // no budget is used up
		}
		if db, _ := filepath.Glob(filepath.Join(dir, "*", "*", "db")); len(db) == 0 {
			t.Fatal("the database is not where it is looked for")
		}
		hits := sinks(t, canaries, dir, front.Bytes(), []byte(f.log.String()), screen())
		for _, h := range hits {
			t.Error(h)
		}
		result := fmt.Sprintf("%d sessions (%d passed, %d broken off by a panic), %d canaries in 8 encodings", n, passed, broken, len(canaries))
		acceptance.Record(t, acceptance.Row{Area: "PII in logs", Test: "TestCanaries", Seed: canarySeed, N: n, Failures: len(hits), Result: result + ", in logs, answers to pages, output and files"})
		acceptance.Record(t, acceptance.Row{Area: "At rest", Test: "TestCanaries", Seed: canarySeed, N: n, Failures: len(hits), Result: result + ", in database, its log, blobs and temporary files; swap is not looked at"})
		if passed == 0 || broken == 0 || f.log.String() == "" || !strings.Contains(f.log.String(), `"panic"`) {
			t.Errorf("%s: too little happened", result)
		}

		// What is found if it is there: a name in a log line, in a file of the folder.
		check(t, os.WriteFile(filepath.Join(dir, "planted"), []byte(canaries[4].Value), 0o600))
		if planted := sinks(t, canaries, dir, nil, []byte(fmt.Sprintf(`{"msg":%+q}`, canaries[3].Value)), nil); len(planted) != len(hits)+2 {
			t.Errorf("planted leaks: %v", planted)
		}
	})
}

// sinks scans every sink; tokens are a page's own, so that answers may hold them.
func sinks(t *testing.T, canaries []piitest.Canary, dir string, front, log, screen []byte) []piitest.Hit {
	t.Helper()
	var people []piitest.Canary
	for _, c := range canaries {
		if c.What == "name" || c.What == "number" || c.What == "picture" {
			people = append(people, c)
		}
	}
	all := piitest.NewScanner(canaries)
	hits := append(all.Scan("the log", log), all.Scan("standard output and error", screen)...)
	files, err := all.ScanTree(dir)
	check(t, err)
	hits = append(hits, files...)
	return append(hits, piitest.NewScanner(people).Scan("an answer to a page", front)...)
}

// captureOutput keeps what the process itself writes from now on; the function
// gives it, and ends that.
func captureOutput(t *testing.T) func() []byte {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = w, w
	done := make(chan []byte, 1)
	go func() { b, _ := io.ReadAll(r); done <- b }()
	var once sync.Once
	var all []byte
	end := func() []byte {
		once.Do(func() {
			os.Stdout, os.Stderr = out, errs
			_ = w.Close()
			all = <-done
		})
		return all
	}
	t.Cleanup(func() { end() })
	return end
}

func enrolPerson(f *fixture, name, number string) {
	f.t.Helper()
	n, err := faceproof.ParseName(name, "name")
	check(f.t, err)
	id, err := faceproof.ParseIDNumber(number, "id", time.UnixMilli(f.now.Load()))
	check(f.t, err)
	_, err = f.registry.Replace(f.t.Context(), faceproof.Subject{Name: n, IDNumber: id}, [][]byte{[]byte("\xff\xd8\xffpicture")}, "test")
	check(f.t, err)
}
