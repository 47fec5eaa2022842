-- +goose Up

-- Under which keys a person's values are sealed: 0 the ring's own, 1 keys of
-- the person's own, which are in a database of their own beside this one.
ALTER TABLE persons ADD COLUMN sealing BIGINT NOT NULL DEFAULT 0;
CREATE INDEX persons_sealing ON persons (sealing, id);
