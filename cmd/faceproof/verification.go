package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
)

func verificationCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "verification",
		Short: "Look at what a verification measured and decided",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(verificationShowCommand(g))
	return c
}

// verificationJSON is a verification as an operator may see it: what was
// measured and decided, and nothing that says who the person is.
type verificationJSON struct {
	ID         string               `json:"id"`
	AppID      faceproof.AppID      `json:"app_id"`
	Generation faceproof.Generation `json:"generation"`
	State      faceproof.State      `json:"state"`
	Alive      string               `json:"alive"` // what was asked
	EndReason  faceproof.Reason     `json:"end_reason,omitempty"`
	CreatedAt  int64                `json:"created_at"`            // unix milliseconds, as are the next ones; absent: not yet
	StartedAt  int64                `json:"started_at,omitempty"`  // the capture
	FinishedAt int64                `json:"finished_at,omitempty"` // the decision, or the end
	RedeemedAt int64                `json:"redeemed_at,omitempty"`
	Decision   *faceproof.Decision  `json:"decision,omitempty"`
	Evidence   *faceproof.Evidence  `json:"evidence,omitempty"` // of the last attempt
}

func verificationShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Print the decision and the evidence of a verification",
		Long: "Prints what was measured in the last attempt of a verification and what was decided.\n" +
			"The ID is the session_id that the server's log and the browser name; it is no secret and\n" +
			"says nothing about the person. The look-up is written into the audit log.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, _, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			v, err := s.Verification(cmd.Context(), faceproof.VerificationKey{ID: args[0]})
			if err != nil {
				return err
			}
			a := faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "verification.show", Object: v.ID}
			if err := s.Audit(cmd.Context(), a); err != nil {
				return err
			}
			out, err := verificationOf(v)
			if err != nil {
				return err
			}
			return answer(g, out, func(w io.Writer) { writeVerification(w, out) })
		},
	}
}

// verificationOf takes what may be shown. A decision or evidence that cannot be
// read is an error: it was written by us.
func verificationOf(v faceproof.Verification) (verificationJSON, error) {
	out := verificationJSON{ID: v.ID, AppID: v.AppID, Generation: v.Generation, State: v.State, Alive: aliveWord(v.Alive),
		EndReason: v.EndReason, CreatedAt: v.CreatedAt, StartedAt: v.StartedAt, FinishedAt: v.FinishedAt, RedeemedAt: v.RedeemedAt}
	for _, part := range []struct {
		name string
		raw  []byte
		into any
	}{{"decision", v.Decision, &out.Decision}, {"evidence", v.Evidence, &out.Evidence}} {
		if len(part.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(part.raw, part.into); err != nil {
			return out, fmt.Errorf("the stored %s of %s: %w", part.name, v.ID, err)
		}
	}
	return out, nil
}

func writeVerification(w io.Writer, v verificationJSON) {
	fmt.Fprintf(w, "%s  app %s  %s\n", v.ID, v.AppID, v.State)
	if v.EndReason != "" {
		fmt.Fprintf(w, "ended: %s\n", v.EndReason)
	}
	if d := v.Decision; d != nil {
		reasons := make([]string, len(d.Reasons))
		for i, r := range d.Reasons {
			reasons[i] = string(r)
		}
		fmt.Fprintf(w, "decision: %s (%s), policy %s\n", d.Outcome, strings.Join(reasons, ", "), d.PolicyID)
		fmt.Fprintf(w, "method: %s, asked for %s, light %s, level %s\n", d.Method, v.Alive, cmp.Or(string(d.Light), "not measured"), cmp.Or(string(d.Level), "none"))
	}
	e := v.Evidence
	if e == nil {
		return
	}
	fmt.Fprintf(w, "attempt %d, pack %s: %d of %d frames, %.1f a second, %.2f MB\n",
		e.Attempt, e.PackID, e.Capture.Received, e.Capture.Captured, e.Capture.FPS, float64(e.Capture.Bytes)/1e6)
	if p := e.Provenance; p != nil {
		fmt.Fprintf(w, "source: %s, score %.2f%s, %d stored frames, %d marks of another capture\n",
			e.Assurance, p.Score, joined(p.Signals), p.Reused, p.Similar)
	}
	if l := e.Light; l != nil {
		fmt.Fprintf(w, "light: amplitude %.3f ± %.3f predicted (%t), face brightness %.2f, clipped %.2f, %.1f frames a second\n",
			l.Amplitude, l.Error, l.Predicted, l.Brightness, l.Clipped, l.FPS)
	}
	if d := e.Digits; d != nil {
		showDigits(w, d)
	}
	if f := e.Flash; f != nil {
		fmt.Fprintf(w, "flash: p %.2g, amplitude %.3f, background %.2f, latency %.0f ms, measurable %t\n",
			f.P, f.Amplitude, f.BackgroundRatio, f.LatencyMS, f.Measurable)
		fmt.Fprintf(w, "shape: L %.1f, kappa %.2f, spread %.2f, cut %.2f\n", f.L, f.Shape.Kappa, f.Shape.Spread, f.Cut)
	}
	if m := e.Match; m != nil {
		fmt.Fprintf(w, "match: score %.1f, at least %.1f; similarity %.3f, threshold %.3f (FMR %.2g), %d against %d frames, model %s\n",
			m.Score, faceproof.MatchScore(m.FMR), m.Similarity, m.Threshold, m.FMR, m.ProbeFrames, m.ReferenceFrames, m.ModelID)
	}
}

func showDigits(w io.Writer, d *faceproof.DigitsEvidence) {
	a, l := d.Audio, d.Lips
	fmt.Fprintf(w, "sound: %s, %.1f s, speech in %.1f s of it, %.0f dB above the rest, peak %.0f dBFS\n",
		cmp.Or(string(a.Fault), "good"), a.DurationMS/1000, a.ActiveMS/1000, a.SNRDB, a.PeakDB)
	fmt.Fprintf(w, "digits: score %.2f, at least %.2f (FAR %.2g), %d heard of %d, %d in time, paced %t, model %s\n",
		d.Score, d.MinA, d.MinFAR, d.Heard, d.Expect, d.InTime, d.Paced, d.Model)
	fmt.Fprintf(w, "lips: sync %.2f, range %.3f, lag %.0f ms, %d frames\n", l.Sync, l.Range, l.LagMS, l.Frames)
}

// joined lists signals behind their score.
func joined(signals []faceproof.Signal) string {
	var b strings.Builder
	for i, s := range signals {
		b.WriteString([]string{" (", ", "}[min(i, 1)] + string(s))
	}
	if len(signals) > 0 {
		b.WriteString(")")
	}
	return b.String()
}
