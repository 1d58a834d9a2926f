-- Detections, what they are worth among the day's tests, shifts and niches.

-- name: page
-- Newest or largest first; the cursor is the last row's sort key.
SELECT
    d.event_id, d.occurred_at AS detected_at, d.day, d.video_id, d.channel_id, d.title, d.category,
    c.title AS channel_title, d.format, d.published_at, d.age_s, d.age_from_h, d.views,
    d.expected_views, d.expected_low, d.expected_high, d.multiple, d.z, d.tail_probability,
    d.too_recent, d.insufficient_history, d.baseline_n, d.baseline_median_log10,
    d.baseline_mad_log10, d.growth, d.scale_log10, d.df,
    r.occurred_at AS retracted_at, r.views AS retracted_views, r.reason AS retracted_because,
    n.event_id AS confirmed_by
FROM outlier_detections AS d
LEFT JOIN channels AS c USING (channel_id)
LEFT JOIN LATERAL (
    SELECT t.occurred_at, t.views, t.reason
    FROM outlier_retractions AS t
    WHERE t.video_id = d.video_id AND t.retracts = d.event_id
    ORDER BY t.source_offset, t.event_id LIMIT 1
) AS r ON true
LEFT JOIN LATERAL (
    SELECT x.event_id
    FROM outlier_detections AS x
    WHERE x.video_id = d.video_id AND x.confirms = d.event_id
    ORDER BY x.source_offset, x.event_id LIMIT 1
) AS n ON true
WHERE (%(channel_id)s::text IS NULL OR d.channel_id = %(channel_id)s)
    AND (%(format)s::text IS NULL OR d.format = %(format)s)
    AND (%(min_multiple)s::double precision IS NULL OR d.multiple >= %(min_multiple)s)
    AND (
        %(max_probability)s::double precision IS NULL OR d.tail_probability <= %(max_probability)s
    )
    AND (%(since)s::timestamptz IS NULL OR d.occurred_at >= %(since)s)
    AND (%(uncertain)s OR NOT (d.too_recent OR d.insufficient_history))
    AND CASE
        WHEN r.occurred_at IS NOT NULL THEN %(retracted)s
        WHEN n.event_id IS NOT NULL THEN %(confirmed)s
        ELSE %(standing)s
    END
    AND (
        %(fdr_days)s::date[] IS NULL
        OR r.occurred_at IS NULL AND d.tail_probability <= (
            SELECT k.p
            FROM unnest(%(fdr_days)s::date[], %(fdr_ps)s::double precision[]) AS k (day, p)
            WHERE k.day = d.day
        )
    )
    AND (
        NOT %(after)s
        OR CASE
            WHEN %(by_multiple)s
            THEN (d.multiple, d.occurred_at, d.video_id, d.event_id) < (
                %(after_multiple)s::double precision, %(after_detected_at)s::timestamptz,
                %(after_video_id)s::text, %(after_event_id)s::text
            )
            ELSE (d.occurred_at, d.video_id, d.event_id) < (
                %(after_detected_at)s::timestamptz, %(after_video_id)s::text,
                %(after_event_id)s::text
            )
        END
    )
ORDER BY
    CASE WHEN %(by_multiple)s THEN d.multiple END DESC,
    d.occurred_at DESC, d.video_id DESC, d.event_id DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: total
SELECT count(*) AS total
FROM outlier_detections AS d
CROSS JOIN LATERAL (
    SELECT
        EXISTS (
            SELECT FROM outlier_retractions AS t
            WHERE t.video_id = d.video_id AND t.retracts = d.event_id
        ) AS retracted,
        EXISTS (
            SELECT FROM outlier_detections AS x
            WHERE x.video_id = d.video_id AND x.confirms = d.event_id
        ) AS confirmed
) AS state
WHERE (%(channel_id)s::text IS NULL OR d.channel_id = %(channel_id)s)
    AND (%(format)s::text IS NULL OR d.format = %(format)s)
    AND (%(min_multiple)s::double precision IS NULL OR d.multiple >= %(min_multiple)s)
    AND (
        %(max_probability)s::double precision IS NULL OR d.tail_probability <= %(max_probability)s
    )
    AND (%(since)s::timestamptz IS NULL OR d.occurred_at >= %(since)s)
    AND (%(uncertain)s OR NOT (d.too_recent OR d.insufficient_history))
    AND CASE
        WHEN state.retracted THEN %(retracted)s
        WHEN state.confirmed THEN %(confirmed)s
        ELSE %(standing)s
    END
    AND (
        %(fdr_days)s::date[] IS NULL
        OR NOT state.retracted AND d.tail_probability <= (
            SELECT k.p
            FROM unnest(%(fdr_days)s::date[], %(fdr_ps)s::double precision[]) AS k (day, p)
            WHERE k.day = d.day
        )
    );

