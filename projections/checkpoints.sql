-- Where each projection stands in the log, and how far behind that is.

-- name: tables
CREATE TABLE IF NOT EXISTS projections (
    name text PRIMARY KEY,
    version integer NOT NULL, -- the version that the tables hold
    since timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS projection_checkpoints (
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL, -- every offset below it is in the tables, or a dead letter
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, topic, partition)
);
CREATE TABLE IF NOT EXISTS projection_status (
    projection text NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    high_watermark bigint NOT NULL, -- end of the partition as last seen
    last_event_at timestamptz, -- log timestamp of the newest event applied
    caught_up_at timestamptz, -- when nothing was left to apply, last seen
    problem text, -- why the partition is not being read; null while it is
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, version, topic, partition)
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_tombstones (key text, log_offset bigint)
ON COMMIT DELETE ROWS;

-- name: keep_writers_out
-- Until the transaction ends: who writes holds the same lock with others, see share.
SELECT pg_advisory_xact_lock(
    hashtextextended('groundswell.projection:' || current_schema() || '.' || %(projection)s, 0)
);

-- name: share
SELECT pg_advisory_xact_lock_shared(
    hashtextextended('groundswell.projection:' || current_schema() || '.' || %(projection)s, 0)
);

-- name: lock_migration
SELECT pg_advisory_xact_lock(hashtextextended('groundswell.projections:' || %(schema)s, 0));

-- name: version
SELECT version FROM projections WHERE name = %(projection)s;

-- name: set_version
INSERT INTO projections (name, version) VALUES (%(projection)s, %(version)s)
ON CONFLICT (name) DO NOTHING;

-- name: begin
-- Only while the tables are of this version. The share lock keeps a migration from passing between
-- the look and the insert.
WITH ours AS (
    SELECT name, version FROM projections
    WHERE name = %(projection)s AND version = %(version)s FOR SHARE
)
INSERT INTO projection_checkpoints (projection, version, topic, partition, next_offset)
SELECT name, version, %(topic)s, %(partition)s, 0 FROM ours
ON CONFLICT DO NOTHING;

-- name: read
SELECT c.next_offset
FROM projection_checkpoints AS c
JOIN projections AS p ON p.name = c.projection AND p.version = c.version
WHERE c.projection = %(projection)s AND c.version = %(version)s
    AND c.topic = %(topic)s AND c.partition = %(partition)s;

-- name: advance
-- Compare and set: no row comes back where somebody else has moved the checkpoint.
UPDATE projection_checkpoints SET next_offset = %(next)s, updated_at = now()
WHERE projection = %(projection)s AND version = %(version)s
    AND topic = %(topic)s AND partition = %(partition)s AND next_offset = %(expected)s
RETURNING next_offset;

-- name: notify
SELECT pg_notify('groundswell', %(payload)s);

-- name: report
INSERT INTO projection_status AS s (
    projection, version, topic, partition, next_offset, high_watermark, last_event_at,
    caught_up_at, problem, updated_at
) VALUES (
    %(projection)s, %(version)s, %(topic)s, %(partition)s, %(next)s, %(high)s, %(last_event_at)s,
    CASE WHEN %(next)s >= %(high)s THEN now() END, %(problem)s, now()
)
ON CONFLICT (projection, version, topic, partition) DO UPDATE SET
    next_offset = excluded.next_offset,
    high_watermark = excluded.high_watermark,
    last_event_at = coalesce(excluded.last_event_at, s.last_event_at),
    caught_up_at = coalesce(excluded.caught_up_at, s.caught_up_at),
    problem = excluded.problem,
    updated_at = excluded.updated_at;

-- name: position
SELECT c.next_offset
FROM projections AS p
JOIN projection_checkpoints AS c ON c.projection = p.name AND c.version = p.version
WHERE p.name = %(projection)s AND c.topic = %(topic)s AND c.partition = %(partition)s;

-- name: lag
-- Behind since: the later of the newest event applied and the last time that nothing was left. A
-- projector that has fallen silent counts as behind since then: what came meanwhile is unknown.
WITH parts AS (
    SELECT
        s.projection,
        s.version,
        s.problem,
        greatest(s.high_watermark - s.next_offset, 0) AS behind,
        extract(epoch FROM now() - greatest(s.last_event_at, s.caught_up_at)) AS behind_s,
        extract(epoch FROM now() - s.updated_at) AS silent_s
    FROM projection_status AS s
)
SELECT
    p.name,
    p.version,
    sum(parts.behind)::bigint AS lag_events,
    max(CASE
        WHEN parts.silent_s > %(stale_s)s THEN parts.silent_s
        WHEN parts.behind = 0 AND parts.problem IS NULL THEN 0
        ELSE greatest(coalesce(parts.behind_s, extract(epoch FROM now() - p.since)), 0)
    END)::double precision AS lag_seconds,
    min(parts.problem) AS problem
FROM projections AS p
LEFT JOIN parts ON parts.projection = p.name AND parts.version = p.version
GROUP BY p.name, p.version
ORDER BY p.name;

-- name: known
-- Whether the projector has ever run on this database.
SELECT to_regclass('projections')::text;
