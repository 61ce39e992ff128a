-- The same schema as SQLite's, with row-level security around every table that belongs to an organisation.
--
-- Two roles: the owner of the tables runs these migrations and nothing else; the server's role reads and writes under
-- the policies and cannot change them. A transaction names its organisation in the setting `sentra.org`; without it
-- there are no rows.

-- What the server's role may do with each table, and which reads across organisations see it: kept here, so that
-- `sentra migrate` can give the same rights to another role and the server can check what it finds.
CREATE TABLE sentra_tables (
    name         TEXT COLLATE "C" PRIMARY KEY,
    privileges   TEXT COLLATE "C" NOT NULL,
    system_reads TEXT COLLATE "C" NOT NULL DEFAULT ''
);

-- Texts compare octet by octet as on SQLite, whatever the database's language: ids and names are ordered and paged by
-- them.
CREATE FUNCTION sentra_collate(relation TEXT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found RECORD;
BEGIN
    FOR found IN
        SELECT a.attname FROM pg_attribute a JOIN pg_collation l ON l.oid = a.attcollation
        WHERE a.attrelid = quote_ident(relation)::regclass AND a.attnum > 0 AND NOT a.attisdropped
            AND a.atttypid = 'text'::regtype AND l.collname <> 'C'
        ORDER BY a.attnum
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE TEXT COLLATE "C"', relation, found.attname);
    END LOOP;
END
$$;

-- Every migration that makes a table of an organisation's data calls this for it. `key` is the column that names the
-- organisation; `privileges` what the server's role may do.
CREATE FUNCTION sentra_protect(
    relation TEXT, key TEXT DEFAULT 'org_id', privileges TEXT DEFAULT 'SELECT, INSERT, UPDATE, DELETE'
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sentra_collate(relation);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format(
        'CREATE POLICY sentra_organisation ON %I USING (%I = current_setting(''sentra.org'', true)) '
        'WITH CHECK (%I = current_setting(''sentra.org'', true))', relation, key, key);
    INSERT INTO sentra_tables (name, privileges) VALUES (relation, privileges)
    ON CONFLICT (name) DO UPDATE SET privileges = excluded.privileges, system_reads = '';
END
$$;

-- Gives a role what `sentra_tables` says, and nothing else.
CREATE FUNCTION sentra_grant(role TEXT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known RECORD;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    FOR known IN
        SELECT t.name, t.privileges FROM sentra_tables t WHERE to_regclass(quote_ident(t.name)) IS NOT NULL ORDER BY t.name
    LOOP
        -- A migration may have added a column.
        PERFORM sentra_collate(known.name);
        EXECUTE format('REVOKE ALL ON TABLE %I FROM PUBLIC, %I', known.name, role);
        EXECUTE format('GRANT %s ON TABLE %I TO %I', known.privileges, known.name, role);
    END LOOP;
    EXECUTE format('GRANT SELECT ON TABLE _sqlx_migrations TO %I', role);
END
$$;

-- Lets the named reads (comma-separated) see all rows of a table; an empty list ends that.
CREATE FUNCTION sentra_read_across(relation TEXT, reads TEXT) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Replacing a policy locks the table: only where something changes.
    IF EXISTS (SELECT 1 FROM sentra_tables WHERE name = relation AND system_reads = reads) THEN
        RETURN;
    END IF;
    EXECUTE format('DROP POLICY IF EXISTS sentra_system ON %I', relation);
    IF reads <> '' THEN
        EXECUTE format(
            'CREATE POLICY sentra_system ON %I FOR SELECT '
            'USING (current_setting(''sentra.system'', true) = ANY (string_to_array(%L, '','')))', relation, reads);
    END IF;
    UPDATE sentra_tables SET system_reads = reads WHERE name = relation;
END
$$;

REVOKE ALL ON FUNCTION
    sentra_protect(TEXT, TEXT, TEXT), sentra_grant(TEXT), sentra_read_across(TEXT, TEXT), sentra_collate(TEXT)
FROM PUBLIC;

CREATE TABLE organisations (
    id                   TEXT COLLATE "C" PRIMARY KEY,
    name                 TEXT COLLATE "C" NOT NULL UNIQUE,
    mode                 TEXT COLLATE "C" NOT NULL CHECK (mode IN ('monitor', 'tag', 'enforce')),
    tenant_id            TEXT COLLATE "C",
    fail_policy          TEXT COLLATE "C" NOT NULL CHECK (fail_policy IN ('defer', 'deliver-unverified')),
    next_hop_host        TEXT COLLATE "C",
    next_hop_port        BIGINT,
    next_hop_tls         TEXT COLLATE "C" CHECK (next_hop_tls IN ('required', 'opportunistic', 'none')),
    client_certificate   TEXT COLLATE "C",
    client_key           TEXT COLLATE "C",
    subject_prefix       TEXT COLLATE "C",
    -- Increases with every change to suppliers, accounts or own accounts.
    directory_generation BIGINT NOT NULL DEFAULT 1,
    created_at           BIGINT NOT NULL,
    updated_at           BIGINT NOT NULL
);

CREATE TABLE org_domains (
    org_id TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    domain TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, domain)
);

-- Primary addresses (folded = mailbox) and aliases in one table: an address reaches one mailbox of one organisation.
CREATE TABLE mailbox_addresses (
    folded  TEXT COLLATE "C" PRIMARY KEY,
    org_id  TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    address TEXT COLLATE "C" NOT NULL,
    mailbox TEXT COLLATE "C" NOT NULL
);
CREATE INDEX mailbox_addresses_org ON mailbox_addresses (org_id, mailbox);

CREATE TABLE executives (
    org_id    TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    folded    TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    addresses TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, folded)
);

CREATE TABLE users (
    org_id        TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    folded        TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    email         TEXT COLLATE "C" NOT NULL,
    role          TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'reviewer', 'viewer')),
    password_hash TEXT COLLATE "C",
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (org_id, folded)
);

