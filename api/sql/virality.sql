-- Scores of videos. rank_* order videos by their decayed views at any one instant.

-- name: scores
SELECT s.*, v.title, v.category, c.title AS channel_title
FROM virality_scores AS s
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = s.channel_id
WHERE s.video_id = ANY(%(ids)s::text[]);

-- name: is_scored
SELECT FROM virality_scores WHERE video_id = %(id)s;

-- name: forecasts
-- Of a video whose counts are observed; its title, category and other counts are those of now.
SELECT f.*, v.title, v.category, v.likes, v.comments, c.title AS channel_title
FROM virality_forecasts AS f
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = f.channel_id
WHERE f.video_id = ANY(%(ids)s::text[]);

-- name: forecast_applied
SELECT applied_offset FROM virality_forecasts WHERE video_id = %(id)s;

-- name: standing
-- Changes whenever one of these projections' tables do.
SELECT sum(p.version) AS versions, sum(c.next_offset) AS applied, max(c.updated_at) AS at
FROM projections AS p
JOIN projection_checkpoints AS c ON c.projection = p.name AND c.version = p.version
WHERE p.name = ANY(%(names)s::text[]);

-- name: top
-- A page of the list, and on each row how many it has; of an empty page one row without a video.
WITH wanted AS NOT MATERIALIZED (
    SELECT
        video_id,
        CASE %(window)s
            WHEN '1h' THEN s.rank_1h
            WHEN '6h' THEN s.rank_6h
            WHEN '24h' THEN s.rank_24h
            ELSE s.rank_7d
        END AS standing
    FROM virality_scores AS s
    WHERE %(category)s::text IS NULL OR EXISTS (
        SELECT FROM videos AS v WHERE v.video_id = s.video_id AND v.category = %(category)s
    )
), best AS (
    SELECT video_id, standing FROM wanted
    WHERE standing IS NOT NULL
        AND (
            NOT %(after)s
            OR standing < %(after_standing)s::double precision
            OR standing = %(after_standing)s AND video_id > %(after_video_id)s::text
        )
    ORDER BY standing DESC, video_id
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT listed.total, best.standing, s.*, v.title, v.category, c.title AS channel_title
FROM (SELECT count(*) AS total FROM wanted WHERE standing IS NOT NULL) AS listed
LEFT JOIN best ON true
LEFT JOIN virality_scores AS s USING (video_id)
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = s.channel_id
ORDER BY best.standing DESC, best.video_id;

-- name: bursting
-- The same, of videos that burst at least so much: that is worked out for every video, now. The
-- formula and its names are those of streams/virality/burst.py. PostgreSQL's exp() must not
-- underflow.
WITH ranked AS (
    SELECT
        s.*,
        CASE %(window)s
            WHEN '1h' THEN s.rank_1h
            WHEN '6h' THEN s.rank_6h
            WHEN '24h' THEN s.rank_24h
            ELSE s.rank_7d
        END AS standing,
        greatest(extract(epoch FROM %(now)s::timestamptz - s.as_of)::double precision / 3600, 0)
            AS silent
    FROM virality_scores AS s
    WHERE %(category)s::text IS NULL OR EXISTS (
        SELECT FROM videos AS v WHERE v.video_id = s.video_id AND v.category = %(category)s
    )
), bursting AS (
    SELECT video_id, CASE WHEN age >= 0.05 THEN
        (hour * e1 / e2 - mean) / sqrt(mean * (1 + ratio)) ELSE 0 END AS burst
    FROM ranked
    CROSS JOIN LATERAL (
        SELECT
            coalesce(
                extract(epoch FROM as_of - since)::double precision / 3600 + silent, 340
            ) AS age,
            CASE WHEN views_1h > 1e-100 THEN views_1h * exp(-least(silent, 400)) ELSE 0 END AS hour,
            CASE WHEN views_24h > 1e-100 THEN views_24h * exp(-least(silent / 24, 400)) ELSE 0 END
                AS day
    ) AS brought
    CROSS JOIN LATERAL (SELECT least(greatest(age, 0.05), 340) AS life) AS lived
    CROSS JOIN LATERAL (
        SELECT
            1 - exp(-life) AS e1,
            0.5 * (1 - exp(-2 * life)) AS e2,
            0.96 * (1 - exp(-life / 0.96)) AS e96,
            12 * (1 - exp(-life / 12)) AS e12,
            24 * (1 - exp(-life / 24)) AS e24
    ) AS sums
    CROSS JOIN LATERAL (SELECT e24 - e1 AS before, e12 - 2 * e96 + e2 AS before_twice) AS earlier
    CROSS JOIN LATERAL (
        SELECT e1 * e1 / e2 * before_twice / (before * before) AS ratio
    ) AS exposed
    CROSS JOIN LATERAL (
        SELECT (greatest(day - hour, 0) * before / before_twice + 0.5) * ratio AS mean
    ) AS expected
), wanted AS (
    SELECT video_id, standing FROM ranked
    WHERE standing IS NOT NULL
        AND video_id IN (
            SELECT video_id FROM bursting WHERE burst >= %(min_burst)s::double precision
        )
), best AS (
    SELECT video_id, standing FROM wanted
    WHERE NOT %(after)s
        OR standing < %(after_standing)s::double precision
        OR standing = %(after_standing)s AND video_id > %(after_video_id)s::text
    ORDER BY standing DESC, video_id
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT listed.total, best.standing, s.*, v.title, v.category, c.title AS channel_title
FROM (SELECT count(*) AS total FROM wanted) AS listed
LEFT JOIN best ON true
LEFT JOIN virality_scores AS s USING (video_id)
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = s.channel_id
ORDER BY best.standing DESC, best.video_id;

-- name: sparklines
-- The newest points of each video, oldest first.
SELECT wanted.video_id, points.velocities
FROM unnest(%(ids)s::text[]) AS wanted (video_id)
CROSS JOIN LATERAL (
    SELECT array_agg(newest.velocity ORDER BY newest.minute) AS velocities
    FROM (
        SELECT minute, velocity FROM virality_history
        WHERE video_id = wanted.video_id
        ORDER BY minute DESC
        LIMIT %(points)s
    ) AS newest
) AS points
WHERE points.velocities IS NOT NULL;

-- name: history
SELECT as_of, score, views, velocity FROM (
    SELECT minute, as_of, score, views, velocity FROM virality_history
    WHERE video_id = %(id)s AND (%(since)s::timestamptz IS NULL OR as_of >= %(since)s)
    ORDER BY minute DESC
    LIMIT %(limit)s
) AS newest
ORDER BY minute;

-- name: history_total
SELECT count(*) AS total FROM virality_history
WHERE video_id = %(id)s AND (%(since)s::timestamptz IS NULL OR as_of >= %(since)s);

-- name: applied
SELECT applied_offset FROM virality_scores WHERE video_id = %(id)s;
