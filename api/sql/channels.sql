-- Channels and what is usual for them.

-- name: page
SELECT
    c.channel_id, c.title, c.subscribers, c.views, c.videos, c.snapshots,
    c.last_observed_at AS observed_at,
    (SELECT count(*) FROM videos AS v WHERE v.channel_id = c.channel_id) AS known_videos,
    (
        SELECT count(*)
        FROM outlier_detections AS d
        WHERE d.channel_id = c.channel_id AND NOT EXISTS (
            SELECT FROM outlier_retractions AS r
            WHERE r.video_id = d.video_id AND r.retracts = d.event_id
        ) AND NOT EXISTS (
            SELECT FROM outlier_detections AS x
            WHERE x.video_id = d.video_id AND x.confirms = d.event_id
        )
    ) AS outliers
FROM (
    SELECT * FROM channels
    WHERE NOT %(after)s
        OR CASE
            WHEN %(by_id)s THEN channel_id > %(after_channel_id)s::text
            WHEN %(after_subscribers)s::bigint IS NULL
            THEN subscribers IS NULL AND channel_id > %(after_channel_id)s::text
            ELSE subscribers < %(after_subscribers)s OR subscribers IS NULL
                OR subscribers = %(after_subscribers)s AND channel_id > %(after_channel_id)s::text
        END
    ORDER BY CASE WHEN NOT %(by_id)s THEN subscribers END DESC NULLS LAST, channel_id
    LIMIT %(limit)s OFFSET %(offset)s
) AS c
ORDER BY CASE WHEN NOT %(by_id)s THEN c.subscribers END DESC NULLS LAST, c.channel_id;

-- name: total
SELECT count(*) AS total FROM channels;

-- name: channel
-- A channel that is known only by its videos is known as well.
SELECT
    %(id)s::text AS channel_id, c.title, c.subscribers, c.views, c.videos,
    coalesce(c.snapshots, 0) AS snapshots, c.last_observed_at AS observed_at,
    known.known_videos, found.outliers
FROM (SELECT count(*) AS known_videos FROM videos WHERE channel_id = %(id)s) AS known
CROSS JOIN (
    SELECT count(*) AS outliers
    FROM outlier_detections AS d
    WHERE d.channel_id = %(id)s AND NOT EXISTS (
        SELECT FROM outlier_retractions AS r
        WHERE r.video_id = d.video_id AND r.retracts = d.event_id
    ) AND NOT EXISTS (
        SELECT FROM outlier_detections AS x
        WHERE x.video_id = d.video_id AND x.confirms = d.event_id
    )
) AS found
LEFT JOIN channels AS c ON c.channel_id = %(id)s
WHERE c.channel_id IS NOT NULL OR known.known_videos > 0;

-- name: baseline
SELECT channel_id, baseline_as_of AS as_of, baseline_snapshots AS snapshots, baselines
FROM channels
WHERE channel_id = %(id)s AND baseline_as_of IS NOT NULL;

-- name: baseline_applied
SELECT baseline_applied_offset AS applied_offset FROM channels WHERE channel_id = %(id)s;
