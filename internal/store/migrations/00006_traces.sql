-- +goose Up

-- Marks of earlier captures, to know one that comes again. mark is a keyed hash:
-- of the bytes of a frame (kind "frame"), or of a band of a similarity hash of
-- movement and light ("motion"). Without the key it says nothing, and nothing
-- here says who was seen.
CREATE TABLE traces (
    kind TEXT   NOT NULL,
    mark BYTEA  NOT NULL,
    ref  TEXT   NOT NULL, -- keyed: the verification and its attempt
    at   BIGINT NOT NULL,
    PRIMARY KEY (kind, mark, ref)
);
CREATE INDEX traces_age ON traces (at);
