-- name: turn
-- One consumer at a time looks at a rule's requests and adds to them.
SELECT pg_advisory_xact_lock(hashtextextended('groundswell policy ' || %(rule)s, 0))

-- name: asked
SELECT video_id FROM policy_requests
WHERE rule = %(rule)s AND dry_run = %(dry_run)s AND video_id = ANY(%(ids)s)

-- name: room
SELECT greatest(%(per_hour)s - count(*), 0) FROM policy_requests
WHERE rule = %(rule)s AND dry_run = %(dry_run)s
    AND requested_at > %(now)s::timestamptz - interval '1 hour'

-- name: enter
INSERT INTO policy_requests (rule, video_id, dry_run, job_id, requested_at)
VALUES (%(rule)s, %(video_id)s, %(dry_run)s, %(job_id)s, %(now)s)

-- name: count
INSERT INTO policy_outcomes AS o (rule, outcome, times)
VALUES (%(rule)s, %(outcome)s, %(times)s)
ON CONFLICT (rule, outcome) DO UPDATE SET times = o.times + excluded.times

-- name: outcomes
SELECT rule, outcome, times FROM policy_outcomes ORDER BY rule, outcome

-- name: facts
SELECT video_id, title, category, language, duration_s FROM videos
WHERE video_id = ANY(%(ids)s)