-- Ingress tokens (several during a rotation) and the return token, sealed under the organisation's data key.
CREATE TABLE org_tokens (
    org_id     TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id         TEXT COLLATE "C" NOT NULL,
    purpose    TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('ingress', 'return')),
    sealed     BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (org_id, id)
);

-- Keys wrapped by the master key, which is never here.
CREATE TABLE org_keys (
    org_id     TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    purpose    TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('data', 'fingerprint', 'signing')),
    key_id     BIGINT NOT NULL,
    wrapped    BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, purpose, key_id)
);

CREATE TABLE own_accounts (
    org_id        TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    fingerprint   TEXT COLLATE "C" NOT NULL,
    scheme        TEXT COLLATE "C" NOT NULL,
    country       TEXT COLLATE "C" NOT NULL,
    sealed_number BYTEA NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (org_id, fingerprint)
);

-- Suppliers ---------------------------------------------------------------------------------------------------------

CREATE TABLE suppliers (
    org_id         TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    id             TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    folded_name    TEXT COLLATE "C" NOT NULL,
    vat_number     TEXT COLLATE "C",
    company_number TEXT COLLATE "C",
    country        TEXT COLLATE "C",
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX suppliers_name ON suppliers (org_id, folded_name);
CREATE INDEX suppliers_vat ON suppliers (org_id, vat_number);
CREATE INDEX suppliers_company ON suppliers (org_id, company_number);

CREATE TABLE supplier_aliases (
    org_id      TEXT COLLATE "C" NOT NULL,
    supplier_id TEXT COLLATE "C" NOT NULL,
    folded      TEXT COLLATE "C" NOT NULL,
    alias       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, supplier_id, folded),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_aliases_folded ON supplier_aliases (org_id, folded);

CREATE TABLE supplier_domains (
    org_id      TEXT COLLATE "C" NOT NULL,
    supplier_id TEXT COLLATE "C" NOT NULL,
    domain      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, supplier_id, domain),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_domains_domain ON supplier_domains (org_id, domain);

CREATE TABLE supplier_emails (
    org_id      TEXT COLLATE "C" NOT NULL,
    supplier_id TEXT COLLATE "C" NOT NULL,
    folded      TEXT COLLATE "C" NOT NULL,
    email       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, supplier_id, folded),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);
CREATE INDEX supplier_emails_folded ON supplier_emails (org_id, folded);

CREATE TABLE supplier_phones (
    org_id      TEXT COLLATE "C" NOT NULL,
    supplier_id TEXT COLLATE "C" NOT NULL,
    phone       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, supplier_id, phone),
    FOREIGN KEY (org_id, supplier_id) REFERENCES suppliers (org_id, id) ON DELETE CASCADE
);

-- fingerprint: hex HMAC of the comparison key. The number, its last four and the holder's name are sealed.
CREATE TABLE supplier_accounts (
    org_id        TEXT COLLATE "C" NOT NULL,
    supplier_id   TEXT COLLATE "C" NOT NULL,
    fingerprint   TEXT COLLATE "C" NOT NULL,
    scheme        TEXT COLLATE "C" NOT NULL,
    country       TEXT COLLATE "C" NOT NULL,
    sealed_number BYTEA NOT NULL,
    sealed_short  BYTEA NOT NULL,
    sealed_name   BYTEA,
    bic           TEXT COLLATE "C",
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'verified', 'retired', 'blocked')),
    source        TEXT COLLATE "C" NOT NULL,
    verified_by   TEXT COLLATE "C",
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
    id          TEXT COLLATE "C" PRIMARY KEY,
    org_id      TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    action      TEXT COLLATE "C" NOT NULL,
    severity    TEXT COLLATE "C" NOT NULL,
    score       BIGINT NOT NULL,
    category    TEXT COLLATE "C" NOT NULL,
    codes       TEXT COLLATE "C" NOT NULL,
    ruleset     TEXT COLLATE "C" NOT NULL,
    size        BIGINT NOT NULL,
    facts       BYTEA NOT NULL, -- JSON, sealed under the organisation's data key
    reply_code  BIGINT,
    outcome     TEXT COLLATE "C"
);
CREATE INDEX messages_received ON messages (org_id, received_at);
CREATE INDEX messages_open ON messages (id) WHERE outcome IS NULL;

