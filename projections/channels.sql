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
    observed_stored_at timestamptz, -- of the newest snapshot: when the log received it, and where
    observed_offset bigint,
    -- [{"format", "age_from_h", "n", "median_log10_views", "mad_log10_views", "scale_log10", "df"}],
    -- ordered by the first two
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
    title text,
    stored_at timestamptz NOT NULL, -- when the log received it: what expiry goes by
    applied_offset bigint NOT NULL,
    PRIMARY KEY (channel_id, observed_at)
);
CREATE INDEX IF NOT EXISTS channel_observations_by_age
    ON channel_observations USING brin (stored_at);
CREATE TABLE IF NOT EXISTS outlier_tests (
    channel_id text NOT NULL,
    day date NOT NULL, -- UTC, of the observations
    tests bigint NOT NULL, -- videos judged that day that were no outliers when it began
    earlier bigint NOT NULL, -- tests of all the channel's days before
    missing boolean NOT NULL DEFAULT false, -- the rows before do not add up to that
    applied_offset bigint NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (channel_id, day)
);
CREATE INDEX IF NOT EXISTS outlier_tests_missing ON outlier_tests (day) WHERE missing;
CREATE INDEX IF NOT EXISTS outlier_tests_of_day ON outlier_tests (day) INCLUDE (tests);
CREATE TABLE IF NOT EXISTS channel_expiry (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    before timestamptz NOT NULL -- nothing that the log received earlier is in these tables
);
INSERT INTO channel_expiry (before) VALUES ('-infinity') ON CONFLICT DO NOTHING;

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_observations (
    channel_id text, title text, subscribers bigint, views bigint, videos bigint,
    stored_at timestamptz, observed_at timestamptz, applied_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_expiries (before timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_recounts (channel_id text) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_baselines (
    channel_id text, baselines jsonb, baseline_as_of timestamptz, baseline_snapshots bigint,
    baseline_applied_offset bigint, baseline_log_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_tests (
    channel_id text, day date, tests bigint, earlier bigint, applied_offset bigint, log_offset bigint
) ON COMMIT DELETE ROWS;

-- name: upsert_snapshots
-- Counts only observations that were not there: an event published twice is one observation. The
-- lock keeps an expiry from passing between the look and the rows.
WITH expiry AS (
    SELECT before FROM channel_expiry FOR SHARE
), kept AS (
    SELECT s.* FROM staged_observations AS s CROSS JOIN expiry WHERE s.stored_at >= expiry.before
), written AS (
    INSERT INTO channel_observations AS o (
        channel_id, observed_at, subscribers, views, videos, title, stored_at, applied_offset
    )
    SELECT channel_id, observed_at, subscribers, views, videos, title, stored_at, applied_offset
    FROM kept
    ON CONFLICT (channel_id, observed_at) DO UPDATE SET
        subscribers = excluded.subscribers,
        views = excluded.views,
        videos = excluded.videos,
        title = excluded.title,
        stored_at = excluded.stored_at,
        applied_offset = excluded.applied_offset
    WHERE (excluded.stored_at, excluded.applied_offset) > (o.stored_at, o.applied_offset)
    RETURNING o.channel_id, o.observed_at, (o.xmax = 0) AS inserted
), counted AS (
    SELECT channel_id, count(*) AS snapshots, min(observed_at) AS first_observed_at
    FROM written WHERE inserted GROUP BY channel_id
), newest AS (
    SELECT DISTINCT ON (channel_id) * FROM kept
    ORDER BY channel_id, observed_at DESC
)
INSERT INTO channels AS c (
    channel_id, title, subscribers, views, videos, snapshots, first_observed_at, last_observed_at,
    observed_stored_at, observed_offset
)
SELECT
    n.channel_id, n.title, n.subscribers, n.views, n.videos, coalesce(k.snapshots, 0),
    k.first_observed_at, n.observed_at, n.stored_at, n.applied_offset
FROM newest AS n LEFT JOIN counted AS k USING (channel_id)
ON CONFLICT (channel_id) DO UPDATE SET
    snapshots = c.snapshots + excluded.snapshots,
    first_observed_at = least(c.first_observed_at, excluded.first_observed_at),
    last_observed_at = greatest(c.last_observed_at, excluded.last_observed_at),
    title = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.title ELSE excluded.title
    END,
    subscribers = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.subscribers ELSE excluded.subscribers
    END,
    views = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.views ELSE excluded.views
    END,
    videos = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.videos ELSE excluded.videos
    END,
    observed_stored_at = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.observed_stored_at ELSE excluded.observed_stored_at
    END,
    observed_offset = CASE
        WHEN (c.last_observed_at, c.observed_stored_at, c.observed_offset)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset)
        THEN c.observed_offset ELSE excluded.observed_offset
    END;

-- name: expire
UPDATE channel_expiry SET before = greatest(before, (SELECT max(before) FROM staged_expiries));

-- name: delete_expired
WITH gone AS (
    DELETE FROM channel_observations WHERE stored_at < (SELECT before FROM channel_expiry)
    RETURNING channel_id
)
INSERT INTO staged_recounts SELECT DISTINCT channel_id FROM gone;

-- name: recount
-- As if the observations that are left had been the only ones.
UPDATE channels AS c SET
    snapshots = coalesce(n.snapshots, 0),
    first_observed_at = n.first_observed_at,
    last_observed_at = n.observed_at,
    observed_stored_at = n.stored_at,
    observed_offset = n.applied_offset,
    title = n.title,
    subscribers = n.subscribers,
    views = n.views,
    videos = n.videos
FROM staged_recounts AS r
LEFT JOIN LATERAL (
    SELECT
        o.*,
        count(*) OVER () AS snapshots,
        min(o.observed_at) OVER () AS first_observed_at
    FROM channel_observations AS o WHERE o.channel_id = r.channel_id
    ORDER BY o.observed_at DESC LIMIT 1
) AS n ON true
WHERE c.channel_id = r.channel_id;

-- name: delete_unknown
-- Known from nothing but what has expired.
DELETE FROM channels AS c USING staged_recounts AS r
WHERE c.channel_id = r.channel_id AND c.snapshots = 0 AND c.baseline_applied_offset IS NULL;

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

-- name: upsert_tests
INSERT INTO outlier_tests AS t (channel_id, day, tests, earlier, applied_offset, log_offset)
SELECT channel_id, day, tests, earlier, applied_offset, log_offset FROM staged_tests
ON CONFLICT (channel_id, day) DO UPDATE SET
    tests = excluded.tests,
    earlier = excluded.earlier,
    applied_offset = excluded.applied_offset,
    log_offset = excluded.log_offset
WHERE (excluded.applied_offset, excluded.log_offset) > (t.applied_offset, t.log_offset);

-- name: mark_missing_tests
-- Of the staged days, and of the day after each: whether the row before leads up to it.
WITH touched AS (
    SELECT s.channel_id, s.day FROM staged_tests AS s
    UNION
    SELECT s.channel_id, later.day
    FROM staged_tests AS s
    CROSS JOIN LATERAL (
        SELECT t.day FROM outlier_tests AS t
        WHERE t.channel_id = s.channel_id AND t.day > s.day
        ORDER BY t.day LIMIT 1
    ) AS later
), judged AS (
    SELECT t.channel_id, t.day, t.earlier <> coalesce(before.tests, 0) AS missing
    FROM touched JOIN outlier_tests AS t USING (channel_id, day)
    LEFT JOIN LATERAL (
        SELECT b.earlier + b.tests AS tests FROM outlier_tests AS b
        WHERE b.channel_id = t.channel_id AND b.day < t.day
        ORDER BY b.day DESC LIMIT 1
    ) AS before ON true
)
UPDATE outlier_tests AS t SET missing = j.missing
FROM judged AS j
WHERE t.channel_id = j.channel_id AND t.day = j.day AND t.missing <> j.missing;
