-- name: claim
-- Held by the session: it ends with the connection, whatever becomes of the process.
SELECT pg_try_advisory_lock(hashtextextended('groundswell decisions relay ' || %(domain)s, 0))

-- name: sleep
-- Not while a transaction is open that has appended without telling the relay (store.sql). Held by
-- the session, like the claim.
SELECT pg_try_advisory_lock(
    hashtextextended('groundswell decisions relay asleep ' || %(domain)s, 0)
)

-- name: wake
SELECT pg_advisory_unlock(
    hashtextextended('groundswell decisions relay asleep ' || %(domain)s, 0)
)

-- name: checkpoint
-- The first time, a snapshot in which nothing is visible.
INSERT INTO decision_checkpoints (domain, published, publishing, position)
VALUES (%(domain)s, '1:1:', '1:1:', 0)
ON CONFLICT (domain) DO UPDATE SET domain = excluded.domain
RETURNING published::text, publishing::text, position

-- name: snapshot
SELECT pg_current_snapshot()::text

-- name: batch
-- What was committed between the two snapshots, in the order of commits. An open transaction is in
-- neither: it holds nobody up, and it is found between a later pair, however low its positions are.
-- Rows from before places were written down have their positions for that.
SELECT coalesce(place, event.position) AS position,
    domain, stream_id, version, type, body, occurred_at, event_id
FROM decision_events AS event
LEFT JOIN decision_commits AS done ON done.position = event.position
WHERE domain = %(domain)s
    AND xid >= pg_snapshot_xmin(%(published)s::pg_snapshot)
    AND xid < pg_snapshot_xmax(%(publishing)s::pg_snapshot)
    AND pg_visible_in_snapshot(xid, %(publishing)s::pg_snapshot)
    AND NOT pg_visible_in_snapshot(xid, %(published)s::pg_snapshot)
    AND coalesce(place, event.position) > %(position)s
ORDER BY 1
LIMIT %(limit)s

-- name: advance
UPDATE decision_checkpoints
SET published = %(published)s, publishing = %(publishing)s, position = %(position)s
WHERE domain = %(domain)s

-- name: lag
-- Events committed and not yet published, and the age of the oldest in seconds.
SELECT
    count(event.position) AS events,
    coalesce(extract(epoch FROM now() - min(event.occurred_at)), 0)::float8 AS seconds
FROM (SELECT 1) AS one
LEFT JOIN decision_checkpoints AS checkpoint ON checkpoint.domain = %(domain)s
LEFT JOIN decision_events AS event ON event.domain = %(domain)s
    AND event.xid >= coalesce(pg_snapshot_xmin(checkpoint.published), '0'::xid8)
    AND NOT coalesce(pg_visible_in_snapshot(event.xid, checkpoint.published), false)
    AND NOT coalesce(
        pg_visible_in_snapshot(event.xid, checkpoint.publishing)
        AND coalesce(
            (SELECT place FROM decision_commits AS done WHERE done.position = event.position),
            event.position
        ) <= checkpoint.position,
        false
    )
