-- How good predictions were.

-- name: figures
-- In parts, by what `by` says: category, model, stage, day, or all together. accuracy is
-- 1 - |predicted - actual| / actual, at least 0; of no views only the prediction of none is right.
SELECT
    part AS name,
    count(*) AS predictions,
    count(actual_views) AS with_actuals,
    avg(predicted_views) AS average_predicted_views,
    avg(score) AS average_score,
    avg(accuracy) AS accuracy,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY accuracy) AS median_accuracy,
    avg(inside) AS coverage,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY upper / nullif(lower, 0)) AS median_band,
    count(*) FILTER (WHERE source = 'given') AS given_actuals,
    count(*) FILTER (WHERE source = 'observed') AS observed_actuals
FROM (
    SELECT
        p.predicted_views, p.lower, p.upper, p.score, a.actual_views, a.source,
        CASE %(by)s
            WHEN 'category' THEN p.category
            WHEN 'model' THEN p.model_version
            WHEN 'stage' THEN p.stage
            WHEN 'day' THEN to_char(p.made_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
        END AS part,
        CASE
            WHEN a.actual_views IS NULL THEN NULL
            WHEN a.actual_views = 0 THEN CASE WHEN p.predicted_views = 0 THEN 1.0 ELSE 0.0 END
            ELSE greatest(0, 1 - abs(p.predicted_views - a.actual_views) / a.actual_views)
        END AS accuracy,
        (a.actual_views BETWEEN p.lower AND p.upper)::integer AS inside
    FROM predictions AS p
    LEFT JOIN LATERAL (
        SELECT actual_views, source FROM prediction_actuals
        WHERE prediction_id = p.prediction_id ORDER BY source LIMIT 1
    ) AS a ON true
    WHERE p.made_at >= %(since)s
        AND (%(user_id)s::text IS NULL OR p.user_id = %(user_id)s)
) AS judged
GROUP BY part
ORDER BY predictions DESC, name;
