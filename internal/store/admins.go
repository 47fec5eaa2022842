package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"faceproof"
)

// Invite keeps an invitation.
func (s *Store) Invite(ctx context.Context, i faceproof.AdminInvite, actor string) error {
	roles, apps, err := adminJSON(i.Roles, i.Apps)
	if err != nil {
		return err
	}
	return s.change(ctx, s.entry(actor, "admin.invite", "", roles), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO admin_invites (hash, name, roles, apps, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			i.Hash, i.Name, roles, apps, i.CreatedAt, i.ExpiresAt)
		return err
	})
}

// OpenInvite gives an invitation that can still be used. Errors: CodeNotFound,
// the same for an unknown, used or expired one.
func (s *Store) OpenInvite(ctx context.Context, hash []byte, at int64) (i faceproof.AdminInvite, err error) {
	var roles, apps string
	err = s.reader.QueryRowContext(ctx, `SELECT hash, name, roles, apps, created_at, expires_at FROM admin_invites WHERE hash = $1 AND used_at = 0 AND expires_at > $2`, hash, at).
		Scan(&i.Hash, &i.Name, &roles, &apps, &i.CreatedAt, &i.ExpiresAt)
	if errors.Is(err, sql.ErrNoRows) {
		return i, notFound("invitation")
	}
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(roles), &i.Roles), json.Unmarshal([]byte(apps), &i.Apps))
	}
	return i, fail(err)
}

// Enrol uses an invitation up, once: the admin with the roles that it names, and
// the first passkey. Errors: CodeNotFound as OpenInvite; CodeConflict when the
// passkey is somebody's already.
func (s *Store) Enrol(ctx context.Context, invite []byte, a faceproof.Admin, credentialHash, credential []byte, at int64) error {
	roles, apps, err := adminJSON(a.Roles, a.Apps)
	if err != nil {
		return err
	}
	return s.change(ctx, s.entry("admin:"+a.ID, "admin.enrol", a.ID, roles), func(tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, `UPDATE admin_invites SET used_at = $2 WHERE hash = $1 AND used_at = 0 AND expires_at > $2 AND roles = $3 AND apps = $4`, invite, at, roles, apps))("invitation")
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO admins (id, name, roles, apps, disabled, created_at) VALUES ($1, $2, $3, $4, FALSE, $5)`, a.ID, a.Name, roles, apps, at); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO admin_credentials (hash, admin_id, credential, created_at) VALUES ($1, $2, $3, $4)`, credentialHash, a.ID, string(credential), at)
		return err
	})
}

// adminColumns of a row a; the last is the record of how the admin logs in, one
// for each admin.
const adminColumns = `a.id, a.name, a.roles, a.apps, a.disabled, a.created_at, COALESCE((SELECT r.credential FROM admin_credentials r WHERE r.admin_id = a.id LIMIT 1), '')`

// Admins lists all, oldest first.
func (s *Store) Admins(ctx context.Context) (out []faceproof.Admin, err error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+adminColumns+` FROM admins a ORDER BY a.created_at, a.id`)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		a, err := scanAdmin(rows)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, a)
	}
	return out, fail(rows.Err())
}

// Passkeys gives an admin and his passkeys. Errors: CodeNotFound, for a disabled
// one and for one of an identity provider too.
func (s *Store) Passkeys(ctx context.Context, id string) (a faceproof.Admin, credentials [][]byte, err error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+adminColumns+`, c.credential FROM admins a JOIN admin_credentials c ON c.admin_id = a.id WHERE a.id = $1 AND NOT a.disabled`, id)
	if err != nil {
		return a, nil, fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c string
		if a, err = scanAdmin(rows, &c); err != nil {
			return a, nil, fail(err)
		}
		if a.Provided == nil {
			credentials = append(credentials, []byte(c))
		}
	}
	if err = rows.Err(); err == nil && len(credentials) == 0 {
		err = notFound("admin")
	}
	return a, credentials, fail(err)
}

