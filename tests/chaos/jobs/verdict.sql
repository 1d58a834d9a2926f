-- name: stories
-- Of each job: ends that are completions, all ends, whether versions are missing, its attempts.
SELECT
    stream_id,
    count(*) FILTER (WHERE type = 'Completed'),
    count(*) FILTER (WHERE type IN ('Completed', 'Failed', 'Cancelled')),
    max(version) <> count(*),
    coalesce(
        array_agg((body ->> 'attempt')::int) FILTER (WHERE type = 'AttemptStarted'), '{}'
    )
FROM decision_events
WHERE domain = 'generation'
GROUP BY stream_id

-- name: left
SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')

-- name: ended
SELECT count(*) FROM decision_events
WHERE domain = 'generation' AND type IN ('Completed', 'Failed', 'Cancelled')
