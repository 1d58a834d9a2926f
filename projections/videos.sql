-- Videos: metadata and newest counts, one row a video; every observation in a history of its own.

-- name: tables
CREATE TABLE IF NOT EXISTS videos (
    video_id text PRIMARY KEY,
    channel_id text NOT NULL,
    title text,
    description text,
    language text,
    tags text[] NOT NULL DEFAULT '{}',
    published_at timestamptz NOT NULL,
    -- An upload's own word comes first; a snapshot fills what the upload leaves open.
    uploaded_duration_s integer,
    observed_duration_s integer,
    duration_s integer GENERATED ALWAYS AS (coalesce(uploaded_duration_s, observed_duration_s)) STORED,
    uploaded_category text,
    observed_category text,
    category text GENERATED ALWAYS AS (coalesce(uploaded_category, observed_category)) STORED,
    -- The newest snapshot's counts; null where it hides them or where there is no snapshot yet.
    views bigint,
    likes bigint,
    comments bigint,
    snapshots bigint NOT NULL DEFAULT 0, -- observations at different instants
    first_observed_at timestamptz,
    last_observed_at timestamptz,
    observed_stored_at timestamptz, -- of the newest snapshot: when the log received it, and where
    observed_partition integer,
    observed_offset bigint,
    uploaded_at timestamptz, -- occurred_at of the newest upload event; null: known from snapshots only
    uploaded_offset bigint
);
CREATE INDEX IF NOT EXISTS videos_of_channel ON videos (channel_id, published_at DESC);
CREATE TABLE IF NOT EXISTS video_observations (
    video_id text NOT NULL,
    observed_at timestamptz NOT NULL,
    views bigint,
    likes bigint,
    comments bigint,
    channel_id text,
    title text,
    published_at timestamptz,
    duration_s integer,
    category text,
    stored_at timestamptz NOT NULL, -- when the log received it: what expiry goes by
    applied_partition integer NOT NULL,
    applied_offset bigint NOT NULL,
    PRIMARY KEY (video_id, observed_at)
);
CREATE INDEX IF NOT EXISTS video_observations_by_age ON video_observations USING brin (stored_at);
CREATE TABLE IF NOT EXISTS video_expiry (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    before timestamptz NOT NULL -- nothing that the log received earlier is in these tables
);
INSERT INTO video_expiry (before) VALUES ('-infinity') ON CONFLICT DO NOTHING;

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_uploads (
    video_id text, channel_id text, title text, description text, duration_s integer, category text,
    language text, tags text[], published_at timestamptz, uploaded_at timestamptz,
    uploaded_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_observations (
    video_id text, channel_id text, title text, published_at timestamptz, duration_s integer,
    category text, views bigint, likes bigint, comments bigint,
    stored_at timestamptz, observed_at timestamptz, applied_partition integer, applied_offset bigint
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_expiries (before timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_recounts (video_id text) ON COMMIT DELETE ROWS;

-- name: upsert_uploads
INSERT INTO videos AS v (
    video_id, channel_id, title, description, uploaded_duration_s, uploaded_category, language,
    tags, published_at, uploaded_at, uploaded_offset
)
SELECT
    video_id, channel_id, title, description, duration_s, category, language, tags, published_at,
    uploaded_at, uploaded_offset
FROM staged_uploads
ON CONFLICT (video_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    title = excluded.title,
    description = excluded.description,
    uploaded_duration_s = excluded.uploaded_duration_s,
    uploaded_category = excluded.uploaded_category,
    language = excluded.language,
    tags = excluded.tags,
    published_at = excluded.published_at,
    uploaded_at = excluded.uploaded_at,
    uploaded_offset = excluded.uploaded_offset
WHERE v.uploaded_at IS NULL
    OR (excluded.uploaded_at, excluded.uploaded_offset) > (v.uploaded_at, v.uploaded_offset);

-- name: upsert_snapshots
-- Counts only observations that were not there: an event published twice is one observation. The
-- lock keeps an expiry from passing between the look and the rows.
WITH expiry AS (
    SELECT before FROM video_expiry FOR SHARE
), kept AS (
    SELECT s.* FROM staged_observations AS s CROSS JOIN expiry WHERE s.stored_at >= expiry.before
), written AS (
    INSERT INTO video_observations AS o (
        video_id, observed_at, views, likes, comments, channel_id, title, published_at, duration_s,
        category, stored_at, applied_partition, applied_offset
    )
    SELECT
        video_id, observed_at, views, likes, comments, channel_id, title, published_at, duration_s,
        category, stored_at, applied_partition, applied_offset
    FROM kept
    ON CONFLICT (video_id, observed_at) DO UPDATE SET
        views = excluded.views,
        likes = excluded.likes,
        comments = excluded.comments,
        channel_id = excluded.channel_id,
        title = excluded.title,
        published_at = excluded.published_at,
        duration_s = excluded.duration_s,
        category = excluded.category,
        stored_at = excluded.stored_at,
        applied_partition = excluded.applied_partition,
        applied_offset = excluded.applied_offset
    WHERE (excluded.stored_at, excluded.applied_offset, excluded.applied_partition)
        > (o.stored_at, o.applied_offset, o.applied_partition)
    RETURNING o.video_id, o.observed_at, (o.xmax = 0) AS inserted
), counted AS (
    SELECT video_id, count(*) AS snapshots, min(observed_at) AS first_observed_at
    FROM written WHERE inserted GROUP BY video_id
), newest AS (
    SELECT DISTINCT ON (video_id) * FROM kept
    ORDER BY video_id, observed_at DESC
)
INSERT INTO videos AS v (
    video_id, channel_id, title, published_at, observed_duration_s, observed_category, views,
    likes, comments, snapshots, first_observed_at, last_observed_at, observed_stored_at,
    observed_partition, observed_offset
)
SELECT
    n.video_id, n.channel_id, n.title, n.published_at, n.duration_s, n.category, n.views, n.likes,
    n.comments, coalesce(c.snapshots, 0), c.first_observed_at, n.observed_at, n.stored_at,
    n.applied_partition, n.applied_offset
FROM newest AS n LEFT JOIN counted AS c USING (video_id)
ON CONFLICT (video_id) DO UPDATE SET
    snapshots = v.snapshots + excluded.snapshots,
    first_observed_at = least(v.first_observed_at, excluded.first_observed_at),
    last_observed_at = greatest(v.last_observed_at, excluded.last_observed_at),
    channel_id = CASE
        WHEN v.uploaded_at IS NOT NULL OR (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.channel_id ELSE excluded.channel_id
    END,
    title = CASE
        WHEN v.uploaded_at IS NOT NULL OR (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.title ELSE excluded.title
    END,
    published_at = CASE
        WHEN v.uploaded_at IS NOT NULL OR (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.published_at ELSE excluded.published_at
    END,
    observed_duration_s = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.observed_duration_s ELSE excluded.observed_duration_s
    END,
    observed_category = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.observed_category ELSE excluded.observed_category
    END,
    views = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.views ELSE excluded.views
    END,
    likes = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.likes ELSE excluded.likes
    END,
    comments = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.comments ELSE excluded.comments
    END,
    observed_stored_at = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.observed_stored_at ELSE excluded.observed_stored_at
    END,
    observed_partition = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.observed_partition ELSE excluded.observed_partition
    END,
    observed_offset = CASE
        WHEN (v.last_observed_at, v.observed_stored_at, v.observed_offset, v.observed_partition)
            >= (excluded.last_observed_at, excluded.observed_stored_at, excluded.observed_offset, excluded.observed_partition)
        THEN v.observed_offset ELSE excluded.observed_offset
    END;

-- name: expire
UPDATE video_expiry SET before = greatest(before, (SELECT max(before) FROM staged_expiries));

-- name: delete_expired
WITH gone AS (
    DELETE FROM video_observations WHERE stored_at < (SELECT before FROM video_expiry)
    RETURNING video_id
)
INSERT INTO staged_recounts SELECT DISTINCT video_id FROM gone;

-- name: recount
-- As if the observations that are left had been the only ones.
UPDATE videos AS v SET
    snapshots = coalesce(n.snapshots, 0),
    first_observed_at = n.first_observed_at,
    last_observed_at = n.observed_at,
    observed_stored_at = n.stored_at,
    observed_partition = n.applied_partition,
    observed_offset = n.applied_offset,
    views = n.views,
    likes = n.likes,
    comments = n.comments,
    observed_duration_s = n.duration_s,
    observed_category = n.category,
    channel_id = CASE WHEN v.uploaded_at IS NULL THEN n.channel_id ELSE v.channel_id END,
    title = CASE WHEN v.uploaded_at IS NULL THEN n.title ELSE v.title END,
    published_at = CASE WHEN v.uploaded_at IS NULL THEN n.published_at ELSE v.published_at END
FROM staged_recounts AS r
LEFT JOIN LATERAL (
    SELECT
        o.*,
        count(*) OVER () AS snapshots,
        min(o.observed_at) OVER () AS first_observed_at
    FROM video_observations AS o WHERE o.video_id = r.video_id
    ORDER BY o.observed_at DESC LIMIT 1
) AS n ON true
WHERE v.video_id = r.video_id AND (v.uploaded_at IS NOT NULL OR n.video_id IS NOT NULL);

-- name: delete_unknown
-- Known from nothing but what has expired.
DELETE FROM videos AS v USING staged_recounts AS r
WHERE v.video_id = r.video_id AND v.uploaded_at IS NULL
    AND NOT EXISTS (SELECT FROM video_observations AS o WHERE o.video_id = r.video_id);
