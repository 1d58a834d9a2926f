-- A build: a projection folded anew in a schema of its own.

-- name: one_at_a_time
SELECT pg_try_advisory_lock(hashtextextended('groundswell.build:' || %(schema)s, 0));

-- name: begun
-- What is there of a build that was begun before.
SELECT to_regclass(%(table)s)::text;

-- name: tables
CREATE TABLE builds (
    projection text PRIMARY KEY,
    version integer NOT NULL,
    ends jsonb NOT NULL, -- [{"topic", "partition", "start", "end"}]: what it folds before it follows
    bucketing text NOT NULL, -- how events were put into buckets: their numbers mean nothing else
    begun_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE build_buckets (
    topic text NOT NULL,
    bucket integer NOT NULL, -- is in the tables
    PRIMARY KEY (topic, bucket)
);

-- name: begin
INSERT INTO builds (projection, version, ends, bucketing)
VALUES (%(projection)s, %(version)s, %(ends)s::jsonb, %(bucketing)s);

-- name: resume
SELECT ends FROM builds
WHERE projection = %(projection)s AND version = %(version)s AND bucketing = %(bucketing)s;

-- name: loaded
SELECT bucket FROM build_buckets WHERE topic = %(topic)s;

-- name: load
INSERT INTO build_buckets (topic, bucket) VALUES (%(topic)s, %(bucket)s);

-- name: folded
-- All of a partition up to its end is in the tables.
INSERT INTO projection_checkpoints (projection, version, topic, partition, next_offset)
VALUES (%(projection)s, %(version)s, %(topic)s, %(partition)s, %(end)s)
ON CONFLICT (projection, version, topic, partition) DO UPDATE
SET next_offset = greatest(projection_checkpoints.next_offset, excluded.next_offset);

-- name: standing
-- Where readers know the tables that serve to stand.
SELECT c.topic, c.partition, c.next_offset
FROM projection_checkpoints AS c
JOIN projections AS p ON p.name = c.projection AND p.version = c.version
WHERE p.name = %(projection)s;

-- name: soon_or_not
-- Who waits for a table lets nobody pass who comes later, so it must not wait for long.
SET LOCAL lock_timeout = '50ms';

-- name: what
SELECT
    set_config('groundswell.projection', %(projection)s, true),
    set_config('groundswell.live', %(live)s, true),
    set_config('groundswell.build', %(build)s, true),
    set_config('groundswell.old', %(old)s, true);

-- name: change_over
-- Only names move: the tables that served into a schema of their own, the new ones into their place.
DO $$
DECLARE
    projection text := current_setting('groundswell.projection');
    live text := current_setting('groundswell.live');
    build text := current_setting('groundswell.build');
    old text := current_setting('groundswell.old');
    ours CONSTANT text[] := ARRAY[
        'projections', 'projection_checkpoints', 'projection_status', 'builds', 'build_buckets'
    ];
    built text[] := ARRAY(
        SELECT tablename::text FROM pg_tables
        WHERE schemaname = build AND NOT tablename = ANY (ours) ORDER BY tablename
    );
    serving text[] := ARRAY(
        SELECT tablename::text FROM pg_tables
        WHERE schemaname = live AND tablename = ANY (built) ORDER BY tablename
    );
    name text;
BEGIN
    FOREACH name IN ARRAY serving LOOP
        EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', live, name);
    END LOOP;
    EXECUTE format('CREATE SCHEMA %I', old);
    FOREACH name IN ARRAY serving LOOP
        EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', live, name, old);
    END LOOP;
    FOREACH name IN ARRAY built LOOP
        EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', build, name, live);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['projection_checkpoints', 'projection_status'] LOOP
        EXECUTE format('DELETE FROM %I.%I WHERE projection = %L', live, name, projection);
        EXECUTE format(
            'INSERT INTO %1$I.%2$I SELECT * FROM %3$I.%2$I WHERE projection = %4$L',
            live, name, build, projection
        );
    END LOOP;
    EXECUTE format('DELETE FROM %I.projections WHERE name = %L', live, projection);
    EXECUTE format(
        'INSERT INTO %I.projections SELECT * FROM %I.projections WHERE name = %L',
        live, build, projection
    );
    EXECUTE format('DROP SCHEMA %I CASCADE', build);
END
$$;
