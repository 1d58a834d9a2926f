-- Generation jobs and their stories.

-- name: by_ids
SELECT * FROM jobs WHERE job_id = ANY(%(ids)s::text[]);

-- name: versions
SELECT job_id AS key, version FROM jobs WHERE job_id = ANY(%(ids)s::text[]);

-- name: versions_of_users
-- Of a user's jobs together: it rises with any of them. The empty key is everybody.
SELECT user_id AS key, sum(version) AS version
FROM jobs WHERE user_id = ANY(%(ids)s::text[]) AND user_id <> ''
GROUP BY user_id
UNION ALL
SELECT '', (SELECT sum(version) FROM jobs) WHERE '' = ANY(%(ids)s::text[]);

-- name: story
SELECT version, type, occurred_at, body FROM job_events
WHERE job_id = %(id)s AND version > %(after)s
ORDER BY version
LIMIT %(most)s;

-- name: standing
-- The newest jobs, those that go on, and those that a listener knows of as going on; oldest first.
SELECT * FROM jobs
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (
        status IN ('queued', 'processing')
        OR job_id = ANY(%(ids)s::text[])
        OR job_id IN (
            SELECT job_id FROM jobs
            WHERE %(user_id)s::text IS NULL OR user_id = %(user_id)s
            ORDER BY queued_at DESC NULLS LAST
            LIMIT %(newest)s
        )
    )
ORDER BY coalesce(queued_at, updated_at), job_id;

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
