-- Channels: newest counts, their history, and what is usual for the channel's videos.

-- name: tables
CREATE TABLE IF NOT EXISTS channels (
    channel_id text PRIMARY KEY,
    title text,
    -- The newest snapshot's counts; null where it hides them or where there is no snapshot yet.
    subscribers bigint,
    views bigint,
    videos bigint,
    snapshots bigint NOT NULL DEFAULT 0, -- observations at different instants
    first_observed_at timestamptz,
    last_observed_at timestamptz,
    observed_offset bigint,
    -- [{"format", "age_from_h", "n", "median_log10_views", "mad_log10_views"}], ordered by both
    baselines jsonb NOT NULL DEFAULT '[]',
    baseline_as_of timestamptz,
    baseline_snapshots bigint, -- video snapshots that the baselines have seen
    baseline_applied_offset bigint,
    baseline_log_offset bigint
);
CREATE TABLE IF NOT EXISTS channel_observations (
    channel_id text NOT NULL,
    observed_at timestamptz NOT NULL,
    subscribers bigint,
    views bigint,
    videos bigint,
    applied_offset bigint NOT NULL,
    PRIMARY KEY (channel_id, observed_at)
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_snapshots (
    channel_id text, title text, subscribers bigint, views bigint, videos bigint,
    first_observed_at timestamptz, last_observed_at timestamptz, observed_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_observations (
    channel_id text, observed_at timestamptz, subscribers bigint, views bigint, videos bigint,
    applied_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_baselines (
    channel_id text, baselines jsonb, baseline_as_of timestamptz, baseline_snapshots bigint,
    baseline_applied_offset bigint, baseline_log_offset bigint
) ON COMMIT DELETE ROWS;

-- name: upsert_snapshots
-- Counts only observations that were not there: an event published twice is one observation.
WITH written AS (
    INSERT INTO channel_observations AS o (
        channel_id, observed_at, subscribers, views, videos, applied_offset
    )
    SELECT channel_id, observed_at, subscribers, views, videos, applied_offset
    FROM staged_observations
    ON CONFLICT (channel_id, observed_at) DO UPDATE SET
        subscribers = excluded.subscribers,
        views = excluded.views,
        videos = excluded.videos,
        applied_offset = excluded.applied_offset
    WHERE excluded.applied_offset > o.applied_offset
    RETURNING o.channel_id, (o.xmax = 0) AS inserted
), counted AS (
    SELECT channel_id, count(*) AS snapshots FROM written WHERE inserted GROUP BY channel_id
)
INSERT INTO channels AS c (
    channel_id, title, subscribers, views, videos, snapshots, first_observed_at, last_observed_at,
    observed_offset
)
SELECT
    s.channel_id, s.title, s.subscribers, s.views, s.videos, coalesce(n.snapshots, 0),
    s.first_observed_at, s.last_observed_at, s.observed_offset
FROM staged_snapshots AS s LEFT JOIN counted AS n USING (channel_id)
ON CONFLICT (channel_id) DO UPDATE SET
    snapshots = c.snapshots + excluded.snapshots,
    first_observed_at = least(c.first_observed_at, excluded.first_observed_at),
    last_observed_at = greatest(c.last_observed_at, excluded.last_observed_at),
    title = CASE
        WHEN (c.last_observed_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_offset)
        THEN c.title ELSE excluded.title
    END,
    subscribers = CASE
        WHEN (c.last_observed_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_offset)
        THEN c.subscribers ELSE excluded.subscribers
    END,
    views = CASE
        WHEN (c.last_observed_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_offset)
        THEN c.views ELSE excluded.views
    END,
    videos = CASE
        WHEN (c.last_observed_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_offset)
        THEN c.videos ELSE excluded.videos
    END,
    observed_offset = CASE
        WHEN (c.last_observed_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_offset)
        THEN c.observed_offset ELSE excluded.observed_offset
    END;

-- name: upsert_baselines
INSERT INTO channels AS c (
    channel_id, baselines, baseline_as_of, baseline_snapshots, baseline_applied_offset,
    baseline_log_offset
)
SELECT
    channel_id, baselines, baseline_as_of, baseline_snapshots, baseline_applied_offset,
    baseline_log_offset
FROM staged_baselines
ON CONFLICT (channel_id) DO UPDATE SET
    baselines = excluded.baselines,
    baseline_as_of = excluded.baseline_as_of,
    baseline_snapshots = excluded.baseline_snapshots,
    baseline_applied_offset = excluded.baseline_applied_offset,
    baseline_log_offset = excluded.baseline_log_offset
WHERE c.baseline_applied_offset IS NULL
    OR (excluded.baseline_applied_offset, excluded.baseline_log_offset)
        > (c.baseline_applied_offset, c.baseline_log_offset);
