package wechat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/verify"
)

// dropped is a caller whose connection breaks before the answer.
type dropped struct{ http.ResponseWriter }

func (dropped) Write([]byte) (int, error) { return 0, errors.New("connection reset") }

// security.md section 2.3: the answer is lost after the commit. However often
// the business asks again, it gets that answer, marked, and it was redeemed once.
func TestLostAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	s := newShop(t, 2, itself)
	one, id1 := s.passedID(0, 0)
	two, id2 := s.passed2(0, 0)
	one = under(one, "order-1")
	for iface, body := range map[string]string{"getinfo": one, "queryverifyinfo": two} {
		r := httptest.NewRequest("POST", facePath+iface+"?access_token="+s.tokens[0], strings.NewReader(body))
		s.api.ServeHTTP(dropped{httptest.NewRecorder()}, r)
	}
	bodies := map[string]int{}
	for range 1000 {
		bodies[s.ask(0, "getinfo", one)]++
		bodies[s.ask(0, "queryverifyinfo", two)]++
	}
	for b, n := range bodies {
		if n != 1000 || !strings.HasSuffix(b, replayedMark+"}") || !strings.Contains(b, `"identify_ret":0`) && !strings.Contains(b, `"verify_ret":10000`) {
			t.Errorf("%d times %s", n, b)
		}
	}
	if len(bodies) != 2 {
		t.Errorf("%d bodies of two interfaces", len(bodies))
	}
	if n := s.audited("credential.redeem", id1); n != 1 {
		t.Errorf("%d redemptions", n)
	}
	if n := s.audited("credential.replay", id1); n != 1000 {
		t.Errorf("%d of 1000 replays audited", n)
	}
	if n := s.audited("verification.query", id2); n != 1 {
		t.Errorf("%d first queries", n)
	}
}