// ProvidedAdmin gives the admin whom an identity provider knows by a hash of
// issuer and subject. Errors: CodeNotFound, for a disabled one too.
func (s *Store) ProvidedAdmin(ctx context.Context, hash []byte) (faceproof.Admin, error) {
	a, err := scanAdmin(s.reader.QueryRowContext(ctx, `SELECT `+adminColumns+` FROM admins a JOIN admin_credentials c ON c.admin_id = a.id WHERE c.hash = $1 AND NOT a.disabled`, hash))
	if errors.Is(err, sql.ErrNoRows) || err == nil && a.Provided == nil {
		return faceproof.Admin{}, notFound("admin")
	}
	return a, fail(err)
}

// LogIn opens a session after a passkey or an identity provider's statement was
// checked, and keeps the passkey's counter, or the roles that the provider says.
func (s *Store) LogIn(ctx context.Context, session faceproof.AdminSession, credentialHash, credential []byte) error {
	how := ""
	if faceproof.ParseProvided(credential) != nil {
		how = "oidc"
	}
	return s.change(ctx, s.entry("admin:"+session.AdminID, "admin.login", session.AdminID, how), func(tx *sql.Tx) error {
		err := one(tx.ExecContext(ctx, `UPDATE admin_credentials SET credential = $3 WHERE hash = $1 AND admin_id = $2`, credentialHash, session.AdminID, string(credential)))("passkey")
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO admin_sessions (hash, admin_id, created_at, seen_at) VALUES ($1, $2, $3, $4)`, session.Hash, session.AdminID, session.CreatedAt, session.SeenAt)
		return err
	})
}

// Session gives who a token is, if it began after begun and was seen after seen,
// and notes that it was seen. Errors: CodeNotFound, the same for all.
func (s *Store) Session(ctx context.Context, hash []byte, begun, seen, at int64) (faceproof.Admin, error) {
	var last, began int64
	a, err := scanAdmin(s.reader.QueryRowContext(ctx, `SELECT `+adminColumns+`, x.seen_at, x.created_at FROM admin_sessions x JOIN admins a ON a.id = x.admin_id
		WHERE x.hash = $1 AND x.created_at > $2 AND x.seen_at > $3 AND NOT a.disabled`, hash, begun, seen), &last, &began)
	a.ShownAt = began
	if errors.Is(err, sql.ErrNoRows) {
		return faceproof.Admin{}, notFound("session")
	}
	if err != nil {
		return faceproof.Admin{}, fail(err)
	}
	if at-last >= 30_000 { // to half a minute: a click is no write
		err = s.write(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE admin_sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2`, hash, at)
			return err
		})
	}
	return a, err
}

// LogOut ends a session.
func (s *Store) LogOut(ctx context.Context, hash []byte, admin string) error {
	return s.change(ctx, s.entry("admin:"+admin, "admin.logout", admin, ""), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM admin_sessions WHERE hash = $1`, hash)
		return err
	})
}

// DisableAdmin ends an admin and his sessions for good. Errors: CodeNotFound.
func (s *Store) DisableAdmin(ctx context.Context, id, actor string) error {
	return s.change(ctx, s.entry(actor, "admin.disable", id, ""), func(tx *sql.Tx) error {
		if err := one(tx.ExecContext(ctx, `UPDATE admins SET disabled = TRUE WHERE id = $1`, id))("admin"); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM admin_sessions WHERE admin_id = $1`, id)
		return err
	})
}

const proposalColumns = `id, action, app_id, body, reason, state, proposed_by, decided_by, created_at, expires_at, decided_at`

