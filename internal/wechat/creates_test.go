package wechat

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"faceproof/internal/acceptance"
)

// security.md T38: identical creates at once make one verification and get one
// verify_id; those with the same number and anything else changed are refused.
// A thousand of each are measured with FACEPROOF_MEASURE.
func TestManyCreates(t *testing.T) {
	s := newShop(t, 1, itself)
	n := 100
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 1000
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	ids, wrong := map[string]int{}, 0
	for range n {
		all.Go(func() {
			var a verifyIDAnswer
			err := json.Unmarshal([]byte(s.ask(0, "getverifyid", certOf("order-1", "u"))), &a)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || a.VerifyID == "" {
				wrong++
			}
			ids[a.VerifyID]++
		})
	}
	all.Wait()
	if len(ids) != 1 || wrong != 0 {
		t.Errorf("%d verify_ids, %d without", len(ids), wrong)
	}
	taken := 0
	for i := range n {
		body := certOf("order-1", fmt.Sprint("u", i))
		if i%2 == 0 {
			body = strings.Replace(certOf("order-1", "u"), testName, "李"+testName, 1)
		}
		if got := s.ask(0, "getverifyid", body); !strings.Contains(got, `"errcode":40097`) || !strings.Contains(got, "out_seq_no") {
			taken++
			t.Errorf("%d: %s", i, got)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Identical creates", Number: "1,000 → 1 session; changed body refused 1,000/1,000", Gate: "C", N: 2 * n, Failures: wrong + len(ids) - 1 + taken,
		Result: fmt.Sprintf("%d at once: %d verify_id; %d of %d changed ones refused", n, len(ids), n-taken, n)})
}

// What may be used once is used once: a js_code sent again and again, ten
// thousand times with FACEPROOF_MEASURE.
func TestUsedCodesStayUsed(t *testing.T) {
	s := newShop(t, 1, itself)
	page := s.page(0)
	var c codeAnswer
	if err := json.Unmarshal(s.sdk("code", page, `{}`).Body.Bytes(), &c); err != nil {
		t.Fatal(err)
	}
	if first := s.do("GET", session(s.apps[0].ID, c.Code), "").Body.String(); !strings.Contains(first, `"openid"`) {
		t.Fatal(first)
	}
	n := 500
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 10_000
	}
	accepted := 0
	for range n {
		if got := s.do("GET", session(s.apps[0].ID, c.Code), "").Body.String(); !strings.Contains(got, `"errcode":40163`) {
			accepted++
		}
	}
	if accepted > 0 {
		t.Errorf("%d of %d accepted", accepted, n)
	}
	acceptance.Record(t, acceptance.Row{Area: "Signed-request replay", N: n, Failures: accepted,
		Result: fmt.Sprintf("a used js_code sent again %d times: %d accepted. Requests of this interface are not signed: they carry bearer tokens over TLS", n, accepted)})
}
