-- The audit that proves itself. Entries of the unreleased format before it are not kept: their sealed detail was hashed
-- as stored, so that neither a key could be rotated nor a person's data be erased.

DROP TABLE audit;
DROP TABLE audit_heads;

-- One chain per organisation. `private` is a JSON object of commitments; the values stand in audit_private.
CREATE TABLE audit (
    org_id    TEXT NOT NULL REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    private   TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);

-- Salt and value of a private field, sealed under the data key; deleting a row erases the value and leaves the chain valid.
CREATE TABLE audit_private (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    seq    BIGINT NOT NULL,
    field  TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (org_id, seq, field)
);

-- Who stands behind a pseudonym of the chain. Deleting a row leaves the pseudonym nobody's.
CREATE TABLE audit_persons (
    org_id      TEXT NOT NULL REFERENCES organisations (id),
    pseudonym   TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed_name BLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, pseudonym)
);
CREATE UNIQUE INDEX audit_persons_fingerprint ON audit_persons (org_id, fingerprint);

-- The newest entry of each chain, signed; updating it first serialises the writers of one chain on every engine.
CREATE TABLE audit_heads (
    org_id    TEXT PRIMARY KEY REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    signature TEXT NOT NULL
);
INSERT INTO audit_heads (org_id, seq, at, hash, signature)
SELECT id, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000', '' FROM organisations;

-- What was written to the anchor store, so that the next one can name it.
CREATE TABLE audit_anchors (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    number BIGINT NOT NULL,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    hash   TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (org_id, number)
);

-- Where a pruned chain goes on from, signed. Entries may be deleted up to the newest one and nowhere else.
CREATE TABLE audit_checkpoints (
    org_id    TEXT NOT NULL REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    anchor    BIGINT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot be changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoints c WHERE c.org_id = OLD.org_id AND c.seq >= OLD.seq) BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot be deleted before a checkpoint covers them');
END;
CREATE TRIGGER audit_heads_forward BEFORE UPDATE ON audit_heads
WHEN NEW.seq < OLD.seq OR NEW.org_id <> OLD.org_id BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot be taken back');
END;
CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
WHEN EXISTS (SELECT 1 FROM audit a WHERE a.org_id = OLD.org_id) BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot lose their head');
END;
CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot lose their checkpoint');
END;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_heads h WHERE h.org_id = OLD.org_id) BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot lose their checkpoint');
END;
