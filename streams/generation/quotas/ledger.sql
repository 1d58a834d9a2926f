-- name: turn
-- Whoever counts a user's jobs and adds to them has that user to himself until his transaction
-- ends; everybody in the same order, so that two who count the same users do not block each other.
SELECT count(pg_advisory_xact_lock(turn)) FROM (
    SELECT DISTINCT hashtextextended('groundswell quota ' || user_id, 0) AS turn
    FROM unnest(%(users)s::text[]) AS user_id
    ORDER BY 1
) AS turns

-- name: used
SELECT
    user_id,
    count(*) FILTER (WHERE day >= %(today)s) AS jobs_day,
    count(*) AS jobs_month,
    coalesce(sum(cost_usd) FILTER (WHERE day >= %(today)s), 0)::float8 AS usd_day,
    coalesce(sum(cost_usd), 0)::float8 AS usd_month
FROM generation_usage
WHERE user_id = ANY(%(users)s) AND day >= %(month)s
GROUP BY user_id

-- name: enter
INSERT INTO generation_usage (job_id, user_id, day, cost_usd)
SELECT job_id, user_id, %(today)s, cost_usd
FROM unnest(%(jobs)s::text[], %(users)s::text[], %(costs)s::float8[])
    AS entry (job_id, user_id, cost_usd)
ON CONFLICT (job_id) DO NOTHING

-- name: give_back
DELETE FROM generation_usage WHERE job_id = %(job_id)s

-- name: reprice
UPDATE generation_usage SET cost_usd = %(cost_usd)s WHERE job_id = %(job_id)s

-- name: forget
-- Passing over what another one removes at the same time.
DELETE FROM generation_usage WHERE job_id IN (
    SELECT job_id FROM generation_usage WHERE day < %(month)s FOR UPDATE SKIP LOCKED
)
