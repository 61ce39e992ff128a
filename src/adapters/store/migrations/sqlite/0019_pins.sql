-- Organisations that are pinned to a database or an object store of their own. Of one with its own database only this
-- row is here, its name, its mailboxes and domains: what routes its mail and keeps two from having the same address.
CREATE TABLE org_pins (
    org_id          TEXT PRIMARY KEY REFERENCES organisations (id) ON DELETE CASCADE,
    -- The URLs, under the master key; NULL: the main database, the common object store.
    sealed_database BLOB,
    sealed_objects  BLOB,
    -- creating: begun, and perhaps interrupted; nothing counts before it is ready. erasing: its keys are destroyed.
    state           TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'erasing')),
    created_at      BIGINT NOT NULL
);
