-- name: turn
-- One policy at a time looks at the count and adds to it.
SELECT pg_advisory_xact_lock(hashtextextended('groundswell teasers', 0))

-- name: recent
SELECT count(*) FROM teaser_requests
WHERE requested_at > %(now)s::timestamptz - interval '1 hour'

-- name: add
INSERT INTO teaser_requests (job_id, video_id, requested_at)
VALUES (%(job_id)s, %(video_id)s, %(now)s)
ON CONFLICT (job_id) DO NOTHING
RETURNING job_id
