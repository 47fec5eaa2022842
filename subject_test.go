package faceproof

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// validID makes an invented number with a right check character.
func validID(body string) string {
	sum := 0
	for i, w := range idWeights {
		sum += int(body[i]-'0') * w
	}
	return body + string(idCheck[sum%11])
}

func TestParseIDNumber(t *testing.T) {
	good := validID("99000019900307123")
	withX := ""
	for i := range 1000 {
		if s := validID(fmt.Sprintf("99000019900307%03d", i)); strings.HasSuffix(s, "X") {
			withX = s
			break
		}
	}
	wrongCheck := good[:17] + map[bool]string{true: "1", false: "0"}[good[17] == '0']
	cases := []struct{ name, in, want, err string }{
		{"good", good, good, ""},
		{"spaces", " " + good + "\n", good, ""},
		{"lower-case x", strings.ToLower(withX), withX, ""},
		{"full width", strings.Map(func(r rune) rune { return r - '0' + '０' }, good[:17]) + good[17:], good, ""},
		{"empty", "", "", "18 characters"},
		{"short", good[:17], "", "18 characters"},
		{"first generation", good[:15], "", "first-generation"},
		{"letters", "A" + good[1:], "", "17 digits"},
		{"date", validID("99000019900230123"), "", "birth date"},
		{"future", validID("99000020990101123"), "", "birth date"},
		{"check", wrongCheck, "", "check character"},
		{"huge", strings.Repeat("1", 1<<20), "", "18 characters"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseIDNumber(c.in, "idCardNumber", testNow)
			if c.err == "" {
				if err != nil || got.Reveal() != c.want {
					t.Fatalf("got %q, %v", got.Reveal(), err)
				}
				return
			}
			if ErrorCode(err) != CodeInvalid || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "idCardNumber") {
				t.Fatalf("error %v, want %q with the field", err, c.err)
			}
		})
	}
}

// Every single-digit error and every swap of unlike neighbours is caught.
func TestIDNumberCatchesTypos(t *testing.T) {
	good := validID("99000019900307123")
	for i := range 17 {
		for d := byte('0'); d <= '9'; d++ {
			if d == good[i] {
				continue
			}
			if _, err := ParseIDNumber(good[:i]+string(d)+good[i+1:], "id", testNow); err == nil {
				t.Fatalf("digit %d changed to %c was accepted", i, d)
			}
		}
	}
}

func TestParseName(t *testing.T) {
	for in, ok := range map[string]bool{"张三": true, " 古丽·买买提 ": true, "": false, "  ": false,
		strings.Repeat("长", MaxNameRunes): true, strings.Repeat("长", MaxNameRunes+1): false,
		"a\x00b": false, "a\u202eb": false, "\xff": false} {
		if _, err := ParseName(in, "name"); (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// A name, a number, a token and a template never print, however they are asked.
func TestSensitiveNeverPrints(t *testing.T) {
	n, _ := ParseName("张三", "name")
	id, _ := ParseIDNumber(validID("99000019900307123"), "id", testNow)
	s := Subject{n, id}
	tpl := Template{ModelID: "m", Vector: []float32{.123}}
	j, _ := json.Marshal([]any{s, NewToken("sekret"), tpl})
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, n, id, tpl) + fmt.Sprint(NewToken("sekret"), &s, tpl) + string(j)
	for _, leak := range []string{"张", "9900", "sekret", "e5bc", "123", "39393030"} {
		if strings.Contains(strings.ReplaceAll(all, "0x", ""), leak) {
			t.Errorf("%q shows in %s", leak, all)
		}
	}
	if n.Masked() != "*三" {
		t.Errorf("mask: %s", n.Masked())
	}
}

func FuzzParseIDNumber(f *testing.F) {
	f.Add(validID("99000019900307123"))
	f.Add("０１２")
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseIDNumber(s, "id", testNow); err == nil && len(id.Reveal()) != 18 {
			t.Fatal("accepted a number of another length")
		}
	})
}
