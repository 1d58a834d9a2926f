-- Scores of videos. rank_* order videos by their decayed views at any one instant.

-- name: score
SELECT s.*, v.title, v.category, c.title AS channel_title
FROM virality_scores AS s
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = s.channel_id
WHERE s.video_id = %(id)s;

-- name: top
WITH ranked AS (
    SELECT
        s.video_id,
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
    SELECT video_id, standing FROM ranked
    WHERE standing IS NOT NULL
    ORDER BY standing DESC, video_id
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT s.*, v.title, v.category, c.title AS channel_title
FROM best
JOIN virality_scores AS s USING (video_id)
LEFT JOIN videos AS v USING (video_id)
LEFT JOIN channels AS c ON c.channel_id = s.channel_id
ORDER BY best.standing DESC, video_id;

-- name: total
SELECT count(*) AS total
FROM virality_scores AS s
WHERE CASE %(window)s
        WHEN '1h' THEN s.rank_1h
        WHEN '6h' THEN s.rank_6h
        WHEN '24h' THEN s.rank_24h
        ELSE s.rank_7d
    END IS NOT NULL
    AND (%(category)s::text IS NULL OR EXISTS (
        SELECT FROM videos AS v WHERE v.video_id = s.video_id AND v.category = %(category)s
    ));

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
