-- Videos, observed and generated, as one list.

-- name: page
-- Newest first. Each arm stops at what the page can need of it.
(
    SELECT 'observed' AS origin, video_id AS id, published_at AS at
    FROM videos
    WHERE %(observed)s
        AND (%(channel_id)s::text IS NULL OR channel_id = %(channel_id)s)
        AND (
            NOT %(after)s
            OR (published_at, video_id) < (%(after_at)s::timestamptz, %(after_id)s::text)
        )
    ORDER BY published_at DESC, video_id DESC
    LIMIT %(limit)s::bigint + %(offset)s::bigint
)
UNION ALL
(
    SELECT 'generated' AS origin, job_id AS id, coalesce(queued_at, updated_at) AS at
    FROM jobs
    WHERE %(generated)s
        AND (%(owner)s::text IS NULL OR user_id = %(owner)s)
        AND (%(status)s::text IS NULL OR status = %(status)s)
        AND (
            NOT %(after)s
            OR (coalesce(queued_at, updated_at), job_id)
                < (%(after_at)s::timestamptz, %(after_id)s::text)
        )
    ORDER BY coalesce(queued_at, updated_at) DESC, job_id DESC
    LIMIT %(limit)s::bigint + %(offset)s::bigint
)
ORDER BY at DESC, id DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: total
SELECT
    CASE WHEN %(observed)s THEN (
        SELECT count(*) FROM videos
        WHERE %(channel_id)s::text IS NULL OR channel_id = %(channel_id)s
    ) ELSE 0 END
    + CASE WHEN %(generated)s THEN (
        SELECT count(*) FROM jobs
        WHERE (%(owner)s::text IS NULL OR user_id = %(owner)s)
            AND (%(status)s::text IS NULL OR status = %(status)s)
    ) ELSE 0 END AS total;

-- name: by_ids
SELECT
    video_id, channel_id, title, description, duration_s, category, language, tags, published_at,
    views, likes, comments, snapshots, last_observed_at AS observed_at
FROM videos
WHERE video_id = ANY(%(ids)s::text[]);

-- name: observations
SELECT observed_at, views, likes, comments
FROM video_observations
WHERE video_id = %(id)s AND (%(since)s::timestamptz IS NULL OR observed_at >= %(since)s)
ORDER BY observed_at DESC
LIMIT %(limit)s;