// The first answer has no mark, and a replay has nothing else that is new. Who
// names no number, another one or another app gets what an unknown one gets.
func TestReplay(t *testing.T) {
	s := newShop(t, 2, itself)
	unknown := s.ask(0, "getinfo", `{"verify_result":"`+strings.Repeat("A", 128)+`"}`)
	bound := s.passed1(0, 0)
	first := s.ask(0, "getinfo", under(bound, "order-1"))
	again := s.ask(0, "getinfo", under(bound, "order-1"))
	if strings.Contains(first, "replayed") || again != strings.TrimSuffix(first, "}")+replayedMark+"}" {
		t.Errorf("first %s\nagain %s", first, again)
	}
	loose := s.passed1(0, 1)
	if got := s.ask(0, "getinfo", loose); !strings.Contains(got, `"identify_ret":0`) {
		t.Fatal(got)
	}
	for name, got := range map[string]string{
		"no number":             s.ask(0, "getinfo", bound),
		"null":                  s.ask(0, "getinfo", strings.Replace(bound, "}", `,"out_seq_no":null}`, 1)),
		"another number":        s.ask(0, "getinfo", under(bound, "order-2")),
		"another case":          s.ask(0, "getinfo", under(bound, "ORDER-1")),
		"another app":           s.ask(1, "getinfo", under(bound, "order-1")),
		"first without, then":   s.ask(0, "getinfo", under(loose, "order-1")),
		"first without, twice":  s.ask(0, "getinfo", loose),
		"an unknown one, bound": s.ask(0, "getinfo", under(`{"verify_result":"`+strings.Repeat("A", 128)+`"}`, "order-1")),
	} {
		if got != unknown {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := s.ask(0, "getinfo", under(bound, "1234")); !strings.Contains(got, `"errcode":40097`) {
		t.Errorf("a short number: %s", got)
	}
	third := s.passed1(0, 2)
	if got := s.ask(0, "getinfo", under(third, "1234")); !strings.Contains(got, `"errcode":40097`) {
		t.Errorf("a short number: %s", got)
	}
	if got := s.ask(0, "getinfo", under(third, "order-3")); !strings.Contains(got, `"identify_ret":0`) {
		t.Errorf("a bad number burnt the credential: %s", got)
	}
}

// The user_id_key of a replay is that of the first answer, stands for the
// person, and is nowhere in the database.
func TestReplayedKey(t *testing.T) {
	s := newShop(t, 2, itself)
	body := s.passed1(0, 0)
	body = under(body, "order-1")
	var a infoAnswer
	for range 2 {
		if err := json.Unmarshal([]byte(s.ask(0, "getinfo", body)), &a); err != nil {
			t.Fatal(err)
		}
		sub, err := s.verify.SubjectOf(context.Background(), s.apps[0].ID, a.UserIDKey)
		if err != nil || sub != s.sub {
			t.Fatalf("%+v: %v", a, err)
		}
	}
	if _, err := s.verify.SubjectOf(context.Background(), s.apps[1].ID, a.UserIDKey); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Errorf("another app: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	found := false
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(a.UserIDKey)) {
			t.Errorf("%s holds the key", filepath.Base(name))
		}
		found = found || bytes.Contains(b, hashToken(a.UserIDKey))
	}
	if !found {
		t.Error("the files do not hold its hash either: nothing was looked at")
	}
}

// security.md section 2.3: five questions of the verification's own app about
// another order, user or person, and nobody gets an answer any more; other apps
// count for nothing, and all are told what an unknown verify_id is told.
func TestMismatches(t *testing.T) {
	s := newShop(t, 2, itself)
	body, id := s.passed2(0, 0)
	wrong := func(i int) string {
		return []string{strings.Replace(body, `"openid":"u"`, `"openid":"v"`, 1), strings.Replace(body, "order-0", "order-9", 1),
			strings.Replace(body, verify.CertHash(verify.IdentityCard, testName, testNumber), strings.Repeat("0", 64), 1)}[i%3]
	}
	unknown := s.ask(0, "queryverifyinfo", strings.Replace(body, `"verify_id":"`, `"verify_id":"A`, 1))
	refused := func(what, got string) {
		t.Helper()
		if got != unknown {
			t.Errorf("%s: %s", what, got)
		}
	}
	for i := range 20 {
		refused("another app", s.ask(1, "queryverifyinfo", wrong(i)))
		refused("another app, all right", s.ask(1, "queryverifyinfo", body))
	}
	for i := range verify.MaxMismatches - 1 {
		refused("a mismatch", s.ask(0, []string{"queryverifyinfo", "getimage"}[i%2], wrong(i)))
	}
	if got := s.ask(0, "queryverifyinfo", body); !strings.Contains(got, `"verify_ret":10000`) {
		t.Fatalf("after %d: %s", verify.MaxMismatches-1, got)
	}
	refused("the last mismatch", s.ask(0, "queryverifyinfo", wrong(2)))
	refused("a mismatch after it", s.ask(0, "queryverifyinfo", wrong(0)))
	for _, iface := range []string{"queryverifyinfo", "getimage", "getvideo"} {
		refused(iface+", all right", s.ask(0, iface, body))
	}
	if n := s.audited("verification.mismatch", id); n != verify.MaxMismatches+1+3 {
		t.Errorf("%d mismatches audited", n)
	}
	if n := s.audited("verification.revoke", id); n != 1 {
		t.Errorf("revoked %d times", n)
	}
	v, err := s.store.Verification(context.Background(), faceproof.VerificationKey{ID: id})
	if err != nil || v.Mismatches != verify.MaxMismatches || v.State != faceproof.StateRedeemed {
		t.Errorf("%+v, %v", v, err)
	}
}

// A revoked verify_id opens no capture, and its order is used up.
func TestMismatchesBeforeTheCapture(t *testing.T) {
	s := newShop(t, 1, itself)
	id := s.verifyID(0, "order-1", "u")
	page := s.page(0)
	if got := s.open(page, id, ""); got.Code != 200 {
		t.Fatal(got.Body)
	}
	for range verify.MaxMismatches {
		s.ask(0, "queryverifyinfo", fmt.Sprintf(`{"verify_id":"%s","out_seq_no":"order-2","openid":"u","cert_hash":"%s"}`, id, testHash))
	}
	if got, unknown := s.open(page, id, ""), s.open(page, "x", ""); got.Code != 404 || got.Body.String() != unknown.Body.String() {
		t.Errorf("%s, unknown %s", got.Body, unknown.Body)
	}
	if got := s.ask(0, "getverifyid", certOf("order-1", "u")); !strings.Contains(got, `"errcode":40097`) {
		t.Errorf("the same order again: %s", got)
	}
}

// security.md T13: a client that makes up a verify_result has told the backend
// nothing: 10,000 of them are all refused, with the one answer.
func TestForgedCredentials(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	s := newShop(t, 1, itself)
	real := s.passed1(0, 0)
	unknown := s.ask(0, "getinfo", `{"verify_result":"`+strings.Repeat("A", 128)+`"}`)
	if !strings.HasPrefix(unknown, `{"errcode":84001,`) {
		t.Fatal(unknown)
	}
	b := make([]byte, 96)
	for i := range 10_000 {
		if _, err := rand.Read(b); err != nil {
			t.Fatal(err)
		}
		body := `{"verify_result":"` + base64.RawURLEncoding.EncodeToString(b) + `"}`
		if i%2 == 1 {
			body = under(body, "order-1")
		}
		if got := s.ask(0, "getinfo", body); got != unknown {
			t.Fatalf("%d: %s", i, got)
		}
	}
	if got := s.ask(0, "getinfo", real); !strings.Contains(got, `"identify_ret":0`) {
		t.Error(got)
	}
}
