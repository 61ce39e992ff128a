-- What organisations change about the rules: thresholds, rules switched off, rules of their own. Every change is a new
-- version; old ones stay, so that a verdict can be replayed under the rules that gave it.
CREATE TABLE org_rules (
    org_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    version    BIGINT NOT NULL,
    -- JSON, sealed under the organisation's data key: own rules may name people and companies.
    sealed     BLOB NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, version)
);
