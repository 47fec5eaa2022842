package store

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/privacy"
)

// Who was touched between two moments, against what the test wrote down while
// it made the rows. FACEPROOF_MEASURE=1 makes a million of them.
func TestTouchedBetween(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	rows, people := 3000, 300
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		rows, people = 1_000_000, 20_000
	}
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	s := open(t)
	index := func(kind byte, i int) []byte { return fmt.Appendf([]byte{kind}, "%031d", i) }
	sessions := make([]string, 0, people*2)
	who := map[string]string{} // of each session
	must(t, s.write(ctx, func(tx *sql.Tx) error {
		for i := range people {
			id := fmt.Sprintf("%032x", i)
			// A third are registered; of two sessions each one began its capture, and
			// some have been forgotten since.
			if i%3 == 0 {
				if _, err := tx.ExecContext(ctx, `INSERT INTO persons (id, subject_index, name_sealed, number_sealed, created_at, updated_at) VALUES ($1, $2, $2, $2, 1, 1)`, id, index('p', i)); err != nil {
					return err
				}
			}
			for n := range 2 {
				session := fmt.Sprintf("%030x%02x", i, n+0x10)
				sessions = append(sessions, session)
				consented, forgotten := n == 0, i%10 == 1
				who[session] = "subject:" + hex.EncodeToString(index('s', i))[:16]
				if i%3 == 0 {
					who[session] = "person:" + id
				}
				if forgotten && !consented {
					who[session] = "session:" + session
				}
				if !forgotten {
					if _, err := tx.ExecContext(ctx, `INSERT INTO verifications (id, app_id, generation, state, alive, out_seq_no, openid, subject_sealed, subject_index, cert_hash,
						created_at, expires_at, consent, started_at, finished_at, end_reason, portrait, portrait_due, redeemed_at)
						VALUES ($1, 'wx1', 1, 'ended', 1, '', '', $2, $2, '', 1, 1, '', 1, 1, '', 0, 0, 0)`, session, index('s', i)); err != nil {
						return err
					}
				}
				if consented {
					if err := giveConsent(ctx, tx, faceproof.Consent{VerificationID: session, AppID: "wx1", ReceiptHash: []byte(session), SubjectIndex: index('s', i), PersonIndex: index('p', i), Text: faceproof.ConsentText{Hash: "h", Body: "b"}, GivenAt: 1}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}))
	from, to := t0+int64(rows)*20, t0+int64(rows)*60
	want := map[string]int{}
	everyone := 0
	for at := 0; at < rows; {
		must(t, s.write(ctx, func(tx *sql.Tx) error {
			for n := 0; n < 20_000 && at < rows; n++ {
				a := faceproof.AuditEntry{At: t0 + int64(at)*100, Actor: "app:wx1"}
				key := ""
				switch k := random.IntN(10); {
				case k < 6:
					a.Object = sessions[random.IntN(len(sessions))]
					a.Action, key = []string{"verification.create", "capture.begin", "verification.decide", "portrait.read"}[random.IntN(4)], who[a.Object]
				case k < 8:
					a.Object = fmt.Sprintf("%032x", random.IntN(people))
					a.Action, key = "person.add", "person:"+a.Object
				case k == 8:
					a.Action, a.Object = "token.use", "wx00000000000000a1"
				case random.IntN(50) == 0:
					a.Action = "registry.duplicates"
					if a.At >= from && a.At < to {
						everyone++
					}
				default:
					a.Action, a.Object = "app.quota", "wx00000000000000a1"
				}
				if key != "" && a.At >= from && a.At < to {
					want[key]++
				}
				if err := addAudit(ctx, tx, a); err != nil {
					return err
				}
				at++
			}
			return nil
		}))
	}
	start := time.Now()
	gather := privacy.NewGather()
	must(t, s.EachTouch(ctx, from, to, func(r TouchRow) {
		gather.Add(privacy.Touch{AuditEntry: r.AuditEntry, Person: r.Person, Subject: r.Subject, PersonOfSubject: r.PersonOfSubject, Everyone: r.Everyone})
	}))
	got := gather.Incident(from, to)
	took := time.Since(start)
	wrong := 0
	seen := map[string]bool{}
	for _, p := range got.People {
		seen[p.Who] = true
		if want[p.Who] != p.Rows || p.First < from || p.Last >= to || len(p.Actions) == 0 || !slices.Equal(p.Actors, []string{"app:wx1"}) {
			wrong++
			t.Errorf("%+v, want %d rows", p, want[p.Who])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if !seen[k] {
			wrong++
			t.Errorf("%s is missing", k)
		}
	}
	if everyone > 0 && (len(got.Everyone) != 1 || got.Everyone[0].Rows != everyone) {
		t.Errorf("everyone: %+v, want %d", got.Everyone, everyone)
	}
	if took > 60*time.Second {
		t.Errorf("took %s", took)
	}
	t.Logf("%d rows, %d in the stretch, %d people, %s", rows, got.Rows, len(got.People), took)
	acceptance.Record(t, acceptance.Row{Area: "Incident export", Seed: seed, N: rows, Failures: wrong, Result: fmt.Sprintf("%d rows, %d of them in the stretch, %d people touched, %d wrong, %.1f s", rows, got.Rows, len(got.People), wrong, took.Seconds())})
}
