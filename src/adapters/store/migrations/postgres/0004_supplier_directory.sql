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
    id           TEXT COLLATE "C" PRIMARY KEY,
    org_id       TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('import', 'sync', 'edit', 'merge', 'case')),
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('staging', 'committed', 'undoing', 'undone')),
    actor        TEXT COLLATE "C" NOT NULL,
    source       TEXT COLLATE "C" NOT NULL,
    hash         TEXT COLLATE "C",
    -- 1: the importing person said that all accounts are verified.
    verified     BIGINT NOT NULL,
    counts       TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    -- A staging batch that was not touched for long was killed.
    touched_at   BIGINT NOT NULL,
    committed_at BIGINT,
    undone_at    BIGINT,
    undone_by    TEXT COLLATE "C"
);
CREATE UNIQUE INDEX supplier_batches_hidden ON supplier_batches (org_id) WHERE state IN ('staging', 'undoing');
CREATE INDEX supplier_batches_list ON supplier_batches (org_id, id);

-- batch_id: created by; change_id: last changed by, NULL while as created. merged_into: this id now means that one.
CREATE TABLE suppliers (
    org_id      TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id          TEXT COLLATE "C" NOT NULL,
    sealed_name BYTEA NOT NULL,
    country     TEXT COLLATE "C",
    merged_into TEXT COLLATE "C",
    batch_id    TEXT COLLATE "C" NOT NULL,
    change_id   TEXT COLLATE "C",
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
    org_id       TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id           TEXT COLLATE "C" PRIMARY KEY,
    supplier_id  TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('name', 'alias', 'domain', 'email', 'phone', 'tax', 'company')),
    fingerprint  TEXT COLLATE "C" NOT NULL,
    sealed_value BYTEA NOT NULL,
    source       TEXT COLLATE "C" NOT NULL,
    added_at     BIGINT NOT NULL,
    added_by     TEXT COLLATE "C" NOT NULL,
    retired_at   BIGINT,
    retired_by   TEXT COLLATE "C",
    batch_id     TEXT COLLATE "C" NOT NULL,
    change_id    TEXT COLLATE "C"
);
CREATE UNIQUE INDEX supplier_values_active ON supplier_values (org_id, supplier_id, kind, fingerprint) WHERE retired_at IS NULL;
CREATE INDEX supplier_values_all ON supplier_values (org_id, supplier_id) WHERE retired_at IS NOT NULL;
CREATE INDEX supplier_values_fingerprint ON supplier_values (org_id, fingerprint) WHERE retired_at IS NULL;
CREATE INDEX supplier_values_domains ON supplier_values (org_id, supplier_id) WHERE kind = 'domain' AND retired_at IS NULL;
CREATE INDEX supplier_values_batch ON supplier_values (batch_id);
CREATE INDEX supplier_values_changed ON supplier_values (batch_id) WHERE change_id IS NOT NULL;

-- fingerprint: of the comparison key; last4: of the last four characters, for the search.
CREATE TABLE supplier_accounts (
    org_id        TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id            TEXT COLLATE "C" PRIMARY KEY,
    supplier_id   TEXT COLLATE "C" NOT NULL,
    fingerprint   TEXT COLLATE "C" NOT NULL,
    last4         TEXT COLLATE "C" NOT NULL,
    scheme        TEXT COLLATE "C" NOT NULL,
    country       TEXT COLLATE "C" NOT NULL,
    sealed_number BYTEA NOT NULL,
    sealed_name   BYTEA,
    bic           TEXT COLLATE "C",
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'verified', 'retired', 'blocked')),
    source        TEXT COLLATE "C" NOT NULL,
    added_by      TEXT COLLATE "C" NOT NULL,
    verified_by   TEXT COLLATE "C",
    verified_at   BIGINT,
    verified_how  TEXT COLLATE "C",
    batch_id      TEXT COLLATE "C" NOT NULL,
    change_id     TEXT COLLATE "C",
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
    org_id          TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    batch_id        TEXT COLLATE "C" NOT NULL,
    entity          TEXT COLLATE "C" NOT NULL CHECK (entity IN ('supplier', 'value', 'account', 'case')),
    row_id          TEXT COLLATE "C" NOT NULL,
    before_change   TEXT COLLATE "C",
    before_supplier TEXT COLLATE "C",
    before_state    TEXT COLLATE "C",
    before_name     BYTEA,
    before_holder   BYTEA,
    before_bic      TEXT COLLATE "C",
    before_country  TEXT COLLATE "C",
    before_by       TEXT COLLATE "C",
    before_at       BIGINT,
    before_how      TEXT COLLATE "C",
    after_supplier  TEXT COLLATE "C",
    after_state     TEXT COLLATE "C",
    after_name      BYTEA,
    after_holder    BYTEA,
    after_bic       TEXT COLLATE "C",
    after_country   TEXT COLLATE "C",
    after_by        TEXT COLLATE "C",
    after_at        BIGINT,
    after_how       TEXT COLLATE "C",
    PRIMARY KEY (batch_id, entity, row_id)
);
CREATE INDEX supplier_changes_row ON supplier_changes (org_id, entity, row_id);

-- Verification cases. requested_by, called_by, decided_by: `operator`, `system`, or a user's id.
CREATE TABLE cases (
    id              TEXT COLLATE "C" PRIMARY KEY,
    org_id          TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    supplier_id     TEXT COLLATE "C" NOT NULL,
    account_id      TEXT COLLATE "C" NOT NULL,
    fingerprint     TEXT COLLATE "C" NOT NULL,
    sealed_account  BYTEA NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL CHECK (kind IN ('new', 'changed', 'drift')),
    -- The verified account that this one would take the place of.
    replaces        TEXT COLLATE "C",
    origin          TEXT COLLATE "C" NOT NULL CHECK (origin IN ('import', 'sync', 'message', 'person')),
    origin_id       TEXT COLLATE "C",
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'called', 'approved', 'rejected', 'withdrawn')),
    requested_by    TEXT COLLATE "C" NOT NULL,
    opened_at       BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    -- The number that was called, as a row of supplier_values: never one from a message.
    call_value_id   TEXT COLLATE "C",
    call_outcome    TEXT COLLATE "C" CHECK (call_outcome IN ('confirmed', 'denied', 'no-answer')),
    called_by       TEXT COLLATE "C",
    called_at       BIGINT,
    sealed_note     BYTEA,
    decided_by      TEXT COLLATE "C",
    decided_at      BIGINT,
    sealed_reason   BYTEA,
    batch_id        TEXT COLLATE "C" NOT NULL,
    change_id       TEXT COLLATE "C"
);
CREATE INDEX cases_list ON cases (org_id, state, id);
CREATE INDEX cases_account ON cases (org_id, account_id);
CREATE INDEX cases_supplier ON cases (org_id, supplier_id);
CREATE INDEX cases_batch ON cases (batch_id);

DELETE FROM sentra_tables WHERE name IN
    ('supplier_aliases', 'supplier_domains', 'supplier_emails', 'supplier_phones', 'supplier_accounts', 'suppliers');
SELECT sentra_protect('supplier_batches');
SELECT sentra_protect('suppliers');
SELECT sentra_protect('supplier_values');
SELECT sentra_protect('supplier_accounts');
SELECT sentra_protect('supplier_changes');
SELECT sentra_protect('cases');
