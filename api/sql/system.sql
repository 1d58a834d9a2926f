-- The pipeline itself.

-- name: ping
SELECT 1 AS one;

-- name: totals
SELECT
    v.videos, v.snapshots, v.observed_views, v.observed_likes, v.observed_comments,
    c.channels, c.channel_snapshots, c.baselines,
    s.scored_videos,
    jsonb_build_object(
        'views', s.views, 'likes', s.likes, 'dislikes', s.dislikes, 'comments', s.comments,
        'shares', s.shares, 'saves', s.saves, 'impressions', s.impressions, 'watch_ms', s.watch_ms
    ) AS engagement,
    o.detections, o.outlier_videos,
    (
        SELECT coalesce(jsonb_object_agg(j.status, j.jobs), '{}')
        FROM (SELECT status, count(*) AS jobs FROM jobs GROUP BY status) AS j
    ) AS jobs
FROM (
    SELECT
        count(*) AS videos,
        coalesce(sum(snapshots), 0)::bigint AS snapshots,
        coalesce(sum(views), 0)::bigint AS observed_views,
        coalesce(sum(likes), 0)::bigint AS observed_likes,
        coalesce(sum(comments), 0)::bigint AS observed_comments
    FROM videos
) AS v
CROSS JOIN (
    SELECT
        count(*) AS channels,
        coalesce(sum(snapshots), 0)::bigint AS channel_snapshots,
        count(baseline_as_of) AS baselines
    FROM channels
) AS c
CROSS JOIN (
    SELECT
        count(*) AS scored_videos,
        coalesce(sum(views), 0)::bigint AS views,
        coalesce(sum(likes), 0)::bigint AS likes,
        coalesce(sum(dislikes), 0)::bigint AS dislikes,
        coalesce(sum(comments), 0)::bigint AS comments,
        coalesce(sum(shares), 0)::bigint AS shares,
        coalesce(sum(saves), 0)::bigint AS saves,
        coalesce(sum(impressions), 0)::bigint AS impressions,
        coalesce(sum(watch_ms), 0)::bigint AS watch_ms
    FROM virality_scores
) AS s
CROSS JOIN (
    SELECT count(*) AS detections, count(DISTINCT d.video_id) AS outlier_videos
    FROM outlier_detections AS d
    WHERE NOT EXISTS (
        SELECT FROM outlier_retractions AS r
        WHERE r.video_id = d.video_id AND r.retracts = d.event_id
    ) AND NOT EXISTS (
        SELECT FROM outlier_detections AS x
        WHERE x.video_id = d.video_id AND x.confirms = d.event_id
    )
) AS o;
