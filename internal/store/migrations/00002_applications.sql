-- +goose Up

-- What a business said about itself, and where its application stands.
CREATE TABLE applications (
    id           TEXT   PRIMARY KEY,
    state        TEXT   NOT NULL,
    source       TEXT   NOT NULL, -- applicant, operator
    reason       TEXT   NOT NULL, -- of a rejection
    name         TEXT   NOT NULL,
    notice       TEXT   NOT NULL, -- JSON
    category     TEXT   NOT NULL,
    daily_volume BIGINT NOT NULL,
    peak         BIGINT NOT NULL,
    interfaces   TEXT   NOT NULL, -- JSON
    image_basis  TEXT   NOT NULL,
    origins      TEXT   NOT NULL, -- JSON
    alive        BIGINT NOT NULL,
    licences     TEXT   NOT NULL, -- JSON; the files are sealed blobs
    app_id       TEXT   NOT NULL, -- empty until approved
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX applications_app ON applications (app_id) WHERE app_id <> '';

-- The apps of before were the operator's own.
INSERT INTO applications (id, state, source, reason, name, notice, category, daily_volume, peak, interfaces, image_basis,
                          origins, alive, licences, app_id, version, created_at, updated_at)
SELECT 'ap_' || substr(id, 3), 'approved', 'operator', '', name, notice, 'other', 0, 0, permissions, '',
       origins, alive, '[]', id, 1, created_at, created_at
FROM apps;
