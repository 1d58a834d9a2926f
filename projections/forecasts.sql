-- Forecasts of observed videos: the newest of each.

-- name: tables
CREATE TABLE IF NOT EXISTS virality_forecasts (
    video_id text PRIMARY KEY,
    channel_id text NOT NULL,
    as_of timestamptz NOT NULL, -- nothing that was observed later is in it
    published_at timestamptz NOT NULL,
    age_s bigint NOT NULL,
    views bigint, -- as last known; null: never
    predicted_views_24h double precision,
    predicted_views_24h_lower double precision,
    predicted_views_24h_upper double precision,
    predicted_views_7d double precision,
    predicted_views_7d_lower double precision,
    predicted_views_7d_upper double precision,
    predicted_views_30d double precision,
    predicted_views_30d_lower double precision,
    predicted_views_30d_upper double precision,
    score double precision,
    velocity double precision,
    acceleration double precision,
    stage text,
    model_version text NOT NULL,
    reasons text[] NOT NULL,
    applied_offset bigint NOT NULL, -- of the snapshot that it was made at
    log_offset bigint NOT NULL -- of the forecast itself
);
CREATE INDEX IF NOT EXISTS virality_forecasts_of_channel ON virality_forecasts (channel_id);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_forecasts (LIKE virality_forecasts) ON COMMIT DELETE ROWS;

-- name: delete_forecasts
DELETE FROM virality_forecasts AS f USING staged_tombstones AS t
WHERE f.video_id = t.key AND f.log_offset < t.log_offset;

-- name: upsert_forecasts
INSERT INTO virality_forecasts AS f
SELECT * FROM staged_forecasts
ON CONFLICT (video_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    as_of = excluded.as_of,
    published_at = excluded.published_at,
    age_s = excluded.age_s,
    views = excluded.views,
    predicted_views_24h = excluded.predicted_views_24h,
    predicted_views_24h_lower = excluded.predicted_views_24h_lower,
    predicted_views_24h_upper = excluded.predicted_views_24h_upper,
    predicted_views_7d = excluded.predicted_views_7d,
    predicted_views_7d_lower = excluded.predicted_views_7d_lower,
    predicted_views_7d_upper = excluded.predicted_views_7d_upper,
    predicted_views_30d = excluded.predicted_views_30d,
    predicted_views_30d_lower = excluded.predicted_views_30d_lower,
    predicted_views_30d_upper = excluded.predicted_views_30d_upper,
    score = excluded.score,
    velocity = excluded.velocity,
    acceleration = excluded.acceleration,
    stage = excluded.stage,
    model_version = excluded.model_version,
    reasons = excluded.reasons,
    applied_offset = excluded.applied_offset,
    log_offset = excluded.log_offset
WHERE (excluded.applied_offset, excluded.log_offset) > (f.applied_offset, f.log_offset);
