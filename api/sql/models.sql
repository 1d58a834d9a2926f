-- How models did on predictions whose actuals have come. Given actuals come before observed ones.

-- name: shadow_pairs
-- The newest predictions that the shadow forecast too: `PAIR` of streams/virality/registry/shadow.py.
SELECT
    p.prediction_id,
    p.video_id,
    p.made_at AS at,
    p.horizon_h,
    p.model_version AS serving,
    p.predicted_views AS serving_predicted,
    p.lower AS serving_lower,
    p.upper AS serving_upper,
    s.predicted_views AS shadow_predicted,
    s.lower AS shadow_lower,
    s.upper AS shadow_upper,
    a.actual_views AS actual
FROM prediction_shadows AS s
JOIN predictions AS p USING (prediction_id)
JOIN LATERAL (
    SELECT actual_views FROM prediction_actuals
    WHERE prediction_id = s.prediction_id ORDER BY source LIMIT 1
) AS a ON true
-- An idempotency key asked again may have looked at another moment and another age.
WHERE s.model_version = %(version)s AND s.horizon_h IS NOT DISTINCT FROM p.horizon_h
ORDER BY s.made_at DESC, s.prediction_id
LIMIT %(most)s;

-- name: shadow_total
SELECT count(*) AS total FROM prediction_shadows WHERE model_version = %(version)s;

-- name: judged
-- The newest actuals of a model's predictions: `JUDGED` of streams/virality/drift/alarm.py.
SELECT
    p.prediction_id,
    a.observed_at AS at,
    p.predicted_views AS predicted,
    p.lower,
    p.upper,
    a.actual_views AS actual
FROM prediction_actuals AS a
JOIN predictions AS p USING (prediction_id)
WHERE p.model_version = %(version)s
    AND (
        a.source = 'given'
        OR NOT EXISTS (
            SELECT FROM prediction_actuals AS given
            WHERE given.prediction_id = a.prediction_id AND given.source = 'given'
        )
    )
ORDER BY a.observed_at DESC, a.prediction_id
LIMIT %(most)s;
