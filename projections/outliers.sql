-- Outliers: one row for each judgement of a video in an age bucket that found it unusual.

-- name: tables
CREATE TABLE IF NOT EXISTS outlier_detections (
    video_id text NOT NULL,
    age_from_h integer NOT NULL, -- lower end of the age bucket in hours
    channel_id text NOT NULL,
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    title text,
    format text NOT NULL,
    published_at timestamptz NOT NULL,
    age_s bigint NOT NULL,
    views bigint NOT NULL,
    expected_views double precision NOT NULL,
    multiple double precision NOT NULL,
    z double precision NOT NULL,
    tail_probability double precision NOT NULL,
    too_recent boolean NOT NULL,
    insufficient_history boolean NOT NULL,
    baseline_n integer NOT NULL,
    baseline_median_log10 double precision NOT NULL,
    baseline_mad_log10 double precision NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL, -- of the snapshot that tipped it
    PRIMARY KEY (video_id, age_from_h)
);
CREATE INDEX IF NOT EXISTS outlier_detections_newest ON outlier_detections (occurred_at DESC);
CREATE INDEX IF NOT EXISTS outlier_detections_of_channel
    ON outlier_detections (channel_id, occurred_at DESC);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_detections (LIKE outlier_detections) ON COMMIT DELETE ROWS;

-- name: upsert_detections
-- A bucket is judged once. Where a restarted agent judged again, the earlier snapshot's verdict is
-- the one that counts; the same verdict repeated changes nothing.
INSERT INTO outlier_detections AS d
SELECT * FROM staged_detections
ON CONFLICT (video_id, age_from_h) DO UPDATE SET
    channel_id = excluded.channel_id,
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    title = excluded.title,
    format = excluded.format,
    published_at = excluded.published_at,
    age_s = excluded.age_s,
    views = excluded.views,
    expected_views = excluded.expected_views,
    multiple = excluded.multiple,
    z = excluded.z,
    tail_probability = excluded.tail_probability,
    too_recent = excluded.too_recent,
    insufficient_history = excluded.insufficient_history,
    baseline_n = excluded.baseline_n,
    baseline_median_log10 = excluded.baseline_median_log10,
    baseline_mad_log10 = excluded.baseline_mad_log10,
    source_partition = excluded.source_partition,
    source_offset = excluded.source_offset
WHERE (excluded.source_offset, excluded.source_partition) < (d.source_offset, d.source_partition);
