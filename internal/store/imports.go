package store

import (
	"context"
	"database/sql"
	"errors"

	"faceproof"
)

// UseImport uses an agreement of two people to an import up, once: what they
// agreed to comes back with who they are. since: when it must have been decided
// at the earliest, unix milliseconds. Errors: CodeNotFound when there is none of
// this id; CodeConflict, field "proposal", when it is not agreed to, too old, or
// used.
func (s *Store) UseImport(ctx context.Context, id string, since int64, actor string) (p faceproof.Proposal, err error) {
	err = s.change(ctx, s.entry(actor, "proposal.used", id, faceproof.ActionImport), func(tx *sql.Tx) error {
		p, err = scanProposal(tx.QueryRowContext(ctx, `UPDATE admin_proposals SET state = $4
			WHERE id = $1 AND action = $2 AND state = 'done' AND decided_at >= $3 AND proposed_by <> decided_by RETURNING `+proposalColumns,
			id, faceproof.ActionImport, since, string(faceproof.ProposalUsed)))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p, err = scanProposal(tx.QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM admin_proposals WHERE id = $1 AND action = $2`, id, faceproof.ActionImport))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("proposal")
		case err != nil:
			return err
		}
		return faceproof.Errorf(faceproof.CodeConflict, "proposal", "is %s, or was agreed to more than a day ago", p.State)
	})
	return p, err
}
