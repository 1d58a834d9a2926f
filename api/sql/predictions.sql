-- What a prediction looks at, and the predictions that were made.

-- name: videos
SELECT video_id, channel_id, category, language, published_at
FROM videos WHERE video_id = ANY(%(ids)s);

-- name: observations
-- Of each video, oldest first.
SELECT video_id, observed_at AS at, views, likes, comments
FROM video_observations
WHERE video_id = ANY(%(ids)s) AND observed_at <= %(now)s
ORDER BY video_id, observed_at;

-- name: histories
-- As `EARLIER_VIDEO` of streams/virality/moments.py has them, oldest first: of a channel the newest
-- videos whose views were observed by an instant, and of these those published before the video.
WITH wanted AS (
    SELECT * FROM unnest(
        %(numbers)s::integer[], %(channels)s::text[], %(videos)s::text[],
        %(published)s::timestamptz[], %(until)s::timestamptz[]
    ) AS wanted (number, channel_id, video_id, published_at, until)
)
SELECT
    wanted.number,
    earlier.video_id,
    earlier.published_at,
    earlier.category,
    earlier.duration_s::bigint AS duration_s,
    newest.views,
    newest.observed_at,
    earlier.first_views,
    earlier.first_observed_at
FROM wanted
CROSS JOIN LATERAL (
    SELECT
        v.video_id, v.published_at, v.category, v.duration_s,
        first.views AS first_views, first.observed_at AS first_observed_at
    FROM videos AS v
    CROSS JOIN LATERAL (
        SELECT views, observed_at FROM video_observations
        WHERE video_id = v.video_id AND views IS NOT NULL
        ORDER BY observed_at
        LIMIT 1
    ) AS first
    WHERE v.channel_id = wanted.channel_id
        AND v.published_at <= wanted.until
        AND first.observed_at <= wanted.until
    ORDER BY v.published_at DESC, v.video_id DESC
    LIMIT %(most)s
) AS earlier
CROSS JOIN LATERAL (
    SELECT views, observed_at FROM video_observations
    WHERE video_id = earlier.video_id AND views IS NOT NULL AND observed_at <= wanted.until
    ORDER BY observed_at DESC
    LIMIT 1
) AS newest
WHERE earlier.published_at < wanted.published_at
    AND earlier.video_id IS DISTINCT FROM wanted.video_id
ORDER BY wanted.number, earlier.published_at, earlier.video_id;

-- name: page
WITH wanted AS (
    SELECT * FROM predictions
    WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
        AND (%(category)s::text IS NULL OR category = %(category)s)
        AND (%(since)s::timestamptz IS NULL OR made_at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR made_at < %(until)s)
        AND (
            NOT %(after)s
            OR made_at < %(after_made_at)s::timestamptz
            OR made_at = %(after_made_at)s AND prediction_id > %(after_prediction_id)s::text
        )
    ORDER BY made_at DESC, prediction_id
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT p.*, a.actual_views, a.source AS actual_source, a.feedback
FROM wanted AS p
LEFT JOIN LATERAL (
    -- What somebody says on purpose comes before what was observed ('given' < 'observed').
    SELECT actual_views, source, feedback FROM prediction_actuals
    WHERE prediction_id = p.prediction_id ORDER BY source LIMIT 1
) AS a ON true
ORDER BY p.made_at DESC, p.prediction_id;

-- name: total
SELECT count(*) AS total FROM predictions
WHERE (%(user_id)s::text IS NULL OR user_id = %(user_id)s)
    AND (%(category)s::text IS NULL OR category = %(category)s)
    AND (%(since)s::timestamptz IS NULL OR made_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR made_at < %(until)s);

-- name: one
SELECT p.*, a.actual_views, a.source AS actual_source, a.feedback
FROM predictions AS p
LEFT JOIN LATERAL (
    SELECT actual_views, source, feedback FROM prediction_actuals
    WHERE prediction_id = p.prediction_id ORDER BY source LIMIT 1
) AS a ON true
WHERE p.prediction_id = %(id)s AND (%(user_id)s::text IS NULL OR p.user_id = %(user_id)s);
