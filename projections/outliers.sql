-- Outliers: one row for each time a video became one, and one for each time that was taken back.

-- name: tables
CREATE TABLE IF NOT EXISTS outlier_detections (
    video_id text NOT NULL,
    event_id text NOT NULL,
    day date NOT NULL, -- of the observation that tipped it (UTC): false discoveries count by day
    channel_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    title text,
    category text,
    format text NOT NULL,
    published_at timestamptz NOT NULL,
    age_s bigint NOT NULL,
    age_from_h integer NOT NULL, -- lower end of the age bucket in hours
    views bigint NOT NULL,
    expected_views double precision NOT NULL,
    expected_low double precision, -- nine usual videos in ten stay between the two
    expected_high double precision,
    multiple double precision NOT NULL,
    z double precision NOT NULL,
    tail_probability double precision NOT NULL,
    too_recent boolean NOT NULL,
    insufficient_history boolean NOT NULL,
    baseline_n integer NOT NULL,
    baseline_median_log10 double precision NOT NULL,
    baseline_mad_log10 double precision NOT NULL,
    growth text NOT NULL, -- version of the curves and priors; empty: of before there were any
    scale_log10 double precision, -- of the Student's t that was expected, on log10(views + 1)
    df double precision,
    confirms text, -- event_id of the doubtful detection that this one takes the place of
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL, -- of the snapshot that tipped it
    PRIMARY KEY (video_id, event_id)
);
CREATE INDEX IF NOT EXISTS outlier_detections_newest ON outlier_detections (occurred_at DESC);
CREATE INDEX IF NOT EXISTS outlier_detections_of_channel
    ON outlier_detections (channel_id, occurred_at DESC);
CREATE INDEX IF NOT EXISTS outlier_detections_of_day ON outlier_detections (day);
CREATE INDEX IF NOT EXISTS outlier_detections_confirming
    ON outlier_detections (video_id, confirms) WHERE confirms IS NOT NULL;
CREATE TABLE IF NOT EXISTS outlier_retractions (
    video_id text NOT NULL,
    event_id text NOT NULL,
    retracts text, -- event_id of the detection that does not hold any more
    reason text, -- recount or rejudged
    occurred_at timestamptz NOT NULL,
    views bigint NOT NULL,
    expected_views double precision NOT NULL,
    multiple double precision NOT NULL,
    tail_probability double precision NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    PRIMARY KEY (video_id, event_id)
);
CREATE INDEX IF NOT EXISTS outlier_retractions_of ON outlier_retractions (video_id, retracts);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_detections (LIKE outlier_detections) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_retractions (LIKE outlier_retractions) ON COMMIT DELETE ROWS;

-- name: insert_detections
INSERT INTO outlier_detections (
    video_id, event_id, day, channel_id, occurred_at, title, category, format, published_at, age_s,
    age_from_h, views, expected_views, expected_low, expected_high, multiple, z, tail_probability,
    too_recent, insufficient_history, baseline_n, baseline_median_log10, baseline_mad_log10, growth,
    scale_log10, df, confirms, source_partition, source_offset
)
SELECT
    video_id, event_id, day, channel_id, occurred_at, title, category, format, published_at, age_s,
    age_from_h, views, expected_views, expected_low, expected_high, multiple, z, tail_probability,
    too_recent, insufficient_history, baseline_n, baseline_median_log10, baseline_mad_log10, growth,
    scale_log10, df, confirms, source_partition, source_offset
FROM staged_detections
ON CONFLICT DO NOTHING;

-- name: insert_retractions
INSERT INTO outlier_retractions (
    video_id, event_id, retracts, reason, occurred_at, views, expected_views, multiple,
    tail_probability, source_partition, source_offset
)
SELECT
    video_id, event_id, retracts, reason, occurred_at, views, expected_views, multiple,
    tail_probability, source_partition, source_offset
FROM staged_retractions
ON CONFLICT DO NOTHING;
