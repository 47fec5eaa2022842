-- +goose Up

-- The very words that people were shown, by their hash. A text stays as long as
-- a consent to it does.
CREATE TABLE consent_texts (
    hash     TEXT   PRIMARY KEY, -- SHA-256 of body, hex
    lang     TEXT   NOT NULL,
    wording  BIGINT NOT NULL,    -- version of the copy deck
    body     TEXT   NOT NULL,
    first_at BIGINT NOT NULL
);

-- What a person agreed to before a capture. Both indexes are keyed: of the ID
-- number as verifications know it, and as persons do. proven: the capture
-- showed that person. The receipt itself is the person's and is not kept.
CREATE TABLE consents (
    verification_id TEXT    PRIMARY KEY,
    app_id          TEXT    NOT NULL,
    receipt_hash    BYTEA   NOT NULL UNIQUE,
    subject_index   BYTEA   NOT NULL,
    person_index    BYTEA   NOT NULL,
    notice          TEXT    NOT NULL, -- hash of the app's fields
    text_hash       TEXT    NOT NULL,
    guardian        TEXT    NOT NULL, -- role of who ticked for a child, or empty
    given_at        BIGINT  NOT NULL,
    proven          BOOLEAN NOT NULL,
    withdrawn_at    BIGINT  NOT NULL
);
CREATE INDEX consents_subject ON consents (subject_index);
CREATE INDEX consents_person ON consents (person_index);
CREATE INDEX consents_age ON consents (given_at);
CREATE INDEX consents_text ON consents (text_hash);

-- Who has taken a consent back: no session begins for them until they are
-- enrolled anew. deleted_at: their face data is gone; 0: still to be done.
CREATE TABLE withdrawals (
    person_index  BYTEA  PRIMARY KEY,
    subject_index BYTEA  NOT NULL UNIQUE,
    receipt       TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    deleted_at    BIGINT NOT NULL
);

-- Numbers of people holding face data that were reached, and when. The number
-- itself is in meta, name 'people'.
CREATE TABLE people_levels (
    level BIGINT PRIMARY KEY,
    at    BIGINT NOT NULL
);
INSERT INTO meta (name, value) SELECT 'people', CAST(COUNT(*) AS TEXT) FROM templates WHERE person_id <> 'decoy';

-- What the app does when the person is under 14.
ALTER TABLE apps ADD COLUMN minors TEXT NOT NULL DEFAULT 'refuse';

-- A withdrawal ends the person's sessions.
CREATE INDEX verifications_subject ON verifications (subject_index);
