-- The audit that proves itself; see the SQLite file of the same number.

DROP TABLE audit;
DROP TABLE audit_heads;

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

CREATE TABLE audit_private (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    seq    BIGINT NOT NULL,
    field  TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (org_id, seq, field)
);

CREATE TABLE audit_persons (
    org_id      TEXT NOT NULL REFERENCES organisations (id),
    pseudonym   TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    sealed_name BYTEA NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, pseudonym)
);
CREATE UNIQUE INDEX audit_persons_fingerprint ON audit_persons (org_id, fingerprint);

CREATE TABLE audit_heads (
    org_id    TEXT PRIMARY KEY REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    signature TEXT NOT NULL
);
INSERT INTO audit_heads (org_id, seq, at, hash, signature)
SELECT id, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000', '' FROM organisations;

CREATE TABLE audit_anchors (
    org_id TEXT NOT NULL REFERENCES organisations (id),
    number BIGINT NOT NULL,
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    hash   TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (org_id, number)
);

CREATE TABLE audit_checkpoints (
    org_id    TEXT NOT NULL REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    hash      TEXT NOT NULL,
    anchor    BIGINT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);

SELECT sentra_protect('audit');
SELECT sentra_protect('audit_private');
SELECT sentra_protect('audit_persons');
SELECT sentra_protect('audit_heads');
SELECT sentra_protect('audit_anchors');
SELECT sentra_protect('audit_checkpoints');

CREATE FUNCTION sentra_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries cannot be changed, taken back or lose what proves them';
END
$$;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION sentra_audit_refuse();

CREATE FUNCTION sentra_audit_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_checkpoints c WHERE c.org_id = OLD.org_id AND c.seq >= OLD.seq) THEN
        RAISE EXCEPTION 'audit entries cannot be deleted before a checkpoint covers them';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION sentra_audit_delete();

CREATE TRIGGER audit_heads_forward BEFORE UPDATE ON audit_heads FOR EACH ROW
WHEN (NEW.seq < OLD.seq OR NEW.org_id <> OLD.org_id) EXECUTE FUNCTION sentra_audit_refuse();

CREATE FUNCTION sentra_audit_head_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit a WHERE a.org_id = OLD.org_id) THEN
        RAISE EXCEPTION 'audit entries cannot lose their head';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
FOR EACH ROW EXECUTE FUNCTION sentra_audit_head_delete();

CREATE TRIGGER audit_checkpoints_no_update BEFORE UPDATE ON audit_checkpoints
FOR EACH ROW EXECUTE FUNCTION sentra_audit_refuse();

CREATE FUNCTION sentra_audit_checkpoint_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_heads h WHERE h.org_id = OLD.org_id) THEN
        RAISE EXCEPTION 'audit entries cannot lose their checkpoint';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_checkpoints_no_delete BEFORE DELETE ON audit_checkpoints
FOR EACH ROW EXECUTE FUNCTION sentra_audit_checkpoint_delete();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION sentra_audit_refuse();
CREATE TRIGGER audit_heads_no_truncate BEFORE TRUNCATE ON audit_heads
FOR EACH STATEMENT EXECUTE FUNCTION sentra_audit_refuse();
CREATE TRIGGER audit_checkpoints_no_truncate BEFORE TRUNCATE ON audit_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION sentra_audit_refuse();
