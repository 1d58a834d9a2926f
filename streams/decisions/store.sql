-- name: append
-- Positions rise with the versions: they are drawn after the sort. A stream's version before the
-- first new one must be there: what was decided on a state that never came to be is not appended.
-- The relay is told only while it sleeps: notices make all commits of the database wait for one
-- another. While this transaction is open, the relay cannot fall asleep (relay.sql).
WITH appended AS (
    INSERT INTO decision_events (domain, stream_id, version, type, body, occurred_at, event_id)
    SELECT %(domain)s, stream_id, version, type, body, occurred_at, event_id
    FROM unnest(
        %(stream_ids)s::text[], %(befores)s::int[], %(versions)s::int[], %(types)s::text[],
        %(bodies)s::text[]::jsonb[], %(times)s::timestamptz[], %(event_ids)s::text[]
    ) WITH ORDINALITY AS event (
        stream_id, before, version, type, body, occurred_at, event_id, place
    )
    WHERE before = coalesce(
        (
            SELECT former.version FROM decision_events AS former
            WHERE former.domain = %(domain)s
                AND former.stream_id = event.stream_id
                AND former.version = event.before
        ),
        0
    )
    ORDER BY place
    ON CONFLICT (domain, stream_id, version) DO NOTHING
    RETURNING position
),
told AS (
    SELECT pg_notify('groundswell_decisions', %(domain)s)
    WHERE NOT pg_try_advisory_xact_lock_shared(
        hashtextextended('groundswell decisions relay asleep ' || %(domain)s, 0)
    )
)
SELECT count(*), (SELECT count(*) FROM told) FROM appended

-- name: newest
SELECT position, domain, stream_id, version, type, body, occurred_at, event_id
FROM decision_events
WHERE domain = %(domain)s AND stream_id = %(stream_id)s
ORDER BY version DESC
LIMIT 1

-- name: load
SELECT position, domain, stream_id, version, type, body, occurred_at, event_id
FROM decision_events
WHERE domain = %(domain)s AND stream_id = ANY(%(stream_ids)s)
ORDER BY stream_id, version
