package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
)

func registryUnlockCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "unlock < number.json",
		Short: "Forget the failures of a person whom you have identified by other means",
		Long: "After too many failures in a row (serve --person-failures-total) only the other\n" +
			"method is left for a person. When you have seen by it who they are, this lets them\n" +
			"be verified by their face again. It reads {\"id_number\": \"…\"} from stdin.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dec := json.NewDecoder(io.LimitReader(cmd.InOrStdin(), 4<<10))
			dec.DisallowUnknownFields()
			var in struct {
				Number string `json:"id_number"`
			}
			if dec.Decode(&in) != nil {
				return faceproof.Errorf(faceproof.CodeInvalid, "stdin", "must be one JSON object with id_number")
			}
			number, err := faceproof.ParseIDNumber(in.Number, "id_number", time.Now())
			if err != nil {
				return err
			}
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			found, err := s.Unlock(cmd.Context(), ring.Index("subject", []byte(number.Reveal())),
				faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "person.unlock"})
			if err != nil {
				return err
			}
			return answer(g, map[string]bool{"unlocked": found}, func(w io.Writer) {
				if found {
					fmt.Fprintln(w, "unlocked")
				} else {
					fmt.Fprintln(w, "there were no failures")
				}
			})
		},
	}
}
