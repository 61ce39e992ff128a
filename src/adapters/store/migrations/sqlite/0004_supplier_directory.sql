-- The supplier directory, sealed: what it says is encrypted under the organisation's data key, what is looked up are
-- fingerprints under its fingerprint key. Rows of the older tables cannot be sealed by SQL: import the suppliers again.
DROP TABLE supplier_aliases;
DROP TABLE supplier_domains;
DROP TABLE supplier_emails;
DROP TABLE supplier_phones;
DROP TABLE supplier_accounts;
DROP TABLE suppliers;
UPDATE organisations SET directory_generation = directory_generation + 1;

-- Every change to the directory belongs to one: an import, a sync, an edit, a merge, a decision of a case. Rows created
-- by a batch that is `staging` or `undoing` do not exist for anybody else; at most one of an organisation is.
CREATE TABLE supplier_batches (
    id           TEXT PRIMARY KEY,
    org_id       TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL CHECK (kind IN ('import', 'sync', 'edit', 'merge', 'case')),
    state        TEXT NOT NULL CHECK (state IN ('staging', 'committed', 'undoing', 'undone')),
    actor        TEXT NOT NULL,
    source       TEXT NOT NULL,
    hash         TEXT,
    -- 1: the importing person said that all accounts are verified.
    verified     BIGINT NOT NULL,
    counts       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    -- A staging batch that was not touched for long was killed.
    touched_at   BIGINT NOT NULL,
    committed_at BIGINT,
    undone_at    BIGINT,
    undone_by    TEXT
);
CREATE UNIQUE INDEX supplier_batches_hidden ON supplier_batches (org_id) WHERE state IN ('staging', 'undoing');
CREATE INDEX supplier_batches_list ON supplier_batches (org_id, id);

-- batch_id: created by; change_id: last changed by, NULL while as created. merged_into: this id now means that one.
CREATE TABLE suppliers (
    org_id      TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id          TEXT NOT NULL,
    sealed_name BLOB NOT NULL,
    country     TEXT,
    merged_into TEXT,
    batch_id    TEXT NOT NULL,
    change_id   TEXT,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX suppliers_batch ON suppliers (batch_id);
CREATE INDEX suppliers_changed ON suppliers (batch_id) WHERE change_id IS NOT NULL;
CREATE INDEX suppliers_merged ON suppliers (org_id, merged_into) WHERE merged_into IS NOT NULL;

-- Whatever a supplier is known by, with its history: a value is never overwritten, it is retired. (No foreign key to
-- suppliers: their rows are only deleted batch-wise, together, and the check would cost an index over all rows.)
CREATE TABLE supplier_values (
    org_id       TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id           TEXT PRIMARY KEY,
    supplier_id  TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('name', 'alias', 'domain', 'email', 'phone', 'tax', 'company')),
    fingerprint  TEXT NOT NULL,
    sealed_value BLOB NOT NULL,
    source       TEXT NOT NULL,
    added_at     BIGINT NOT NULL,
    added_by     TEXT NOT NULL,
    retired_at   BIGINT,
    retired_by   TEXT,
    batch_id     TEXT NOT NULL,
    change_id    TEXT
);
CREATE UNIQUE INDEX supplier_values_active ON supplier_values (org_id, supplier_id, kind, fingerprint) WHERE retired_at IS NULL;
CREATE INDEX supplier_values_all ON supplier_values (org_id, supplier_id) WHERE retired_at IS NOT NULL;
CREATE INDEX supplier_values_fingerprint ON supplier_values (org_id, fingerprint) WHERE retired_at IS NULL;
CREATE INDEX supplier_values_domains ON supplier_values (org_id, supplier_id) WHERE kind = 'domain' AND retired_at IS NULL;
CREATE INDEX supplier_values_batch ON supplier_values (batch_id);
CREATE INDEX supplier_values_changed ON supplier_values (batch_id) WHERE change_id IS NOT NULL;

-- fingerprint: of the comparison key; last4: of the last four characters, for the search.
CREATE TABLE supplier_accounts (
    org_id        TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id            TEXT PRIMARY KEY,
    supplier_id   TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    last4         TEXT NOT NULL,
    scheme        TEXT NOT NULL,
    country       TEXT NOT NULL,
    sealed_number BLOB NOT NULL,
    sealed_name   BLOB,
    bic           TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'retired', 'blocked')),
    source        TEXT NOT NULL,
    added_by      TEXT NOT NULL,
    verified_by   TEXT,
    verified_at   BIGINT,
    verified_how  TEXT,
    batch_id      TEXT NOT NULL,
    change_id     TEXT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    UNIQUE (org_id, supplier_id, fingerprint)
);
CREATE INDEX supplier_accounts_fingerprint ON supplier_accounts (org_id, fingerprint);
CREATE INDEX supplier_accounts_last4 ON supplier_accounts (org_id, last4);
CREATE INDEX supplier_accounts_batch ON supplier_accounts (batch_id);
CREATE INDEX supplier_accounts_changed ON supplier_accounts (batch_id) WHERE change_id IS NOT NULL;

-- What a batch changed of rows that existed before it: as it was and as it became. Undoing writes the first back; the
-- history of an account's states is read from here. `by`, `at`, `how`: of a verification or a retirement.
CREATE TABLE supplier_changes (
    org_id          TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    batch_id        TEXT NOT NULL,
    entity          TEXT NOT NULL CHECK (entity IN ('supplier', 'value', 'account', 'case')),
    row_id          TEXT NOT NULL,
    before_change   TEXT,
    before_supplier TEXT,
    before_state    TEXT,
    before_name     BLOB,
    before_holder   BLOB,
    before_bic      TEXT,
    before_country  TEXT,
    before_by       TEXT,
    before_at       BIGINT,
    before_how      TEXT,
    after_supplier  TEXT,
    after_state     TEXT,
    after_name      BLOB,
    after_holder    BLOB,
    after_bic       TEXT,
    after_country   TEXT,
    after_by        TEXT,
    after_at        BIGINT,
    after_how       TEXT,
    PRIMARY KEY (batch_id, entity, row_id)
);
CREATE INDEX supplier_changes_row ON supplier_changes (org_id, entity, row_id);

-- Verification cases. requested_by, called_by, decided_by: `operator`, `system`, or a user's id.
CREATE TABLE cases (
    id              TEXT PRIMARY KEY,
    org_id          TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    supplier_id     TEXT NOT NULL,
    account_id      TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,
    sealed_account  BLOB NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('new', 'changed', 'drift')),
    -- The verified account that this one would take the place of.
    replaces        TEXT,
    origin          TEXT NOT NULL CHECK (origin IN ('import', 'sync', 'message', 'person')),
    origin_id       TEXT,
    state           TEXT NOT NULL CHECK (state IN ('open', 'called', 'approved', 'rejected', 'withdrawn')),
    requested_by    TEXT NOT NULL,
    opened_at       BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    -- The number that was called, as a row of supplier_values: never one from a message.
    call_value_id   TEXT,
    call_outcome    TEXT CHECK (call_outcome IN ('confirmed', 'denied', 'no-answer')),
    called_by       TEXT,
    called_at       BIGINT,
    sealed_note     BLOB,
    decided_by      TEXT,
    decided_at      BIGINT,
    sealed_reason   BLOB,
    batch_id        TEXT NOT NULL,
    change_id       TEXT
);
CREATE INDEX cases_list ON cases (org_id, state, id);
CREATE INDEX cases_account ON cases (org_id, account_id);
CREATE INDEX cases_supplier ON cases (org_id, supplier_id);
CREATE INDEX cases_batch ON cases (batch_id);
