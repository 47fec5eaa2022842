package wechat

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/registry"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

// oneFace enrols everybody with one template.
type oneFace struct{}

func (oneFace) ModelID() string { return "m" }
func (oneFace) Enrol(context.Context, [][]byte) (faceproof.Template, error) {
	return faceproof.Template{ModelID: "m", Frames: 5, Vector: make([]float32, 128)}, nil
}

// invented gives the n-th person of an area that does not exist.
func invented(t testing.TB, n int) faceproof.Subject {
	t.Helper()
	name, err := faceproof.ParseName(testName, "name")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range "0123456789X" {
		number := fmt.Sprintf("99%04d19900307%03d%c", n/1000, n%1000, c)
		if id, err := faceproof.ParseIDNumber(number, "id", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			return faceproof.Subject{Name: name, IDNumber: id}
		}
	}
	t.Fatal("no such number")
	return faceproof.Subject{}
}

// security.md T14, before liveness: a page learns nothing of who is registered,
// neither by a byte nor by the time, and the look-up itself takes as long.
// FACEPROOF_TIMING=10000 is the acceptance figure; without it only the bytes of
// 200 and 200 are compared, because a time is no unit test.
func TestEnumeration(t *testing.T) {
	people, timing := 200, false
	if n := os.Getenv("FACEPROOF_TIMING"); n != "" {
		if _, err := fmt.Sscan(n, &people); err != nil {
			t.Fatal(err)
		}
		timing = true
	}
	f, reg := enumerated(t, people)
	page := f.page(appA, "https://shop.example/a")
	ctx := context.Background()
	order := rand.New(rand.NewPCG(14, 3)).Perm(2 * people) // even: registered
	var session, lookup [2][]float64
	shapes := map[string]int{}
	for _, n := range order {
		s := invented(t, n)
		body := toJSON(map[string]string{"api": apiStart, "name": s.Name.Reveal(), "id_card_number": s.IDNumber.Reveal()})
		from := time.Now()
		w := f.sdk("sessions", page, body)
		session[n%2] = append(session[n%2], float64(time.Since(from)))
		var a sessionAnswer
		f.decode(w, &a)
		shape := w.Body.String()
		for _, own := range []string{a.SessionID, a.CaptureToken} {
			shape = strings.Replace(shape, own, strings.Repeat("x", len(own)), 1)
		}
		shapes[fmt.Sprint(w.Code, w.Header(), shape)]++
		from = time.Now()
		ref, err := reg.Reference(ctx, s)
		lookup[n%2] = append(lookup[n%2], float64(time.Since(from)))
		if err != nil || (ref.State == faceproof.ReferenceFound) != (n%2 == 0) {
			t.Fatal(ref.State, err)
		}
	}
	if len(shapes) != 1 {
		t.Errorf("%d different answers", len(shapes))
	}
	if !timing {
		return
	}
	for name, x := range map[string][2][]float64{"sessions": session, "look-up": lookup} {
		welch, auc := compare(x[0], x[1])
		t.Logf("%s: %d and %d, Welch t %.2f, AUC %.4f", name, len(x[0]), len(x[1]), welch, auc)
		if math.Abs(welch) >= 4.5 || math.Abs(auc-.5) > .02 {
			t.Errorf("%s: the time tells who is registered", name)
		}
	}
}

// enumerated is a fixture on the real database with people registered under
// the even numbers.
func enumerated(t *testing.T, people int) (*fixture, *registry.Local) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f := newFixture(t)
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	must(err)
	st, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, "db"), Actor: "test"})
	must(err)
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	must(err)
	t.Cleanup(func() { _ = blobs.Close(); _ = st.Close() })
	reg, err := registry.New(registry.Config{Store: st, Keys: ring, Enroller: oneFace{}})
	must(err)
	for i := range people {
		_, err := reg.Add(ctx, invented(t, 2*i), [][]byte{{0xff, 0xd8, 0xff}}, "test")
		must(err)
	}
	must(st.CreateApp(ctx, f.store.apps[appA], hashToken(secret)))
	v, err := verify.New(verify.Config{Store: st, Subjects: st, Apps: st, Audit: st, Registry: reg, Analyzer: nobody{}, Keys: ring, Blob: blobs, Attempts: st})
	must(err)
	f.api, err = New(Config{Store: st, Verify: v, Keys: ring})
	must(err)
	return f, reg
}

// compare gives Welch's t of the middle nine tenths (a pause of the machine is
// no signal), and the probability that one of a takes longer than one of b.
func compare(a, b []float64) (welch, auc float64) {
	trim := func(x []float64) (mean, variance, n float64) {
		s := append([]float64(nil), x...)
		sort.Float64s(s)
		s = s[len(s)/20 : len(s)-len(s)/20]
		for _, v := range s {
			mean += v / float64(len(s))
		}
		for _, v := range s {
			variance += (v - mean) * (v - mean) / float64(len(s)-1)
		}
		return mean, variance, float64(len(s))
	}
	ma, va, na := trim(a)
	mb, vb, nb := trim(b)
	type timed struct {
		v   float64
		ofA bool
	}
	var all []timed
	for _, v := range a {
		all = append(all, timed{v, true})
	}
	for _, v := range b {
		all = append(all, timed{v, false})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].v < all[j].v })
	ranks := 0. // of a, ties sharing theirs
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].v == all[i].v {
			j++
		}
		for k := i; k < j; k++ {
			if all[k].ofA {
				ranks += float64(i+j+1) / 2
			}
		}
		i = j
	}
	n, m := float64(len(a)), float64(len(b))
	return (ma - mb) / math.Sqrt(va/na+vb/nb), (ranks - n*(n+1)/2) / (n * m)
}
