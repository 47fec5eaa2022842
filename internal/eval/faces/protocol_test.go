package faces

import (
	"fmt"
	"strings"
	"testing"

	"faceproof"
	"faceproof/eval/protocols"
)

// example is a protocol with a part replaced.
func example(old, new string) []byte {
	return []byte(strings.Replace(`
id = "x"
title = { en = "X", zh = "甲" }
root = "pictures"
[groups]
file = "groups.csv"
person = "name"
group = "kind"
[groups.names]
a = { en = "A", zh = "甲" }
[[set]]
name = "all"
title = { en = "All", zh = "全部" }
kind = "folders"
person = '^(?P<person>[^/]+)/'
calibrate = true
[[set]]
name = "pairs"
title = { en = "Pairs", zh = "配对" }
kind = "pairs"
file = "pairs.txt"
[[set]]
name = "rows"
title = { en = "Rows", zh = "行" }
kind = "csv"
file = "rows.csv"
columns = ["a", "b", "same"]
`, old, new, 1))
}

func TestProtocol(t *testing.T) {
	p, err := ParseProtocol(example("", ""))
	if err != nil || len(p.Sets) != 3 || p.Face != pickLargest || len(p.Digest) != 64 {
		t.Fatalf("%+v, %v", p, err)
	}
	if person, attempt, ok := p.Sets[0].split("anna/1.jpg"); person != "anna" || attempt != "" || !ok {
		t.Errorf("%q %q %v", person, attempt, ok)
	}
	for what, c := range map[string][2]string{
		"unknown key":  {`id = "x"`, "id = \"x\"\nfoo = 1"},
		"id":           {`id = "x"`, `id = "X Y"`},
		"title":        {`zh = "全部"`, `zh = ""`},
		"table":        {`en = "X"`, `en = "X | Y"`},
		"root":         {`"pictures"`, `"../pictures"`},
		"face":         {`root =`, "face = \"left\"\nroot ="},
		"kind":         {`"folders"`, `"heaps"`},
		"file":         {`"pairs.txt"`, `"/etc/passwd"`},
		"no file":      {`file = "pairs.txt"`, ``},
		"columns":      {`["a", "b", "same"]`, `["a", "b"]`},
		"twice":        {`name = "pairs"`, `name = "all"`},
		"expression":   {`(?P<person>[^/]+)`, `(`},
		"no group":     {`(?P<person>[^/]+)`, `.`},
		"frames":       {`calibrate = true`, `probe_frames = 99`},
		"draws":        {`calibrate = true`, `draws = 3`},
		"pairs frames": {`kind = "pairs"`, "kind = \"pairs\"\nprobe_frames = 2"},
		"pairs tables": {`kind = "pairs"`, "kind = \"pairs\"\ncalibrate = true"},
		"groups":       {`group = "kind"`, ``},
		"attempts":     {`'^(?P<person>[^/]+)/'`, `'^(?P<person>[^/]+)/(?P<attempt>.)'` + "\nprobe_frames = 2"},
		"toml":         {`id = "x"`, `id = `},
	} {
		if _, err := ParseProtocol(example(c[0], c[1])); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBuiltInProtocols(t *testing.T) {
	entries, err := protocols.Faces.ReadDir("faces")
	if err != nil || len(entries) < 5 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		text, err := protocols.Faces.ReadFile("faces/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if p, err := ParseProtocol(text); err != nil || p.ID+".toml" != e.Name() {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
}

func TestParsePairs(t *testing.T) {
	got, err := parsePairs([]byte("2 1\nAnn\t1 2\nAnn 1 Bob 3\nCleo 4 5\nDora 1\tEve 2\n"))
	if err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	if want := (pair{"Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg", "Ann", "Ann", true, 0}); got[0] != want {
		t.Errorf("%+v", got[0])
	}
	if want := (pair{"Dora/Dora_0001.jpg", "Eve/Eve_0002.jpg", "Dora", "Eve", false, 1}); got[3] != want {
		t.Errorf("%+v", got[3])
	}
	for _, bad := range []string{"", "x", "1", "1 1\nA 1 2\n", "1 1\nA 1 2\nA 1 2\n", "1 1\nA 1 2\nA 1 A 2\n", "1 1\n../A 1 2\nA 1 B 2\n",
		"1 1\nA -1 2\nA 1 B 2\n", "1 1\nA 1 2 3 4\nA 1 B 2\n", "1 99999999\n", "-1 -1\n"} {
		if _, err := parsePairs([]byte(bad)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if one, err := parsePairs([]byte("1\nA 1 2\nA 1 B 2\n")); err != nil || len(one) != 2 {
		t.Error(one, err)
	}
}

func TestParseCSV(t *testing.T) {
	columns := []string{"x", "y", "same"}
	got, err := parseCSV([]byte("y,x,same\n2.jpg,1.jpg,Yes\n3.jpg,2.jpg,true\n4.jpg,1.jpg,No\n"), columns)
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	// 1, 2 and 3 are one person by what is linked.
	if got[0].personA != got[1].personA || got[1].personA != got[1].personB || got[2].personA == got[2].personB || got[2].same {
		t.Errorf("%+v", got)
	}
	for _, bad := range []string{"", "x,y\n", "x,y,same\n1.jpg,2.jpg,perhaps\n", "x,y,same\n1.jpg\n", "x,y,same\n../1.jpg,2.jpg,yes\n", "x,y,same\n,2.jpg,yes\n"} {
		if _, err := parseCSV([]byte(bad), columns); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestParseGroups(t *testing.T) {
	g, err := parseGroups([]byte("id,age,kind\n1,20,a\n2,30,b\n"), Groups{File: "g.csv", Person: "id", Group: "kind"})
	if err != nil || g["1"] != "a" || g["2"] != "b" {
		t.Error(g, err)
	}
	g, err = parseGroups([]byte("name\timages\nAnn\t1 2\n"), Groups{File: "g.tsv", Person: "name", Listed: "a"})
	if err != nil || len(g) != 1 || g["Ann"] != "a" {
		t.Error(g, err)
	}
	many := "id,kind\n"
	for i := range maxGroups + 1 {
		many += fmt.Sprintf("%d,g%d\n", i, i)
	}
	for _, bad := range []string{"", "id\n", "id,kind\n1\n", "id,kind\n1,\n", "id,kind\n1,a|b\n", many} {
		if _, err := parseGroups([]byte(bad), Groups{File: "g.csv", Person: "id", Group: "kind"}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func FuzzParseProtocol(f *testing.F) {
	f.Add(example("", ""))
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := ParseProtocol(text); err == nil {
			for i := range p.Sets {
				p.Sets[i].split("a/b.jpg")
			}
		} else if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Fatal(err)
		}
	})
}

func FuzzLists(f *testing.F) {
	f.Add([]byte("2 1\nAnn 1 2\nAnn 1 Bob 3\nCleo 4 5\nDora 1 Eve 2\n"))
	f.Add([]byte("x,y,same\n1.jpg,2.jpg,yes\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func() ([]pair, error){
			func() ([]pair, error) { return parsePairs(text) },
			func() ([]pair, error) { return parseCSV(text, []string{"x", "y", "same"}) },
			func() ([]pair, error) {
				_, err := parseGroups(text, Groups{File: "g.tsv", Person: "x", Group: "y"})
				return nil, err
			},
		} {
			pairs, err := parse()
			if err != nil && faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
			for _, p := range pairs {
				if !below(p.a) || !below(p.b) || p.personA == "" || p.personB == "" {
					t.Fatalf("%+v", p)
				}
			}
		}
	})
}
