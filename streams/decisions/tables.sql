-- Decisions as they were made. Rows are only ever added.
CREATE TABLE IF NOT EXISTS decision_events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The transaction that wrote the row: the relay tells by it what was committed when.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    domain text NOT NULL,
    stream_id text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    type text NOT NULL,
    body jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_id text NOT NULL UNIQUE,
    UNIQUE (domain, stream_id, version)
);

CREATE INDEX IF NOT EXISTS decision_events_commits ON decision_events (domain, xid, position);

-- How far each domain's relay is.
CREATE TABLE IF NOT EXISTS decision_checkpoints (
    domain text PRIMARY KEY,
    -- Everything visible in this snapshot has been published.
    published pg_snapshot NOT NULL,
    -- What is being published: the rows visible in this snapshot and not in the former, ...
    publishing pg_snapshot NOT NULL,
    -- ... of which those up to this position are out.
    position bigint NOT NULL
);
