-- The whole schema. Flags and times are BIGINT (unix milliseconds), documents TEXT (JSON), sealed values BLOB,
-- so that one SQL text runs on every engine. Every table that belongs to an organisation has org_id, and every
-- query names it.

CREATE TABLE organisations (
    id                   TEXT PRIMARY KEY,
    name                 TEXT NOT NULL UNIQUE,
    mode                 TEXT NOT NULL CHECK (mode IN ('monitor', 'tag', 'enforce')),
    tenant_id            TEXT,
    fail_policy          TEXT NOT NULL CHECK (fail_policy IN ('defer', 'deliver-unverified')),
    next_hop_host        TEXT,
    next_hop_port        BIGINT,
    next_hop_tls         TEXT CHECK (next_hop_tls IN ('required', 'opportunistic', 'none')),
    client_certificate   TEXT,
    client_key           TEXT,
    subject_prefix       TEXT,
    -- Increases with every change to suppliers, accounts or own accounts.
    directory_generation BIGINT NOT NULL DEFAULT 1,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL
);

CREATE TABLE org_domains (
    org_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    PRIMARY KEY (org_id, domain)
);

-- Primary addresses (folded = mailbox) and aliases in one table: an address reaches one mailbox of one organisation.
CREATE TABLE mailbox_addresses (
    folded  TEXT PRIMARY KEY,
    org_id  TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    mailbox TEXT NOT NULL
);
CREATE INDEX mailbox_addresses_org ON mailbox_addresses (org_id, mailbox);

CREATE TABLE executives (
    org_id    TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    folded    TEXT NOT NULL,
    name      TEXT NOT NULL,
    addresses TEXT NOT NULL,
    PRIMARY KEY (org_id, folded)
);

CREATE TABLE users (
    org_id        TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    folded        TEXT NOT NULL,
    id            TEXT NOT NULL,
    email         TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('admin', 'reviewer', 'viewer')),
    password_hash TEXT,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (org_id, folded)
);

-- Ingress tokens (several during a rotation) and the return token, sealed under the organisation's data key.
CREATE TABLE org_tokens (
    org_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    purpose    TEXT NOT NULL CHECK (purpose IN ('ingress', 'return')),
    sealed     BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (org_id, id)
);

-- Keys wrapped by the master key, which is never here.
CREATE TABLE org_keys (
    org_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL CHECK (purpose IN ('data', 'fingerprint', 'signing')),
    key_id     BIGINT NOT NULL,
    wrapped    BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, purpose, key_id)
);

CREATE TABLE own_accounts (
    org_id        TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    fingerprint   TEXT NOT NULL,
    scheme        TEXT NOT NULL,
    country       TEXT NOT NULL,
    sealed_number BLOB NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (org_id, fingerprint)
);

-- Suppliers ---------------------------------------------------------------------------------------------------------

