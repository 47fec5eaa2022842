-- The keys of persons, in a database of their own: who has a backup of the other
-- one has no key, and a key that is destroyed here is gone from all of them.

-- +goose Up

-- One fact about this database a row.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Both keys are wrapped by a key-encryption key that is in no database; kek
-- names it.
CREATE TABLE person_keys (
    person_id TEXT  PRIMARY KEY,
    identity  BYTEA NOT NULL,
    biometric BYTEA NOT NULL,
    kek       TEXT  NOT NULL
);
