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

-- In which order rows were committed. Positions are drawn when a row is written, which may be long
-- before its commit; places are drawn from the same sequence as the last thing before it. So of two
-- commits of which one was over when the other began, the first has the lower place.
CREATE TABLE IF NOT EXISTS decision_commits (
    position bigint PRIMARY KEY,
    place bigint NOT NULL
);

CREATE OR REPLACE FUNCTION decision_committed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO decision_commits (position, place)
    VALUES (NEW.position, nextval(pg_get_serial_sequence('decision_events', 'position')));
    RETURN NULL;
END;
$$;

DO $$
BEGIN
    -- Making it anew would wait for every open transaction, at each start of a process.
    IF NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = 'decision_events'::regclass AND tgname = 'decision_events_committed'
    ) THEN
        CREATE CONSTRAINT TRIGGER decision_events_committed AFTER INSERT ON decision_events
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION decision_committed();
    END IF;
END;
$$;

-- How far each domain's relay is.
CREATE TABLE IF NOT EXISTS decision_checkpoints (
    domain text PRIMARY KEY,
    -- Everything visible in this snapshot has been published.
    published pg_snapshot NOT NULL,
    -- What is being published: the rows visible in this snapshot and not in the former, ...
    publishing pg_snapshot NOT NULL,
    -- ... of which those up to this place in the order of commits are out.
    position bigint NOT NULL
);
