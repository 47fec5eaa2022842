-- The text is read by SQLite and PostgreSQL alike: TEXT, BIGINT, BOOLEAN and
-- BYTEA only, time as unix milliseconds, JSON as TEXT, no triggers, no functions
-- of one engine. Migrations go forward only.

-- +goose Up

-- One fact about this database a row.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE apps (
    id             TEXT    PRIMARY KEY,
    name           TEXT    NOT NULL,
    secret_hash    BYTEA   NOT NULL,
    notice         TEXT    NOT NULL, -- JSON
    retention_days BIGINT  NOT NULL, -- of the notice, for the sweep
    permissions    TEXT    NOT NULL, -- JSON
    origins        TEXT    NOT NULL, -- JSON
    alive          BIGINT  NOT NULL,
    revoked        BOOLEAN NOT NULL,
    created_at     BIGINT  NOT NULL
);

CREATE TABLE tokens (
    hash       BYTEA  PRIMARY KEY,
    app_id     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    sealed     BYTEA,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_current ON tokens (app_id, kind, issued_at);
CREATE INDEX tokens_expiry ON tokens (expires_at);

CREATE TABLE user_id_keys (
    hash       BYTEA  PRIMARY KEY,
    app_id     TEXT   NOT NULL,
    sealed     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX user_id_keys_expiry ON user_id_keys (expires_at);

CREATE TABLE verifications (
    id             TEXT   PRIMARY KEY,
    app_id         TEXT   NOT NULL,
    generation     BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    alive          BIGINT NOT NULL,
    out_seq_no     TEXT   NOT NULL,
    openid         TEXT   NOT NULL,
    subject_sealed BYTEA  NOT NULL,
    subject_index  BYTEA  NOT NULL,
    cert_hash      TEXT   NOT NULL,
    verify_id_hash BYTEA,            -- NULL for generation 1
    token_hash     BYTEA,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    consent        TEXT   NOT NULL,
    started_at     BIGINT NOT NULL,
    finished_at    BIGINT NOT NULL,
    decision       TEXT,             -- JSON
    evidence       TEXT,             -- JSON
    end_reason     TEXT   NOT NULL,
    portrait       BIGINT NOT NULL,  -- 0 none, 1 kept, 2 to be deleted
    portrait_due   BIGINT NOT NULL,  -- when the sweep said so
    redeemed_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX verifications_order ON verifications (app_id, out_seq_no) WHERE out_seq_no <> '';
CREATE UNIQUE INDEX verifications_verify_id ON verifications (verify_id_hash);
CREATE INDEX verifications_waiting ON verifications (expires_at) WHERE state = 'created';
CREATE INDEX verifications_running ON verifications (started_at) WHERE state IN ('capturing', 'captured');
CREATE INDEX verifications_portrait_kept ON verifications (finished_at) WHERE portrait = 1;
CREATE INDEX verifications_portrait_going ON verifications (portrait_due) WHERE portrait = 2;
CREATE INDEX verifications_age ON verifications (app_id, finished_at);

CREATE TABLE credentials (
    hash            BYTEA  PRIMARY KEY,
    verification_id TEXT   NOT NULL,
    app_id          TEXT   NOT NULL,
    expires_at      BIGINT NOT NULL,
    used_at         BIGINT NOT NULL -- 0: not yet
);
CREATE INDEX credentials_expiry ON credentials (expires_at);

-- Who somebody is.
CREATE TABLE persons (
    id            TEXT   PRIMARY KEY,
    subject_index BYTEA  NOT NULL UNIQUE,
    name_sealed   BYTEA  NOT NULL,
    number_sealed BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

-- What they look like, apart.
CREATE TABLE templates (
    person_id  TEXT   PRIMARY KEY,
    sealed     BYTEA  NOT NULL,
    model_id   TEXT   NOT NULL,
    frames     BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Rows are only ever added.
CREATE TABLE audit (
    seq    BIGINT PRIMARY KEY,
    at     BIGINT NOT NULL,
    actor  TEXT   NOT NULL,
    action TEXT   NOT NULL,
    object TEXT   NOT NULL,
    detail TEXT   NOT NULL
);
CREATE INDEX audit_object ON audit (object, seq);