CREATE TABLE suppliers (
    org_id         TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id             TEXT NOT NULL,
    name           TEXT NOT NULL,
    folded_name    TEXT NOT NULL,
    vat_number     TEXT,
    company_number TEXT,
    country        TEXT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX suppliers_name ON suppliers (org_id, folded_name);
CREATE INDEX suppliers_vat ON suppliers (org_id, vat_number);
CREATE INDEX suppliers_company ON suppliers (org_id, company_number);

CREATE TABLE supplier_aliases (
    org_id      TEXT NOT NULL,
    supplier_id TEXT NOT NULL,
    folded      TEXT NOT NULL,
    alias       TEXT NOT NULL,
    PRIMARY KEY (org_id, supplier_id, folded),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_aliases_folded ON supplier_aliases (org_id, folded);

CREATE TABLE supplier_domains (
    org_id      TEXT NOT NULL,
    supplier_id TEXT NOT NULL,
    domain      TEXT NOT NULL,
    PRIMARY KEY (org_id, supplier_id, domain),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_domains_domain ON supplier_domains (org_id, domain);

CREATE TABLE supplier_emails (
    org_id      TEXT NOT NULL,
    supplier_id TEXT NOT NULL,
    folded      TEXT NOT NULL,
    email       TEXT NOT NULL,
    PRIMARY KEY (org_id, supplier_id, folded),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_emails_folded ON supplier_emails (org_id, folded);

CREATE TABLE supplier_phones (
    org_id      TEXT NOT NULL,
    supplier_id TEXT NOT NULL,
    phone       TEXT NOT NULL,
    PRIMARY KEY (org_id, supplier_id, phone),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);

-- fingerprint: hex HMAC of the comparison key. The number, its last four and the holder's name are sealed.
CREATE TABLE supplier_accounts (
    org_id        TEXT NOT NULL,
    supplier_id   TEXT NOT NULL,
    fingerprint   TEXT NOT NULL,
    scheme        TEXT NOT NULL,
    country       TEXT NOT NULL,
    sealed_number BLOB NOT NULL,
    sealed_short  BLOB NOT NULL,
    sealed_name   BLOB,
    bic           TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'verified', 'retired', 'blocked')),
    source        TEXT NOT NULL,
    verified_by   TEXT,
    verified_at   BIGINT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (org_id, supplier_id, fingerprint),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_accounts_fingerprint ON supplier_accounts (org_id, fingerprint);

-- Mail --------------------------------------------------------------------------------------------------------------

-- The journal: inserted before the final dot goes onward, completed after. No foreign key: one statement inserts
-- the intents of many organisations, and one of them being erased must not fail the others.
CREATE TABLE messages (
    id          TEXT PRIMARY KEY,
    org_id      TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    action      TEXT NOT NULL,
    severity    TEXT NOT NULL,
    score       BIGINT NOT NULL,
    category    TEXT NOT NULL,
    codes       TEXT NOT NULL,
    ruleset     TEXT NOT NULL,
    size        BIGINT NOT NULL,
    facts       BLOB NOT NULL, -- JSON, sealed under the organisation's data key
    reply_code  BIGINT,
    outcome     TEXT
);
CREATE INDEX messages_received ON messages (org_id, received_at);
CREATE INDEX messages_open ON messages (id) WHERE outcome IS NULL;

-- sealed_row: what a list shows of content (reverse-path, recipients, subject, Message-ID, supplier);
-- sealed_detail: envelope and findings. The body is an object of the same id, until deleted.
CREATE TABLE quarantine (
    id            TEXT PRIMARY KEY,
    org_id        TEXT NOT NULL REFERENCES organisations (id),
    state         TEXT NOT NULL CHECK (state IN
                  ('held', 'claimed', 'approved', 'releasing', 'released', 'rejected', 'deleted', 'expired')),
    received_at   BIGINT NOT NULL,
    severity      TEXT NOT NULL,
    score         BIGINT NOT NULL,
    codes         TEXT NOT NULL,
    size          BIGINT NOT NULL,
    expires_at    BIGINT,
    ruleset       TEXT NOT NULL,
    dedupe_key    TEXT NOT NULL,
    sealed_row    BLOB NOT NULL,
    sealed_detail BLOB NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX quarantine_list ON quarantine (org_id, state, id);
-- The same message handed in twice is one entry while that is undecided; a decided one suppresses nothing.
CREATE UNIQUE INDEX quarantine_dedupe ON quarantine (org_id, dedupe_key)
    WHERE state IN ('held', 'claimed', 'approved', 'releasing');

-- Mail that Sentra itself originates. sealed_octets is absent for a release: its octets are the quarantined body.
CREATE TABLE outbox (
    id              TEXT PRIMARY KEY,
    org_id          TEXT NOT NULL REFERENCES organisations (id),
    kind            TEXT NOT NULL CHECK (kind IN ('notice', 'release')),
    quarantine_id   TEXT REFERENCES quarantine (id),
    sealed_envelope BLOB NOT NULL,
    sealed_octets   BLOB,
    state           TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'uncertain')),
    -- 1 once a try ended without an answer: the recipients may have it twice.
    maybe_twice     BIGINT NOT NULL DEFAULT 0,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL,
    lease_until     BIGINT,
    -- The last answer of the next hop: it may name recipients.
    sealed_reply    BLOB,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state IN ('pending', 'sending', 'uncertain');
CREATE INDEX outbox_quarantine ON outbox (org_id, quarantine_id);

-- Audit -------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    org_id    TEXT NOT NULL REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    action    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    -- Addresses and other personal detail, sealed under the data key; hashed as stored.
    sealed    BLOB,
    prev_hash TEXT NOT NULL,
    hash      TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot be changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'audit entries cannot be deleted');
END;

-- The newest entry of each chain; updating it first serialises the writers of one chain on every engine.
CREATE TABLE audit_heads (
    org_id TEXT PRIMARY KEY REFERENCES organisations (id),
    seq    BIGINT NOT NULL,
    hash   TEXT NOT NULL
);

-- Settings ----------------------------------------------------------------------------------------------------------

CREATE TABLE settings (
    org_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- Counters that every node watches. `config` rises with any change to an organisation; `journal` with each sync.
CREATE TABLE generations (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO generations (name, value) VALUES ('config', 1), ('journal', 1);
