-- +goose Up

-- What the app's policy says of reading digits aloud, JSON.
ALTER TABLE apps ADD COLUMN reading TEXT NOT NULL DEFAULT '{}';
