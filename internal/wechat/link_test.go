package wechat

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"faceproof/internal/acceptance"
)

// security.md T07: a link with a verify_id that one browser has opened is worth
// nothing to any other, 500 times, under an openid of the business's own, of
// which no page can prove anything. The first one may load its page again, and
// is not disturbed.
func TestLinkIsOpenedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	s := newShop(t, 2, itself)
	unknown := s.open(s.page(0), "x", "")
	const links = 500
	var pages []string // loaded before; which of them asks does not matter
	for range 3 {
		pages = append(pages, s.page(0))
	}
	secret := func() string {
		v, err := s.api.newToken()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	refused, again := 0, 0
	for i := range links {
		id := s.verifyID(0, fmt.Sprintf("order-%d", i), "o6_bmjrPTlm6_2sgVt7hMZOPfL2M")
		page, visitor := pages[0], secret()
		if i%3 == 0 {
			visitor = "" // keeps nothing: its page is the browser
		}
		if w := s.open(page, id, visitor); w.Code != 200 {
			t.Fatal(w.Body)
		}
		before := s.token(id)
		otherPage, otherVisitor := pages[1], secret()
		if i%5 == 0 {
			otherVisitor = ""
		}
		if i%7 == 0 && visitor != "" {
			otherPage, otherVisitor = page, "" // the same page without its secret
		}
		w := s.open(otherPage, id, otherVisitor)
		if w.Code == unknown.Code && w.Body.String() == unknown.Body.String() && s.token(id) == before {
			refused++
		} else {
			t.Errorf("link %d: %d %s", i, w.Code, w.Body)
		}
		if visitor != "" {
			page = pages[2] // loaded again
		}
		if w := s.open(page, id, visitor); w.Code == 200 && strings.Contains(w.Body.String(), `"capture_token":"`) {
			again++
		} else {
			t.Errorf("link %d in its own browser: %d %s", i, w.Code, w.Body)
		}
	}
	if refused != links || again != links {
		t.Errorf("refused %d, opened again %d of %d", refused, again, links)
	}
	acceptance.Record(t, acceptance.Row{Area: "Hand-over", Number: "500 of 500 refused", Gate: "C", N: links, Failures: links - refused + links - again,
		Result: fmt.Sprintf("%d of %d opened links refused to another browser, byte for byte as an unknown one; %d of %d opened again by their own", refused, links, again, links)})
}

// Of browsers that open a link at the same moment one wins.
func TestLinkIsOpenedOnceAtOnce(t *testing.T) {
	s := newShop(t, 1, itself)
	page := s.page(0)
	for i := range 20 {
		id := s.verifyID(0, fmt.Sprintf("order-%d", i), "u")
		var mu sync.Mutex
		var all sync.WaitGroup
		won := 0
		for range 8 {
			visitor, err := s.api.newToken()
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if w := s.open(page, id, visitor); w.Code == 200 {
					mu.Lock()
					won++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if won != 1 {
			t.Errorf("link %d: %d browsers opened it", i, won)
		}
	}
}
