-- name: claim
-- Held by the session: of several workers one sweeps.
SELECT pg_try_advisory_lock(hashtextextended('groundswell artifacts sweep', 0))

-- name: jobs
-- What the stories of jobs say of their files.
SELECT
    stream_id AS job_id,
    bool_or(type IN ('Completed', 'Failed', 'Cancelled')) AS ended,
    coalesce(max((body ->> 'attempt')::int) FILTER (WHERE type = 'AttemptStarted'), 0) AS attempt,
    max(occurred_at) FILTER (WHERE type = 'Completed') AS completed_at,
    array_remove(
        array_agg(body ->> 'artifact') || array_agg(body ->> 'thumbnail'), NULL
    ) AS files,
    bool_or(type = 'ArtifactsExpired') AS expired
FROM decision_events
WHERE domain = %(domain)s AND stream_id = ANY(%(job_ids)s) AND type <> 'Progressed'
GROUP BY stream_id
