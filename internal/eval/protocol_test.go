package eval

import (
	"math/rand/v2"
	"strings"
	"testing"

	"faceproof"
	"faceproof/eval/protocols"
)

func builtin(t testing.TB, name string) []byte {
	t.Helper()
	text, err := protocols.Files.ReadFile(name + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestBuiltinProtocols(t *testing.T) {
	for _, name := range []string{"flash-gate", "flash-smoke", "lux", "digits-gate", "digits-smoke"} {
		p, err := ParseProtocol(builtin(t, name))
		if err != nil {
			t.Error(name, err)
			continue
		}
		if p.ID != name {
			t.Errorf("%s.toml calls itself %s", name, p.ID)
		}
		if _, err := p.List(Limits{}); err != nil {
			t.Error(name, err)
		}
	}
	gate := parse(t, string(builtin(t, "flash-gate")))
	seen := map[uint64]bool{}
	jobs, err := gate.List(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Seed < 1_000_000 || seen[j.Seed] {
			t.Fatalf("session %s/%s/%d has seed %d", j.Cell.Name, j.Kind, j.Index, j.Seed)
		}
		seen[j.Seed] = true
	}
	for _, c := range gate.Cells {
		if c.Sessions < 200 {
			t.Errorf("cell %s has %d sessions", c.Name, c.Sessions)
		}
	}
}

// A session keeps its seed whatever else a campaign leaves out.
func TestLimits(t *testing.T) {
	p := parse(t, fakeProtocol)
	all, err := p.List(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	some, err := p.List(Limits{Sessions: 3, Kinds: []string{"replay", "print"}, Cells: []string{"injected", "live"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(some) != 3 {
		t.Fatalf("%d sessions are left", len(some))
	}
	for _, s := range some {
		found := false
		for _, a := range all {
			found = found || a == s
		}
		if !found {
			t.Errorf("%s/%s/%d got seed %d", s.Cell.Name, s.Kind, s.Index, s.Seed)
		}
	}
	moved, err := p.List(Limits{Seed: 5_000_000})
	if err != nil || moved[0].Seed != 5_000_000 || moved[30].Seed != 5_000_000+seedStep {
		t.Errorf("moved to %d and %d, %v", moved[0].Seed, moved[30].Seed, err)
	}
	for _, bad := range []Limits{{Seed: 5}, {Seed: 1 << 40}, {Sessions: -1}, {Kinds: []string{"mask"}}, {Cells: []string{"x"}}, {Cells: []string{"live"}, Kinds: []string{"print"}}} {
		if _, err := p.List(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestProtocolRefuses(t *testing.T) {
	cell := func(s string) string {
		return "id = \"a\"\ntitle = { en = \"a\", zh = \"一\" }\nportraits = \"all\"\n[[cell]]\nname = \"c\"\ntitle = { en = \"a\", zh = \"一\" }\n" + s
	}
	const fine = "kinds = [\"live\"]\nsessions = 1\n"
	if _, err := ParseProtocol([]byte(cell(fine))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, says string }{
		{"", "id"}, {"x", "line 1"}, {"\xff", "UTF-8"}, {strings.Repeat("#", maxProtocol+1), "bytes"},
		{cell(fine) + "sesions = 3\n", `unknown key "cell.sesions"`},
		{"seeds = 3\n" + cell(fine), `unknown key "seeds"`},
		{strings.Replace(cell(fine), `zh = "一" }`, `zh = "" }`, 1), "title"},
		{strings.Replace(cell(fine), `"all"`, `"both"`, 1), "portraits"},
		{strings.Replace(cell(fine), `"all"`, `"report"`, 1), "seeds under"},
		{strings.Replace(cell(fine), `"all"`, `"tune"`, 1) + "seed = 999_999\n", "seeds under"},
		{cell(fine) + "seed = 9_000_000_000\n", "too large"},
		{cell("sessions = 1\n"), "kinds"},
		{cell("kinds = [\"mask\"]\nsessions = 1\n"), `there is no kind "mask"`},
		{cell(fine + "method = \"song\"\n"), `there is no method "song"`},
		{cell(fine + "snr = 10\n"), "are of digits"},
		{cell(fine + "at_once = true\n"), "are of digits"},
		{cell(fine + "method = \"digits\"\nsnr = -3\n"), "snr"},
		{cell(fine + "method = \"digits\"\nplan = \"long\"\n"), "no plan"},
		{cell("method = \"digits\"\nkinds = [\"splice\"]\nsessions = 1\n"), `there is no kind "splice"`},
		{cell("kinds = [\"dubbed\"]\nsessions = 1\n"), `there is no kind "dubbed"`},
		{cell("kinds = [\"print\", \"print\"]\nsessions = 1\n"), "twice"},
		{cell("kinds = [\"print\", \"live\"]\nsessions = 1\n"), "mixed"},
		{cell("kinds = [\"live\"]\nsessions = 0\n"), "sessions"},
		{cell("kinds = [\"live\"]\nsessions = 10001\n"), "sessions"},
		{cell(fine + "attempts = 11\n"), "attempts"},
		{cell(fine + "plan = \"short\"\n"), `no plan "short"`},
		{cell(fine + "plan = \"long\"\ntables = [\"lux\"]\n"), "tables"},
		{cell(fine + "rho_min = 0.1\nrho_max = 0.05\n"), "rho"},
		{cell(fine + "rho_min = nan\n"), "rho"},
		{cell(fine + "params = { lumens = 3 }\n"), `no quantity "lumens"`},
		{cell(fine + "params = { lux = \"bright\" }\n"), "number"},
		{cell(fine + "params = { lux = nan }\n"), "fit"},
		{cell(fine + "params = { lux = [3] }\n"), "range"},
		{cell(fine + "params = { lux = [300, 80] }\n"), "empty"},
		{cell(fine + "params = { lux = { log = [0, 80] } }\n"), "empty"},
		{cell(fine + "params = { lux = { of = [] } }\n"), "want a value"},
		{cell(fine + "params = { lux = { of = [1], log = [1, 2] } }\n"), "want a value"},
		{cell(fine + "params = { quality = 80.5 }\n"), "fit"},
		{cell(fine + "params = { screen = [1, 2] }\n"), "range"},
		{cell(fine + "policy = { min_ll = 3 }\n"), `no threshold "min_ll"`},
		{cell(fine + "policy = { min_l = \"high\" }\n"), "number"},
		{cell(fine + "policy = { max_attempts = 1.5 }\n"), "fit"},
		{cell(fine + "tables = [\"age\"]\n"), `no table "age"`},
		{cell(fine + "tables = [\"lux\"]\nattempts = 3\n"), "single attempts"},
		{cell(fine + "[[cell.bar]]\nmetric = \"eer\"\nat_most = 1\n"), `no metric "eer"`},
		{cell(fine + "[[cell.bar]]\nmetric = \"accepted\"\n"), "exactly one"},
		{cell(fine + "[[cell.bar]]\nmetric = \"accepted\"\nat_most = 0\nat_least = 0\n"), "exactly one"},
		{cell(fine + "[[cell.bar]]\nmetric = \"accepted\"\nat_most = 5\n"), "out of range"},
		{cell(fine + "[[cell.bar]]\nmetric = \"accepted\"\nat_most = nan\n"), "out of range"},
		{cell(fine + "[[cell.bar]]\nmetric = \"accepted\"\nat_most = 0.1\np = 0.1\n"), "takes no p"},
		{cell(fine + "[[cell.bar]]\nmetric = \"p_over\"\nat_most = 0.1\n"), "takes p"},
		{cell(fine + "[[cell.bar]]\nmetric = \"group_ratio\"\nby = \"age\"\nat_most = 2\n"), "takes by"},
		{cell(fine + "[[cell.bar]]\nmetric = \"refused_as\"\nat_least = 0.5\n"), "reasons or hints"},
		{cell(fine + "[[cell.bar]]\nmetric = \"refused_as\"\nhints = [\"Too bright\"]\nat_least = 0.5\n"), "no reason or hint"},
		{cell(fine) + "[[cell]]\nname = \"c\"\ntitle = { en = \"a\", zh = \"一\" }\n" + fine, "two cells"},
	} {
		_, err := ParseProtocol([]byte(c.text))
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.200q: %v, want %q", c.text, err, c.says)
		}
	}
}

func TestSpreads(t *testing.T) {
	p := parse(t, `
id = "a"
title = { en = "a", zh = "一" }
portraits = "all"
[[cell]]
name = "c"
title = { en = "a", zh = "一" }
kinds = ["live"]
sessions = 1
params = { lux = { log = [80, 1000] }, quality = [70, 72], skin = { of = [4, 6] }, screen = "phone", fps = [10, 30] }
`)
	r := rand.New(rand.NewPCG(1, 1))
	seen := map[any]int{}
	low := 0
	for range 3000 {
		v := drawAll(p.Cells[0].spreads, r)
		lux, fps := v["lux"].(float64), v["fps"].(float64)
		if lux < 80 || lux > 1000 || fps < 10 || fps > 30 || v["screen"] != "phone" {
			t.Fatalf("drew %v", v)
		}
		if lux < 283 { // the geometric middle
			low++
		}
		seen[v["quality"]]++
		seen[v["skin"]]++
	}
	if low < 1350 || low > 1650 {
		t.Errorf("%d of 3000 under the geometric middle", low)
	}
	for _, x := range []float64{70, 71, 72, 4, 6} {
		if seen[x] < 800 {
			t.Errorf("%g came %d times", x, seen[x])
		}
	}
	if len(seen) != 5 {
		t.Errorf("drew %v", seen)
	}
}

func FuzzProtocol(f *testing.F) {
	f.Add([]byte(fakeProtocol))
	f.Add(builtin(f, "flash-gate"))
	f.Add([]byte("id = \"a\"\n[[cell]]\nparams = { lux = { of = [{}] } }\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseProtocol(text)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatalf("%v is not invalid", err)
			}
			return
		}
		r := rand.New(rand.NewPCG(1, 1))
		for i := range p.Cells {
			if drawn := drawAll(p.Cells[i].spreads, r); len(drawn) != len(p.Cells[i].Params) {
				t.Fatalf("%d of %d quantities drawn", len(drawn), len(p.Cells[i].Params))
			}
			if _, err := withPolicy(faceproof.DefaultPolicy(), p.Cells[i].Policy); err != nil {
				t.Fatal(err)
			}
		}
	})
}
