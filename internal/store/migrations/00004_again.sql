-- +goose Up

-- The business's own number under which a credential was used: with it the
-- same app may read the result again. Empty: none was given.
ALTER TABLE credentials ADD COLUMN redeem_seq TEXT NOT NULL DEFAULT '';

-- Questions of the verification's own app that named another order, user or
-- person; at the limit nobody gets an answer any more.
ALTER TABLE verifications ADD COLUMN mismatches BIGINT NOT NULL DEFAULT 0;
