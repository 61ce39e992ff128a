-- What to do with a warning that the message cannot carry.
ALTER TABLE organisations ADD COLUMN untouchable TEXT NOT NULL DEFAULT 'notice'
    CHECK (untouchable IN ('headers', 'notice', 'hold'));

-- The same message handed in twice has one notice beside it. Only such notices have a key.
ALTER TABLE outbox ADD COLUMN dedupe_key TEXT;
CREATE UNIQUE INDEX outbox_dedupe ON outbox (org_id, dedupe_key);
