-- name: cancel
-- A waiting entry never runs; the worker of a running one is told at once.
SELECT procrastinate_cancel_job_v1(id, true, false)
FROM procrastinate_jobs
WHERE lock = %(lock)s AND status IN ('todo', 'doing')

-- name: rescue
-- Entries whose worker is gone go back into their queue. The row lock makes rescuers take turns:
-- without it a late one could take an entry from the worker that has just been given it. They go
-- back under a new id: a worker that only slept knows the old one, and can end nobody else's entry.
-- A rescuer whose own sign of life is old looks at nothing: it was PostgreSQL that stood still.
WITH lost AS (
    SELECT entry.id
    FROM procrastinate_jobs AS entry
    WHERE entry.status = 'doing'
        AND (
            %(worker_id)s::bigint IS NULL
            OR EXISTS (
                SELECT FROM procrastinate_workers
                WHERE id = %(worker_id)s
                    AND last_heartbeat >= now() - make_interval(secs => %(silent_s)s)
            )
        )
        AND (
            entry.id = ANY(%(orphans)s)
            OR entry.worker_id IS NULL
            OR EXISTS (
                SELECT FROM procrastinate_workers AS worker
                WHERE worker.id = entry.worker_id
                    AND worker.last_heartbeat < now() - make_interval(secs => %(silent_s)s)
            )
        )
    FOR UPDATE OF entry SKIP LOCKED
), ended AS (
    DELETE FROM procrastinate_jobs AS entry USING lost WHERE entry.id = lost.id
    RETURNING entry.*
)
INSERT INTO procrastinate_jobs (
    queue_name, task_name, priority, lock, queueing_lock, args, attempts
)
SELECT queue_name, task_name, priority, lock, queueing_lock, args, attempts + 1
FROM ended WHERE NOT abort_requested
RETURNING id

-- name: doing
SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %(worker_id)s
