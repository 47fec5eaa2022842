package bucket_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/audit/bucket"
	"faceproof/internal/audit/bucket/buckettest"
	"faceproof/internal/egress"
)

var t0 = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func opened() (bucket.Credentials, error) {
	return bucket.Credentials{ID: faceproof.NewToken(buckettest.ID), Secret: faceproof.NewToken(buckettest.Secret)}, nil
}

func open(t *testing.T, s *buckettest.Store, more string) *bucket.Bucket {
	t.Helper()
	guard := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Transport: s.Transport()})
	b, err := bucket.New(bucket.Config{Address: s.Address() + more, Credentials: opened, Transport: guard.Transport, Now: func() time.Time { return t0 }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signer(t *testing.T) *audit.Signer {
	t.Helper()
	k, err := audit.NewSigner(make([]byte, audit.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// point is a head of size records; history tells roots apart.
func point(t *testing.T, size int64, history byte, at time.Duration) audit.Checkpoint {
	t.Helper()
	c, err := signer(t).Checkpoint(size, tlog.Hash{history, byte(size)}, t0.Add(at).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t *testing.T, b *bucket.Bucket, c audit.Checkpoint, want faceproof.Code) error {
	t.Helper()
	err := b.Put(context.Background(), c)
	if faceproof.ErrorCode(err) != want {
		t.Errorf("head of %d: %v, want %q", c.Size, err, want)
	}
	return err
}

// A head is an object named by the size of its tree, written once, and the same
// after a lost answer; another head of that size is refused, also by a store that
// does not know the condition.
func TestPut(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	b := open(t, s, "")
	for _, size := range []int64{1, 256, 1000} {
		put(t, b, point(t, size, 1, 0), "")
	}
	var names []string
	s.Change(func(s *buckettest.Store) {
		for _, v := range s.Versions {
			names = append(names, v.Key)
		}
	})
	if want := []string{"audit/0000000000000000001", "audit/0000000000000000256", "audit/0000000000000001000"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	put(t, b, point(t, 256, 1, 0), "")           // again
	put(t, b, point(t, 256, 1, time.Minute), "") // the same tree, signed later
	for _, forgetful := range []bool{false, true} {
		s.Change(func(s *buckettest.Store) { s.Forgetful = forgetful })
		if err := put(t, b, point(t, 256, 2, 0), faceproof.CodeConflict); !strings.Contains(err.Error(), "another head of 256 records") {
			t.Error(err)
		}
	}
	s.Change(func(s *buckettest.Store) { s.Forgetful, s.Lost = false, true })
	put(t, b, point(t, 2000, 1, 0), faceproof.CodeUnavailable)
	s.Change(func(s *buckettest.Store) { s.Lost = false })
	put(t, b, point(t, 2000, 1, 0), "")
	s.Change(func(s *buckettest.Store) {
		if len(s.Versions) != 4 || len(s.Bad) != 0 || s.Requests["PUT"] != 4 {
			t.Errorf("%d objects, %v, %v", len(s.Versions), s.Bad, s.Requests)
		}
	})
}

// Two servers write the same size at once: one object, and both have kept it; of
// two histories one is refused.
func TestPutAtOnce(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	conflicts := 0
	for round := range 20 {
		errs := make(chan error, 2)
		for history := range 2 {
			b := open(t, s, "")
			c := point(t, int64(round+1), byte(history), 0)
			go func() { errs <- b.Put(context.Background(), c) }()
		}
		for range 2 {
			switch err := <-errs; faceproof.ErrorCode(err) {
			case "":
			case faceproof.CodeConflict:
				conflicts++
			default:
				t.Error(err)
			}
		}
	}
	s.Change(func(s *buckettest.Store) {
		if len(s.Versions) != 20 || conflicts != 20 {
			t.Errorf("%d objects, %d conflicts", len(s.Versions), conflicts)
		}
	})
}

// Object lock: the bucket's rule, a date of ours where it has none, or one that
// the operator asks for, which a bucket without lock cannot keep.
func TestObjectLock(t *testing.T) {
	for _, c := range []struct {
		lock, more string
		days       int
		want       faceproof.Code
	}{{"", "", 0, ""}, {"rule", "", 0, ""}, {"enabled", "", 365, ""}, {"enabled", "?retain=10", 10, ""}, {"rule", "?retain=10&region=us-east-1", 10, ""}, {"", "?retain=10", 0, faceproof.CodeUnavailable}} {
		s := buckettest.New()
		s.ObjectLock = c.lock
		b := open(t, s, c.more)
		put(t, b, point(t, 1, 1, 0), c.want)
		put(t, b, point(t, 2, 1, 0), c.want)
		s.Change(func(s *buckettest.Store) {
			if s.Requests["GET object-lock"] != 1 || c.want == "" && len(s.Versions) != 2 {
				t.Errorf("%+v: %v, %d objects", c, s.Requests, len(s.Versions))
			}
			for _, v := range s.Versions {
				if got := (c.days > 0); (v.Mode == "COMPLIANCE") != got || got && !v.Until.Equal(t0.AddDate(0, 0, c.days)) {
					t.Errorf("%+v: %s until %s", c, v.Mode, v.Until)
				}
			}
		})
		s.Close()
	}
}

// All heads are read back, over pages, with those that were deleted or written
// over; an object that is none of ours is told.
func TestHeads(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	b := open(t, s, "")
	var want []string
	for size := range int64(10) {
		c := point(t, size+1, 1, 0)
		put(t, b, c, "")
		want = append(want, c.Note)
	}
	s.Change(func(s *buckettest.Store) {
		s.Page = 3
		s.Versions = append(s.Versions, buckettest.Version{Key: s.Versions[4].Key, ID: "d", Deleted: true})
	})
	read := func() (notes []string, deleted int) {
		t.Helper()
		heads, deleted, err := b.Heads(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			notes = append(notes, h.Note)
		}
		return notes, deleted
	}
	if got, deleted := read(); !slices.Equal(got, want) || deleted != 1 {
		t.Errorf("%d heads, %d deleted", len(got), deleted)
	}
	if got, err := b.From(t.Context(), 8); err != nil || !slices.Equal(got, want[7:]) {
		t.Errorf("%d heads from 8 on, %v", len(got), err)
	}
	if got, err := b.From(t.Context(), 11); err != nil || len(got) != 0 {
		t.Errorf("%d heads from 11 on, %v", len(got), err)
	}
	for _, bad := range []buckettest.Version{{Key: "audit/notes.txt", Data: want[0]}, {Key: "audit/0000000000000000002", Data: want[0]}, {Key: "audit/2", Data: want[1]},
		{Key: "audit/0000000000000000099", Data: "x"}, {Key: "audit/0000000000000000099", Data: strings.Repeat("x", 1<<16)}, {Key: "audit/-000000000000000001", Data: want[0]}} {
		bad.ID = "b"
		s.Change(func(s *buckettest.Store) { s.Versions = append(s.Versions, bad) })
		if _, _, err := b.Heads(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", bad.Key, err)
		}
		s.Change(func(s *buckettest.Store) { s.Versions = s.Versions[:len(s.Versions)-1] })
	}
}

// An outage is told, by the code and not by the text of the answer, bounded in
// time, and over when the store is back.
func TestOutage(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	b := open(t, s, "")
	for want, change := range map[string]func(*buckettest.Store, bool){
		"answers 503 SlowDown":     func(s *buckettest.Store, on bool) { s.Down = on },
		"answers 403 AccessDenied": func(s *buckettest.Store, on bool) { s.Denied = on },
	} {
		s.Change(func(s *buckettest.Store) { change(s, true) })
		if err := put(t, b, point(t, 1, 1, 0), faceproof.CodeUnavailable); !strings.Contains(faceproof.LogText(err), want) {
			t.Error(faceproof.LogText(err))
		}
		if _, _, err := b.Heads(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
			t.Error(err)
		}
		s.Change(func(s *buckettest.Store) { change(s, false) })
	}
	put(t, b, point(t, 1, 1, 0), "")
	s.Change(func(s *buckettest.Store) {
		if len(s.Bad) > 0 {
			t.Errorf("%v", s.Bad)
		}
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ended, point(t, 2, 1, 0)); err == nil {
		t.Error("a put that nobody waits for")
	}
	// The store goes away.
	s.Close()
	if err := put(t, b, point(t, 3, 1, 0), faceproof.CodeUnavailable); !strings.Contains(err.Error(), "does not answer") {
		t.Error(err)
	}
}

// Credentials are asked for each time, never sent in the clear, and told nowhere.
func TestCredentials(t *testing.T) {
	s := buckettest.New()
	defer s.Close()
	var asked atomic.Int32
	guard := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Transport: s.Transport()})
	var wrong atomic.Bool
	b, err := bucket.New(bucket.Config{Address: s.Address(), Transport: guard.Transport, Credentials: func() (bucket.Credentials, error) {
		asked.Add(1)
		if wrong.Load() {
			return bucket.Credentials{}, faceproof.Errorf(faceproof.CodeInvalid, "x", "there are none")
		}
		return opened()
	}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, b, point(t, 1, 1, 0), "")
	wrong.Store(true)
	if err := put(t, b, point(t, 2, 1, 0), faceproof.CodeUnavailable); !strings.Contains(err.Error(), "there are none") {
		t.Error(err)
	}
	if asked.Load() < 2 {
		t.Errorf("asked %d times", asked.Load())
	}
	if text := fmt.Sprintf("%s %+v", b, bucket.Credentials{Secret: faceproof.NewToken(buckettest.Secret)}); strings.Contains(text, buckettest.Secret) || !strings.HasPrefix(text, "object store 127.0.0.1:") {
		t.Error(text)
	}
	// Another's machine is reached through the guard alone.
	inside, err := bucket.New(bucket.Config{Address: s.Address(), Credentials: opened, Transport: egress.New(egress.Config{Transport: s.Transport()}).Transport})
	if err != nil {
		t.Fatal(err)
	}
	before := s.Requests["GET"]
	if err := put(t, inside, point(t, 3, 1, 0), faceproof.CodeUnavailable); !strings.Contains(err.Error(), "not public") || s.Requests["GET"] != before {
		t.Errorf("%v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, bad := range []string{"", "s3://bucket/x", "https://s3.example/bucket", "s3+http://s3.example/bucket", "s3+https://s3.example", "s3+https://s3.example/", "s3+https://u:p@s3.example/bucket",
		"s3+https://s3.example/bucket#x", "s3+https://s3.example/bucket/../x", "s3+https://s3.example/bucket//x", "s3+https://s3.example/bucket?retain=0", "s3+https://s3.example/bucket?retain=x",
		"s3+https://s3.example/bucket?retain=1&retain=2", "s3+https://s3.example/bucket?key=x", "s3+https://s3.example/bucket?region=", "s3+https://%zz/bucket"} {
		if _, err := bucket.New(bucket.Config{Address: bad, Credentials: opened}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{"s3+https://s3.eu-central-1.amazonaws.com/bucket", "s3+https://s3.example:9000/bucket/a/b/?region=cn-north-1&retain=3650"} {
		if _, err := bucket.New(bucket.Config{Address: good, Credentials: opened}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
