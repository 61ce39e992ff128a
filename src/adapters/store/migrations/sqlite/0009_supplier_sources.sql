-- Ledgers that are asked for suppliers: what they are, how far they got, and their secrets, sealed under the
-- organisation's data key.
CREATE TABLE supplier_sources (
    org_id         TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,
    -- A JSON object of the options that are no secret.
    options        TEXT NOT NULL,
    sealed_secrets BLOB NOT NULL,
    sealed_tokens  BLOB,
    -- 0: asked by command only.
    every_s        BIGINT NOT NULL,
    due_at         BIGINT NOT NULL,
    -- One sync at a time, on whichever node.
    leased_until   BIGINT NOT NULL,
    cursor         TEXT,
    last_at        BIGINT,
    last_ok_at     BIGINT,
    last_error     TEXT,
    failures       BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, name)
);
