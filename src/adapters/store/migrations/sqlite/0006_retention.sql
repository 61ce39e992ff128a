-- What is kept from purging, and what the purges did.

-- Legal holds. scope: the whole organisation, one supplier, one entry of the quarantine; target: its id, or empty.
CREATE TABLE legal_holds (
    org_id        TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id            TEXT NOT NULL,
    scope         TEXT NOT NULL CHECK (scope IN ('organisation', 'supplier', 'entry')),
    target        TEXT NOT NULL,
    sealed_reason BLOB NOT NULL,
    placed_by     TEXT NOT NULL,
    placed_at     BIGINT NOT NULL,
    lifted_by     TEXT,
    lifted_at     BIGINT,
    sealed_lifted BLOB,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX legal_holds_standing ON legal_holds (org_id, scope, target) WHERE lifted_at IS NULL;

-- Reports of purges. One of an organisation runs at a time; one that was not touched for long was killed.
CREATE TABLE retention_runs (
    org_id      TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id          TEXT NOT NULL,
    actor       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    started_at  BIGINT NOT NULL,
    touched_at  BIGINT NOT NULL,
    finished_at BIGINT,
    -- JSON: what was removed of each class, and from when on it is kept.
    report      TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX retention_runs_one ON retention_runs (org_id) WHERE state = 'running';