-- sealed_row: what a list shows of content (reverse-path, recipients, subject, Message-ID, supplier);
-- sealed_detail: envelope and findings. The body is an object of the same id, until deleted.
CREATE TABLE quarantine (
    id            TEXT COLLATE "C" PRIMARY KEY,
    org_id        TEXT COLLATE "C" NOT NULL REFERENCES organisations (id),
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN
                  ('held', 'claimed', 'approved', 'releasing', 'released', 'rejected', 'deleted', 'expired')),
    received_at   BIGINT NOT NULL,
    severity      TEXT COLLATE "C" NOT NULL,
    score         BIGINT NOT NULL,
    codes         TEXT COLLATE "C" NOT NULL,
    size          BIGINT NOT NULL,
    expires_at    BIGINT,
    ruleset       TEXT COLLATE "C" NOT NULL,
    dedupe_key    TEXT COLLATE "C" NOT NULL,
    sealed_row    BYTEA NOT NULL,
    sealed_detail BYTEA NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX quarantine_list ON quarantine (org_id, state, id);
-- The same message handed in twice is one entry while that is undecided; a decided one suppresses nothing.
CREATE UNIQUE INDEX quarantine_dedupe ON quarantine (org_id, dedupe_key)
    WHERE state IN ('held', 'claimed', 'approved', 'releasing');

-- Mail that Sentra itself originates. sealed_octets is absent for a release: its octets are the quarantined body.
CREATE TABLE outbox (
    id              TEXT COLLATE "C" PRIMARY KEY,
    org_id          TEXT COLLATE "C" NOT NULL REFERENCES organisations (id),
    kind            TEXT COLLATE "C" NOT NULL CHECK (kind IN ('notice', 'release')),
    quarantine_id   TEXT COLLATE "C" REFERENCES quarantine (id),
    sealed_envelope BYTEA NOT NULL,
    sealed_octets   BYTEA,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'uncertain')),
    -- 1 once a try ended without an answer: the recipients may have it twice.
    maybe_twice     BIGINT NOT NULL DEFAULT 0,
    attempts        BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL,
    lease_until     BIGINT,
    -- The last answer of the next hop: it may name recipients.
    sealed_reply    BYTEA,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state IN ('pending', 'sending', 'uncertain');
CREATE INDEX outbox_quarantine ON outbox (org_id, quarantine_id);

-- Audit -------------------------------------------------------------------------------------------------------------

CREATE TABLE audit (
    org_id    TEXT COLLATE "C" NOT NULL REFERENCES organisations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT COLLATE "C" NOT NULL,
    action    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,
    detail    TEXT COLLATE "C" NOT NULL,
    -- Addresses and other personal detail, sealed under the data key; hashed as stored.
    sealed    BYTEA,
    prev_hash TEXT COLLATE "C" NOT NULL,
    hash      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, seq)
);
-- The newest entry of each chain; updating it first serialises the writers of one chain on every engine.
CREATE TABLE audit_heads (
    org_id TEXT COLLATE "C" PRIMARY KEY REFERENCES organisations (id),
    seq    BIGINT NOT NULL,
    hash   TEXT COLLATE "C" NOT NULL
);

-- Settings ----------------------------------------------------------------------------------------------------------

CREATE TABLE settings (
    org_id TEXT COLLATE "C" NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name   TEXT COLLATE "C" NOT NULL,
    value  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, name)
);

-- Counters that every node watches. `config` rises with any change to an organisation; `journal` with each sync.
CREATE TABLE generations (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO generations (name, value) VALUES ('config', 1), ('journal', 1);

-- Who may do what -----------------------------------------------------------------------------------------------------

SELECT sentra_protect('organisations', 'id');
SELECT sentra_protect('org_domains');
SELECT sentra_protect('mailbox_addresses');
SELECT sentra_protect('executives');
SELECT sentra_protect('users');
SELECT sentra_protect('org_tokens');
SELECT sentra_protect('org_keys');
SELECT sentra_protect('own_accounts');
SELECT sentra_protect('suppliers');
SELECT sentra_protect('supplier_aliases');
SELECT sentra_protect('supplier_domains');
SELECT sentra_protect('supplier_emails');
SELECT sentra_protect('supplier_phones');
SELECT sentra_protect('supplier_accounts');
SELECT sentra_protect('messages');
SELECT sentra_protect('quarantine');
SELECT sentra_protect('outbox');
SELECT sentra_protect('audit_heads');
SELECT sentra_protect('settings');
SELECT sentra_protect('audit', 'org_id', 'SELECT, INSERT');
-- Without an organisation: counters, and what is known about the tables.
INSERT INTO sentra_tables (name, privileges) VALUES
    ('generations', 'SELECT, UPDATE'),
    ('sentra_tables', 'SELECT');
