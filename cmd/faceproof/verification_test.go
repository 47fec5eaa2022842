package main

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

// storeVerification puts a decided verification into a new data folder.
func storeVerification(t *testing.T, dir string, evidence []byte) faceproof.Verification {
	t.Helper()
	s, _, done, err := openStore(&globals{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	decision, err := json.Marshal(faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonBackground}, PolicyID: "p-1"})
	if err != nil {
		t.Fatal(err)
	}
	v := faceproof.Verification{
		ID: strings.Repeat("ab", 16), AppID: "wx0123456789abcdef", Generation: faceproof.Gen1, State: faceproof.StateCaptured, Alive: faceproof.AliveFlash,
		OpenID: "an-open-id", SubjectSealed: []byte("sealed-subject"), SubjectIndex: []byte("subject-index"), CertHash: "cert-hash", TokenHash: []byte("token-hash"),
		Consent: "consent-hash", CreatedAt: 1000, ExpiresAt: 9000, StartedAt: 2000,
	}
	entry := faceproof.AuditEntry{At: 1, Actor: "test", Action: "test", Object: v.ID}
	if err := s.CreateVerification(context.Background(), v, entry); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(context.Background(), v.ID, decision, evidence, false, faceproof.Credential{}, 3000, entry); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVerificationShow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	evidence, err := json.Marshal(faceproof.Evidence{PackID: "standard", Attempt: 2, Flash: &faceproof.FlashEvidence{P: 1e-4, Amplitude: .2, BackgroundRatio: .6, Measurable: true}})
	if err != nil {
		t.Fatal(err)
	}
	v := storeVerification(t, dir, evidence)

	var out, errOut bytes.Buffer
	if code := run([]string{"--data", dir, "--json", "verification", "show", v.ID}, &out, &errOut); code != codeOK {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	var got verificationJSON
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != v.ID || got.Decision == nil || got.Decision.Reasons[0] != faceproof.ReasonBackground || got.Evidence == nil || got.Evidence.Flash.BackgroundRatio != .6 {
		t.Errorf("%s", out.String())
	}
	text := out.String()
	out.Reset()
	if code := run([]string{"--data", dir, "verification", "show", v.ID}, &out, &errOut); code != codeOK {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	if !strings.Contains(out.String(), "decision: reject (background), policy p-1") || !strings.Contains(out.String(), "background 0.60") {
		t.Errorf("%s", out.String())
	}
	text += out.String()
	for _, secret := range []string{"open-id", "subject", "cert-hash", "token-hash", "consent-hash", "c2VhbGVk"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown", secret)
		}
	}

	s, _, done, err := openStore(&globals{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	rows, err := s.AuditLog(context.Background(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	for _, r := range rows {
		if r.Action == "verification.show" && r.Object == v.ID && r.Actor == "cli" {
			looks++
		}
	}
	if looks != 2 {
		t.Errorf("%d look-ups audited, not 2", looks)
	}
}

func TestVerificationShowDigits(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	evidence, err := json.Marshal(faceproof.Evidence{PackID: "standard", Method: faceproof.MethodDigits, Attempt: 1, Digits: &faceproof.DigitsEvidence{Model: "m", Expect: 6, Paced: true,
		Audio: faceproof.AudioEvidence{Fault: faceproof.AudioNoisy, DurationMS: 9100, ActiveMS: 2600, SNRDB: 4, PeakDB: -12},
		Score: -3.1, MinA: -2.5, MinFAR: 1e-3, Heard: 5, InTime: 4, Lips: faceproof.LipsEvidence{Frames: 90, Range: .151, Sync: .45, LagMS: -20}}})
	if err != nil {
		t.Fatal(err)
	}
	v := storeVerification(t, dir, evidence)
	var out, errOut bytes.Buffer
	if code := run([]string{"--data", dir, "verification", "show", v.ID}, &out, &errOut); code != codeOK {
		t.Fatalf("exit %d: %s", code, errOut.String())
	}
	for _, line := range []string{"level none\n", "sound: noisy, 9.1 s, speech in 2.6 s of it, 4 dB above the rest, peak -12 dBFS\n",
		"digits: score -3.10, at least -2.50 (FAR 0.001), 5 heard of 6, 4 in time, paced true, model m\n", "lips: sync 0.45, range 0.151, lag -20 ms, 90 frames\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in %s", line, out.String())
		}
	}
}

func TestVerificationShowBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	v := storeVerification(t, dir, []byte("{"))
	var out, errOut bytes.Buffer
	if code := run([]string{"--data", dir, "verification", "show", v.ID}, &out, &errOut); code != codeFailed || !strings.Contains(errOut.String(), "the stored evidence") {
		t.Errorf("exit %d: %s", code, errOut.String())
	}
}
