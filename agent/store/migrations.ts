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
];
