-- Detections, newest first or largest first.

-- name: page
SELECT
    d.event_id, d.occurred_at AS detected_at, d.video_id, d.channel_id, d.title,
    c.title AS channel_title, d.format, d.published_at, d.age_s, d.age_from_h, d.views,
    d.expected_views, d.multiple, d.z, d.tail_probability, d.too_recent, d.insufficient_history,
    d.baseline_n, d.baseline_median_log10, d.baseline_mad_log10
FROM outlier_detections AS d LEFT JOIN channels AS c USING (channel_id)
WHERE (%(channel_id)s::text IS NULL OR d.channel_id = %(channel_id)s)
    AND (%(format)s::text IS NULL OR d.format = %(format)s)
    AND (%(min_multiple)s::double precision IS NULL OR d.multiple >= %(min_multiple)s)
    AND (%(since)s::timestamptz IS NULL OR d.occurred_at >= %(since)s)
    AND (%(uncertain)s OR NOT (d.too_recent OR d.insufficient_history))
ORDER BY
    CASE WHEN %(by_multiple)s THEN d.multiple END DESC,
    d.occurred_at DESC, d.video_id, d.age_from_h
LIMIT %(limit)s OFFSET %(offset)s;

-- name: total
SELECT count(*) AS total
FROM outlier_detections AS d
WHERE (%(channel_id)s::text IS NULL OR d.channel_id = %(channel_id)s)
    AND (%(format)s::text IS NULL OR d.format = %(format)s)
    AND (%(min_multiple)s::double precision IS NULL OR d.multiple >= %(min_multiple)s)
    AND (%(since)s::timestamptz IS NULL OR d.occurred_at >= %(since)s)
    AND (%(uncertain)s OR NOT (d.too_recent OR d.insufficient_history));
