-- Erasures of one person's data. While one is under way `subject_mark` is the keyed fingerprint of the address, so that the
-- same command finds it again; afterwards it is empty and the row tells of nobody. The id tells a restored database
-- which erasures it has not seen.
CREATE TABLE privacy_erasures (
    org_id       TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id           TEXT NOT NULL,
    subject_mark TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('running', 'done')),
    actor        TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    touched_at   BIGINT NOT NULL,
    finished_at  BIGINT,
    -- JSON: rows erased, by place.
    report       TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX privacy_erasures_running ON privacy_erasures (org_id, subject_mark) WHERE state = 'running';
