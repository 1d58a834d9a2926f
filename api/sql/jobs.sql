-- Generation jobs and their stories.

-- name: by_ids
SELECT * FROM jobs WHERE job_id = ANY(%(ids)s::text[]);

-- name: page
SELECT *, coalesce(queued_at, updated_at) AS at FROM jobs
WHERE (%(owner)s::text IS NULL OR user_id = %(owner)s)
    AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (
        NOT %(after)s
        OR (coalesce(queued_at, updated_at), job_id)
            < (%(after_at)s::timestamptz, %(after_job_id)s::text)
    )
ORDER BY coalesce(queued_at, updated_at) DESC, job_id DESC
LIMIT %(take)s OFFSET %(skip)s;

-- name: total
SELECT count(*) AS total FROM jobs
WHERE (%(owner)s::text IS NULL OR user_id = %(owner)s)
    AND (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (%(status)s::text IS NULL OR status = %(status)s);

-- name: history
SELECT version, type, occurred_at, body FROM job_events
WHERE job_id = %(id)s
ORDER BY version;

-- name: by_status
SELECT status, count(*) AS jobs FROM jobs
WHERE %(owner)s::text IS NULL OR user_id = %(owner)s
GROUP BY status;

-- name: queued
SELECT priority, count(*) AS jobs FROM jobs
WHERE status = 'queued' AND (%(owner)s::text IS NULL OR user_id = %(owner)s)
GROUP BY priority;

-- name: average_seconds
SELECT avg(processing_s) AS seconds FROM jobs
WHERE status = 'completed' AND (%(owner)s::text IS NULL OR user_id = %(owner)s);

-- name: processing_times
-- How many completed jobs took at most so long; the last bound is infinite.
SELECT bound, count(j.job_id) FILTER (WHERE j.processing_s <= bound) AS jobs,
    coalesce(sum(j.processing_s), 0) AS seconds
FROM unnest(%(bounds)s::double precision[]) AS bounds (bound)
LEFT JOIN jobs AS j ON j.status = 'completed' AND j.processing_s IS NOT NULL
GROUP BY bound
ORDER BY bound;
