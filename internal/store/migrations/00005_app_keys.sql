-- +goose Up

-- The app's own quota, and the secret that was replaced a moment ago.
ALTER TABLE apps ADD COLUMN daily_calls BIGINT NOT NULL DEFAULT 0; -- of each interface; 0: the server's
ALTER TABLE apps ADD COLUMN earlier_secret_hash BYTEA;
ALTER TABLE apps ADD COLUMN earlier_secret_until BIGINT NOT NULL DEFAULT 0; -- unix milliseconds
