/** The steps that make the agent's store, oldest first; a step that has shipped is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE identity (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    epoch TEXT NOT NULL,
    connection INTEGER NOT NULL,
    next_sequence INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    link_up INTEGER NOT NULL,
    link_since_ms INTEGER
  ) STRICT;
  CREATE TABLE desired (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL,
    hash TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE TABLE machines (
    uid TEXT PRIMARY KEY,
    desired TEXT NOT NULL,
    memory TEXT NOT NULL
  ) STRICT;
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sequence INTEGER UNIQUE,
    subject TEXT,
    body TEXT NOT NULL,
    happened_at_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL
  ) STRICT;
  CREATE INDEX outbox_unsent_subject ON outbox (subject) WHERE sequence IS NULL;
  `,
  `
  CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    response TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX responses_by_expiry ON responses (expires_at_ms);
  `,
  `
  ALTER TABLE identity ADD COLUMN numbered_through INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE identity ADD COLUMN lost TEXT;
  UPDATE identity SET numbered_through = (SELECT coalesce(max(id), 0) FROM outbox WHERE sequence IS NOT NULL);
  CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    subject TEXT,
    body TEXT NOT NULL,
    happened_at_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL
  ) STRICT;
  CREATE INDEX reports_by_subject ON reports (subject) WHERE subject IS NOT NULL;
  CREATE TABLE dropped (
    what TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    happened_at_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL
  ) STRICT;
  INSERT INTO reports
    SELECT id, CASE WHEN json_extract(body, '$.kind') = 'metrics' THEN 'metrics' ELSE subject END,
      body, happened_at_ms, monotonic_ms, boot_id
    FROM outbox;
  INSERT INTO dropped
    SELECT 'events', dropped, coalesce(happened_at_ms, 0), coalesce(happened_at_ms, 0),
      coalesce(happened_at_ms, 0), coalesce(monotonic_ms, 0), coalesce(boot_id, '')
    FROM identity LEFT JOIN (SELECT * FROM outbox ORDER BY id LIMIT 1)
    WHERE dropped > 0;
  DROP TABLE outbox;
  ALTER TABLE identity DROP COLUMN dropped;
  `,
];
