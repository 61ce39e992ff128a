-- The same message handed in twice has one notice beside it. Only such notices have a key.
ALTER TABLE outbox ADD COLUMN dedupe_key TEXT;
CREATE UNIQUE INDEX outbox_dedupe ON outbox (org_id, dedupe_key);
