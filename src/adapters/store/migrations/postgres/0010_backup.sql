-- Backups: who is at work on them, and when what was done last. Of no organisation.
CREATE TABLE backup_state (
    name   TEXT PRIMARY KEY CHECK (name IN ('lease', 'success', 'drill', 'sweep')),
    at     BIGINT NOT NULL,
    detail TEXT NOT NULL
);
INSERT INTO backup_state (name, at, detail) VALUES ('lease', 0, ''), ('success', 0, ''), ('drill', 0, ''), ('sweep', 0, '');
