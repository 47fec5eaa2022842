-- +goose Up

-- The hashes of the Merkle tree over the audit rows (RFC 6962): of each row its
-- leaf, and then the nodes above it whose last leaf it is, 32 bytes each.
CREATE TABLE audit_tree (
    seq    BIGINT PRIMARY KEY,
    hashes BYTEA  NOT NULL
);

-- One row: how many rows are in the tree. Its lock is what puts concurrent
-- writers in order. The rows that were there before the tree, "old", are brought
-- in at the first start, before anything else is written.
CREATE TABLE audit_head (
    id   BIGINT PRIMARY KEY,
    size BIGINT NOT NULL,
    old  BIGINT NOT NULL
);
INSERT INTO audit_head (id, size, old) SELECT 1, 0, COALESCE(MAX(seq), 0) FROM audit;

-- Signed heads.
CREATE TABLE audit_checkpoints (
    size BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    note TEXT   NOT NULL
);

-- MACs over what was decided, with a key outside the database.
ALTER TABLE verifications ADD COLUMN decision_mac BYTEA;
