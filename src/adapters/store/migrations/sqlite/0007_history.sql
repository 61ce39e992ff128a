-- What was seen when and how often in delivered mail, under keyed fingerprints (see src/adapters/history).

CREATE TABLE history (
    org_id     TEXT NOT NULL REFERENCES organisations (id),
    subject    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    detail     TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    times      BIGINT NOT NULL,
    PRIMARY KEY (org_id, subject, kind, detail)
) WITHOUT ROWID;
CREATE INDEX history_age ON history (org_id, kind, last_seen);

-- What a held message would teach, until it is released: a JSON list of marks, all fingerprints.
CREATE TABLE history_held (
    org_id        TEXT NOT NULL REFERENCES organisations (id),
    quarantine_id TEXT NOT NULL,
    held_at       BIGINT NOT NULL,
    marks         TEXT NOT NULL,
    PRIMARY KEY (org_id, quarantine_id)
);