-- name: q_values
-- Benjamini and Hochberg (1995) within each day: m tests, p_(1) <= p_(2) <= ..., and
-- q_(i) = min over j >= i of p_(j) m / j. A video counts once a day, by its smallest p; one whose
-- detection was taken back is no discovery. Of days whose m is not known nothing is said.
-- Nor of days before one up to which tests of any channel are missing: with a part of m, every q
-- would be too small.
WITH tests AS (
    SELECT t.day, sum(t.tests) AS m
    FROM outlier_tests AS t
    WHERE t.day = ANY(%(days)s::date[])
        AND t.day >= coalesce(
            (SELECT max(x.day) FROM outlier_tests AS x WHERE x.missing), '-infinity'
        )
    GROUP BY t.day
    HAVING sum(t.tests) > 0
), discoveries AS (
    SELECT d.day, d.video_id, min(d.tail_probability) AS p
    FROM outlier_detections AS d
    WHERE d.day = ANY(%(days)s::date[])
        AND NOT EXISTS (
            SELECT FROM outlier_retractions AS r
            WHERE r.video_id = d.video_id AND r.retracts = d.event_id
        )
    GROUP BY d.day, d.video_id
), ranked AS (
    SELECT
        day, p, count(*) OVER (PARTITION BY day ORDER BY p) AS rank,
        count(*) OVER (PARTITION BY day) AS found
    FROM discoveries
), scaled AS (
    SELECT DISTINCT r.day, r.p, least(r.p * greatest(t.m, r.found) / r.rank, 1) AS q
    FROM ranked AS r JOIN tests AS t USING (day)
)
SELECT day, p, min(q) OVER (PARTITION BY day ORDER BY p DESC) AS q
FROM scaled;

-- name: newest
SELECT max(occurred_at) AS at
FROM outlier_detections
WHERE (%(channel_id)s::text IS NULL OR channel_id = %(channel_id)s);

-- name: days
-- Those that can have discoveries from an instant on.
SELECT DISTINCT day
FROM outlier_detections
WHERE occurred_at >= %(since)s::timestamptz
    AND (%(channel_id)s::text IS NULL OR channel_id = %(channel_id)s);

-- name: familiar
-- What the familiar definitions are made of, from the newest counts of each video.
SELECT
    v.video_id, v.views, v.published_at, v.last_observed_at AS observed_at,
    c.subscribers, coalesce(c.snapshots, 0) > 0 AS channel_observed,
    usual.n AS usual_n, usual.median AS usual_median,
    around.n AS around_n, around.mean AS around_mean,
    earlier.views AS earlier_views, earlier.observed_at AS earlier_at,
    week.views AS week_views, week_usual.n AS week_n, week_usual.median AS week_median
