-- Analyses and their stories.

-- name: one
SELECT a.*,
    (SELECT count(*) FROM analysis_found AS f WHERE f.analysis_id = a.analysis_id) AS channels,
    (SELECT count(*) FROM analysis_scored AS s WHERE s.analysis_id = a.analysis_id) AS analyzed
FROM analyses AS a
WHERE a.analysis_id = %(id)s;

-- name: page
-- Not their results, which are long: how many there are is in the summary.
SELECT analysis_id, user_id, state, step, progress, request, summary, requested_at, started_at,
    finished_at, updated_at, coalesce(requested_at, updated_at) AS at
FROM analyses
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (
        NOT %(after)s
        OR (coalesce(requested_at, updated_at), analysis_id)
            < (%(after_at)s::timestamptz, %(after_analysis_id)s::text)
    )
ORDER BY coalesce(requested_at, updated_at) DESC, analysis_id DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: total
SELECT count(*) AS total FROM analyses
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (%(state)s::text IS NULL OR state = %(state)s);

-- name: versions
SELECT analysis_id AS key, version FROM analyses WHERE analysis_id = ANY(%(ids)s::text[]);

-- name: story
SELECT version, type, occurred_at, body FROM analysis_events
WHERE analysis_id = %(id)s AND version > %(after)s
ORDER BY version
LIMIT %(most)s;

-- name: progress_at
SELECT max((body ->> 'step')::integer) AS step,
    max((body ->> 'progress')::double precision) AS progress
FROM analysis_events
WHERE analysis_id = %(id)s AND version <= %(version)s;
