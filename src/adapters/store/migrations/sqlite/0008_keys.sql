-- Keys have a life: known to all nodes before it is used, used, still opening what it sealed, and of a signing key
-- only the public half. `changed_at` is when the state began (unix milliseconds).
ALTER TABLE org_keys ADD COLUMN state TEXT NOT NULL DEFAULT 'active'
    CHECK (state IN ('staged', 'active', 'old', 'public'));
ALTER TABLE org_keys ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;

-- Which data key sealed the body of an entry, so that nobody has to read objects to know what is under which key.
ALTER TABLE quarantine ADD COLUMN body_key_id BIGINT NOT NULL DEFAULT 1;
CREATE INDEX quarantine_body_key ON quarantine (org_id, body_key_id, id);

-- One row a purpose: the rotation that is under way, or the last one. Whoever continues it reads what is left from the
-- values themselves; `done` of `total` are for people.
CREATE TABLE key_rotations (
    org_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL CHECK (purpose IN ('data', 'fingerprint', 'signing')),
    key_id     BIGINT NOT NULL,
    phase      TEXT NOT NULL CHECK (phase IN ('staged', 'working', 'done')),
    done       BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, purpose)
);

-- Keys for ARC seals (RFC 8617), by domain and selector; the private half is sealed under the data key.
CREATE TABLE arc_keys (
    org_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    domain     TEXT NOT NULL,
    selector   TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('new', 'active', 'old')),
    public_key TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, domain, selector)
);