FROM videos AS v
LEFT JOIN channels AS c USING (channel_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY o.views) AS median
    FROM (
        SELECT o.views
        FROM videos AS o
        WHERE o.channel_id = v.channel_id AND o.video_id <> v.video_id AND o.views IS NOT NULL
            AND (o.duration_s <= %(short_s)s) IS NOT DISTINCT FROM (v.duration_s <= %(short_s)s)
        ORDER BY o.published_at DESC, o.video_id LIMIT %(others)s
    ) AS o
) AS usual
CROSS JOIN LATERAL (
    SELECT count(*) AS n, avg(s.views)::double precision AS mean
    FROM (
        (
            SELECT o.views, row_number() OVER (ORDER BY o.published_at DESC, o.video_id DESC) AS away
            FROM videos AS o
            WHERE o.channel_id = v.channel_id AND o.views IS NOT NULL
                AND (o.published_at, o.video_id) < (v.published_at, v.video_id)
            ORDER BY away LIMIT %(around)s
        )
        UNION ALL
        (
            SELECT o.views, row_number() OVER (ORDER BY o.published_at, o.video_id) AS away
            FROM videos AS o
            WHERE o.channel_id = v.channel_id AND o.views IS NOT NULL
                AND (o.published_at, o.video_id) > (v.published_at, v.video_id)
            ORDER BY away LIMIT %(around)s
        )
        ORDER BY away LIMIT %(around)s
    ) AS s
) AS around
LEFT JOIN LATERAL (
    SELECT o.views, o.observed_at
    FROM video_observations AS o
    WHERE o.video_id = v.video_id AND o.views IS NOT NULL
        AND o.observed_at BETWEEN v.last_observed_at - interval '36 hours'
            AND v.last_observed_at - interval '12 hours'
    ORDER BY
        abs(extract(epoch FROM v.last_observed_at - o.observed_at) - 86400), o.observed_at DESC
    LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT o.views
    FROM video_observations AS o
    WHERE o.video_id = v.video_id AND o.views IS NOT NULL
        AND o.observed_at BETWEEN v.published_at + interval '156 hours'
            AND v.published_at + interval '180 hours'
    ORDER BY
        abs(extract(epoch FROM o.observed_at - v.published_at) - 604800), o.observed_at DESC
    LIMIT 1
) AS week ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY w.views) AS median
    FROM (
        SELECT o.video_id, o.published_at
        FROM videos AS o
        WHERE o.channel_id = v.channel_id AND o.video_id <> v.video_id
            AND (o.duration_s <= %(short_s)s) IS NOT DISTINCT FROM (v.duration_s <= %(short_s)s)
        ORDER BY o.published_at DESC, o.video_id LIMIT %(others)s
    ) AS o
    CROSS JOIN LATERAL (
        SELECT x.views
        FROM video_observations AS x
        WHERE week.views IS NOT NULL AND x.video_id = o.video_id AND x.views IS NOT NULL
            AND x.observed_at BETWEEN o.published_at + interval '156 hours'
                AND o.published_at + interval '180 hours'
        ORDER BY
            abs(extract(epoch FROM x.observed_at - o.published_at) - 604800), x.observed_at DESC
        LIMIT 1
    ) AS w
) AS week_usual
WHERE v.video_id = ANY(%(ids)s::text[]);

-- name: shifts
SELECT
    s.event_id, s.occurred_at AS detected_at, s.channel_id, c.title AS channel_title, s.measure,
    s.format, s.direction, s.factor, s.before_log10, s.after_log10, s.observations, s.since,
    s.statistic
FROM outlier_shifts AS s LEFT JOIN channels AS c USING (channel_id)
WHERE (%(channel_id)s::text IS NULL OR s.channel_id = %(channel_id)s)
    AND (%(measure)s::text IS NULL OR s.measure = %(measure)s)
    AND (%(direction)s::text IS NULL OR s.direction = %(direction)s)
    AND (%(since)s::timestamptz IS NULL OR s.occurred_at >= %(since)s)
    AND (
        NOT %(after)s
        OR (s.occurred_at, s.channel_id, s.event_id) < (
            %(after_detected_at)s::timestamptz, %(after_channel_id)s::text,
            %(after_event_id)s::text
        )
    )
ORDER BY s.occurred_at DESC, s.channel_id DESC, s.event_id DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: shifts_total
SELECT count(*) AS total
FROM outlier_shifts AS s
WHERE (%(channel_id)s::text IS NULL OR s.channel_id = %(channel_id)s)
    AND (%(measure)s::text IS NULL OR s.measure = %(measure)s)
    AND (%(direction)s::text IS NULL OR s.direction = %(direction)s)
    AND (%(since)s::timestamptz IS NULL OR s.occurred_at >= %(since)s);

-- name: niches
SELECT
    niche_id, occurred_at AS newest_at, terms, channels, videos, median_multiple, first_seen, open
FROM outlier_niches
WHERE (%(closed)s OR open)
    AND (%(channel_id)s::text IS NULL OR %(channel_id)s = ANY(channels))
    AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
    AND (
        NOT %(after)s
        OR CASE
            WHEN %(by_id)s THEN niche_id < %(after_niche_id)s::text
            ELSE (occurred_at, niche_id)
                < (%(after_newest_at)s::timestamptz, %(after_niche_id)s::text)
        END
    )
ORDER BY CASE WHEN NOT %(by_id)s THEN occurred_at END DESC, niche_id DESC
LIMIT %(limit)s OFFSET %(offset)s;

-- name: niches_total
SELECT count(*) AS total
FROM outlier_niches
WHERE (%(closed)s OR open)
    AND (%(channel_id)s::text IS NULL OR %(channel_id)s = ANY(channels))
    AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s);
