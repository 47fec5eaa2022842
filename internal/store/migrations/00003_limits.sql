-- +goose Up

-- One try that counts against a budget, kept for two days. key is a keyed
-- index: of an ID number, or of an address.
CREATE TABLE attempts (
    kind   TEXT   NOT NULL, -- "subject", "name", "ip"
    key    BYTEA  NOT NULL,
    app_id TEXT   NOT NULL,
    ref    TEXT   NOT NULL, -- id of the verification
    at     BIGINT NOT NULL,
    PRIMARY KEY (kind, ref)
);
CREATE INDEX attempts_key ON attempts (kind, key, at);
CREATE INDEX attempts_age ON attempts (at);

-- Calls of one interface by one app on one day.
CREATE TABLE calls (
    app_id    TEXT   NOT NULL,
    interface TEXT   NOT NULL,
    day       BIGINT NOT NULL, -- days since 1970, in China's time
    n         BIGINT NOT NULL,
    PRIMARY KEY (app_id, interface, day)
);