// Propose keeps what waits for a second person.
func (s *Store) Propose(ctx context.Context, p faceproof.Proposal) error {
	return s.change(ctx, s.entry("admin:"+p.ProposedBy, "proposal.open", p.ID, p.Action), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO admin_proposals (`+proposalColumns+`) VALUES (`+list(11)+`)`, p.ID, p.Action, string(p.AppID), string(p.Body), p.Reason,
			string(faceproof.ProposalOpen), p.ProposedBy, "", p.CreatedAt, p.ExpiresAt, int64(0))
		return err
	})
}

// DecideProposal lets another admin than the one who proposed agree or refuse,
// once, before it expires. Errors: CodeNotFound; CodeForbidden for the same
// person; CodeConflict when it is decided or expired.
func (s *Store) DecideProposal(ctx context.Context, id, admin string, agree bool, at int64) (p faceproof.Proposal, err error) {
	state := faceproof.ProposalRefused
	if agree {
		state = faceproof.ProposalApproved
	}
	err = s.change(ctx, s.entry("admin:"+admin, "proposal."+string(state), id, ""), func(tx *sql.Tx) error {
		p, err = scanProposal(tx.QueryRowContext(ctx, `UPDATE admin_proposals SET state = $3, decided_by = $2, decided_at = $4
			WHERE id = $1 AND state = 'open' AND proposed_by <> $2 AND expires_at > $4 RETURNING `+proposalColumns, id, admin, string(state), at))
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p, err = scanProposal(tx.QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM admin_proposals WHERE id = $1`, id))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("proposal")
		case err != nil:
			return err
		case p.ProposedBy == admin:
			return faceproof.Errorf(faceproof.CodeForbidden, "proposal", "another person must agree")
		}
		return faceproof.Errorf(faceproof.CodeConflict, "proposal", "is %s or expired", p.State)
	})
	return p, err
}

// EndProposal records what became of an approved proposal.
func (s *Store) EndProposal(ctx context.Context, id string, state faceproof.ProposalState, actor string) error {
	return s.change(ctx, s.entry(actor, "proposal."+string(state), id, ""), func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE admin_proposals SET state = $2 WHERE id = $1 AND state = 'approved'`, id, string(state)))("proposal")
	})
}

// Proposal finds one. Errors: CodeNotFound.
func (s *Store) Proposal(ctx context.Context, id string) (faceproof.Proposal, error) {
	p, err := scanProposal(s.reader.QueryRowContext(ctx, `SELECT `+proposalColumns+` FROM admin_proposals WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("proposal")
	}
	return p, fail(err)
}

// Proposals lists up to 200, newest first.
func (s *Store) Proposals(ctx context.Context) (out []faceproof.Proposal, err error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+proposalColumns+` FROM admin_proposals ORDER BY created_at DESC, id LIMIT 200`)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		p, err := scanProposal(rows)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, p)
	}
	return out, fail(rows.Err())
}

func scanProposal(row scanner) (p faceproof.Proposal, err error) {
	var body string
	err = row.Scan(&p.ID, &p.Action, &p.AppID, &body, &p.Reason, &p.State, &p.ProposedBy, &p.DecidedBy, &p.CreatedAt, &p.ExpiresAt, &p.DecidedAt)
	p.Body = json.RawMessage(body)
	return p, err
}

func scanAdmin(row scanner, more ...any) (a faceproof.Admin, err error) {
	var roles, apps, record string
	if err = row.Scan(append([]any{&a.ID, &a.Name, &roles, &apps, &a.Disabled, &a.CreatedAt, &record}, more...)...); err != nil {
		return a, err
	}
	a.Provided = faceproof.ParseProvided([]byte(record))
	return a, errors.Join(json.Unmarshal([]byte(roles), &a.Roles), json.Unmarshal([]byte(apps), &a.Apps))
}

func adminJSON(roles []faceproof.Role, apps []faceproof.AppID) (string, string, error) {
	r, err := json.Marshal(append([]faceproof.Role{}, roles...))
	a, e := json.Marshal(append([]faceproof.AppID{}, apps...))
	return string(r), string(a), errors.Join(err, e)
}
