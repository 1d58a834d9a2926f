-- Virality: the newest score of each video, and its history by the minute.

-- name: tables
CREATE TABLE IF NOT EXISTS virality_scores (
    video_id text PRIMARY KEY,
    channel_id text NOT NULL,
    as_of timestamptz NOT NULL, -- the instant at which the decayed figures stand
    views bigint NOT NULL,
    likes bigint NOT NULL,
    dislikes bigint NOT NULL,
    comments bigint NOT NULL,
    shares bigint NOT NULL,
    saves bigint NOT NULL,
    impressions bigint NOT NULL,
    watch_ms bigint NOT NULL,
    views_1h double precision NOT NULL,
    views_6h double precision NOT NULL,
    views_24h double precision NOT NULL,
    views_7d double precision NOT NULL,
    unique_viewers bigint NOT NULL, -- an estimate, standard error 2.3 %
    since timestamptz, -- oldest event; null: not known
    score double precision NOT NULL,
    velocity double precision NOT NULL,
    acceleration double precision NOT NULL,
    burst_z double precision NOT NULL, -- at as_of
    predicted_views_24h double precision,
    predicted_views_24h_lower double precision,
    predicted_views_24h_upper double precision,
    predicted_views_7d double precision,
    predicted_views_7d_lower double precision,
    predicted_views_7d_upper double precision,
    predicted_views_30d double precision,
    predicted_views_30d_lower double precision,
    predicted_views_30d_upper double precision,
    model_version text NOT NULL,
    reasons text[] NOT NULL,
    -- ln(decayed views) + as_of / time constant: two videos compare by it as their decayed views
    -- do at any later instant, so that "top now" is an ORDER BY rank_... DESC with no arithmetic.
    -- decayed views at instant t = exp(rank - t / time constant). Null: no views.
    rank_1h double precision,
    rank_6h double precision,
    rank_24h double precision,
    rank_7d double precision,
    applied_offset bigint NOT NULL, -- newest engagement event in the row
    log_offset bigint NOT NULL -- of the row itself in the scores topic
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS virality_scores_of_channel ON virality_scores (channel_id);
CREATE TABLE IF NOT EXISTS virality_history (
    video_id text NOT NULL,
    minute timestamptz NOT NULL, -- as_of, cut to the minute
    as_of timestamptz NOT NULL,
    score double precision NOT NULL,
    views bigint NOT NULL,
    velocity double precision NOT NULL,
    applied_offset bigint NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (video_id, minute)
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_scores (LIKE virality_scores) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_history (LIKE virality_history) ON COMMIT DELETE ROWS;

-- name: delete_scores
DELETE FROM virality_scores AS v USING staged_tombstones AS t
WHERE v.video_id = t.key AND v.log_offset < t.log_offset;

-- name: delete_history
DELETE FROM virality_history AS h USING staged_tombstones AS t
WHERE h.video_id = t.key AND h.log_offset < t.log_offset;

-- name: upsert_scores
INSERT INTO virality_scores AS v
SELECT * FROM staged_scores
ON CONFLICT (video_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    as_of = excluded.as_of,
    views = excluded.views,
    likes = excluded.likes,
    dislikes = excluded.dislikes,
    comments = excluded.comments,
    shares = excluded.shares,
    saves = excluded.saves,
    impressions = excluded.impressions,
    watch_ms = excluded.watch_ms,
    views_1h = excluded.views_1h,
    views_6h = excluded.views_6h,
    views_24h = excluded.views_24h,
    views_7d = excluded.views_7d,
    unique_viewers = excluded.unique_viewers,
    since = excluded.since,
    score = excluded.score,
    velocity = excluded.velocity,
    acceleration = excluded.acceleration,
    burst_z = excluded.burst_z,
    predicted_views_24h = excluded.predicted_views_24h,
    predicted_views_24h_lower = excluded.predicted_views_24h_lower,
    predicted_views_24h_upper = excluded.predicted_views_24h_upper,
    predicted_views_7d = excluded.predicted_views_7d,
    predicted_views_7d_lower = excluded.predicted_views_7d_lower,
    predicted_views_7d_upper = excluded.predicted_views_7d_upper,
    predicted_views_30d = excluded.predicted_views_30d,
    predicted_views_30d_lower = excluded.predicted_views_30d_lower,
    predicted_views_30d_upper = excluded.predicted_views_30d_upper,
    model_version = excluded.model_version,
    reasons = excluded.reasons,
    rank_1h = excluded.rank_1h,
    rank_6h = excluded.rank_6h,
    rank_24h = excluded.rank_24h,
    rank_7d = excluded.rank_7d,
    applied_offset = excluded.applied_offset,
    log_offset = excluded.log_offset
WHERE (excluded.applied_offset, excluded.log_offset) > (v.applied_offset, v.log_offset);

-- name: upsert_history
INSERT INTO virality_history AS h
SELECT * FROM staged_history
ON CONFLICT (video_id, minute) DO UPDATE SET
    as_of = excluded.as_of,
    score = excluded.score,
    views = excluded.views,
    velocity = excluded.velocity,
    applied_offset = excluded.applied_offset,
    log_offset = excluded.log_offset
WHERE (excluded.applied_offset, excluded.log_offset) > (h.applied_offset, h.log_offset);
