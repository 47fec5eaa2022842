-- +goose Up

-- How long the app asks to keep what a class of retention names, JSON: days by
-- class. Less than the server keeps, never more.
ALTER TABLE apps ADD COLUMN retain TEXT NOT NULL DEFAULT '{}';

-- Failures of one person in a row, over all apps, after a live face was seen:
-- what NIST SP 800-63B bounds for good. key is the keyed index of the ID number.
CREATE TABLE failures (
    key BYTEA  PRIMARY KEY,
    n   BIGINT NOT NULL,
    at  BIGINT NOT NULL -- of the last one
);
CREATE INDEX failures_age ON failures (at);

-- The browser that opened a verify_id first, as a keyed index: no other may.
ALTER TABLE verifications ADD COLUMN opened_by BYTEA;

-- So that the sweep finds what is due without reading what is not.
CREATE INDEX verifications_evidence ON verifications (app_id, finished_at) WHERE evidence IS NOT NULL;
CREATE INDEX calls_age ON calls (day);
CREATE INDEX consents_app_age ON consents (app_id, given_at);
