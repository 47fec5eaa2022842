-- +goose Up

-- Where an app is told that a verification was decided or ended, and the outbox.
CREATE TABLE webhooks (
	app_id     TEXT PRIMARY KEY REFERENCES apps (id),
	url        TEXT NOT NULL,
	nonce      TEXT NOT NULL,
	changed_at BIGINT NOT NULL
);
CREATE TABLE webhook_events (
	id              TEXT PRIMARY KEY,
	app_id          TEXT NOT NULL REFERENCES apps (id),
	verification_id TEXT NOT NULL,
	out_seq_no      TEXT NOT NULL DEFAULT '',
	kind            TEXT NOT NULL,
	state           TEXT NOT NULL, -- waiting, delivered, failed
	tries           INTEGER NOT NULL DEFAULT 0,
	status          INTEGER NOT NULL DEFAULT 0,
	created_at      BIGINT NOT NULL,
	due_at          BIGINT NOT NULL,
	done_at         BIGINT NOT NULL DEFAULT 0,
	UNIQUE (verification_id, kind)
);
CREATE INDEX webhook_events_due ON webhook_events (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_events_age ON webhook_events (created_at);

-- The people who run this server, how they prove themselves, and what needs two of them.
CREATE TABLE admins (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	roles      TEXT NOT NULL, -- JSON
	apps       TEXT NOT NULL, -- JSON; empty: all
	disabled   BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE TABLE admin_credentials (
	hash       BLOB PRIMARY KEY, -- SHA-256 of the passkey's id
	admin_id   TEXT NOT NULL REFERENCES admins (id),
	credential TEXT NOT NULL,    -- public key and counter, JSON
	created_at BIGINT NOT NULL
);
CREATE TABLE admin_invites (
	hash       BLOB PRIMARY KEY, -- SHA-256 of the token
	name       TEXT NOT NULL,
	roles      TEXT NOT NULL,
	apps       TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE admin_sessions (
	hash       BLOB PRIMARY KEY, -- SHA-256 of the token
	admin_id   TEXT NOT NULL REFERENCES admins (id),
	created_at BIGINT NOT NULL,
	seen_at    BIGINT NOT NULL
);
CREATE TABLE admin_proposals (
	id          TEXT PRIMARY KEY,
	action      TEXT NOT NULL,
	app_id      TEXT NOT NULL,
	body        TEXT NOT NULL, -- JSON
	reason      TEXT NOT NULL,
	state       TEXT NOT NULL, -- open, approved, done, failed, refused
	proposed_by TEXT NOT NULL REFERENCES admins (id),
	decided_by  TEXT NOT NULL DEFAULT '',
	created_at  BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	decided_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX admin_sessions_age ON admin_sessions (seen_at);
CREATE INDEX admin_proposals_age ON admin_proposals (expires_at);
