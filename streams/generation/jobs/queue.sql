-- name: depths
-- What waits, per queue: entries that are due, and since when the oldest is. Of those that could
-- start from the beginning the lowest id was deferred first: one look at one event, however many
-- wait.
WITH waiting AS (
    SELECT
        queue_name,
        count(*) AS depth,
        min(id) FILTER (WHERE scheduled_at IS NULL) AS first_id,
        min(scheduled_at) AS scheduled_at
    FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
        AND task_name = %(task)s
    GROUP BY queue_name
)
SELECT
    queue_name,
    depth,
    coalesce(extract(epoch FROM now() - least(deferred.at, scheduled_at)), 0)::float8 AS oldest_s
FROM waiting
LEFT JOIN LATERAL (
    SELECT at FROM procrastinate_events
    WHERE job_id = first_id AND type = 'deferred'
    ORDER BY id LIMIT 1
) AS deferred ON true

-- name: promote
-- Of the entries that could start, the one that stands in the queue for longest goes next: ids rise
-- with time. One that goes before all others already stays where it is.
UPDATE procrastinate_jobs SET priority = %(first)s
WHERE id = (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = %(task)s
        AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
) AND status = 'todo' AND priority < %(first)s
