-- Baseline shifts: one row for each alarm.

-- name: tables
CREATE TABLE IF NOT EXISTS outlier_shifts (
    channel_id text NOT NULL,
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    measure text NOT NULL, -- videos: at matched age; channel: views of the whole channel a day
    format text, -- null where the measure is the channel's
    direction text NOT NULL, -- up or down
    factor double precision NOT NULL, -- new usual / old usual
    before_log10 double precision NOT NULL, -- log10(views + 1)
    after_log10 double precision NOT NULL,
    observations integer NOT NULL, -- videos or days that the change shows in
    since timestamptz NOT NULL, -- the first of them
    statistic double precision NOT NULL, -- CUSUM at the alarm, in standard deviations
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    PRIMARY KEY (channel_id, event_id)
);
CREATE INDEX IF NOT EXISTS outlier_shifts_newest ON outlier_shifts (occurred_at DESC);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_shifts (LIKE outlier_shifts) ON COMMIT DELETE ROWS;

-- name: insert_shifts
INSERT INTO outlier_shifts (
    channel_id, event_id, occurred_at, measure, format, direction, factor, before_log10,
    after_log10, observations, since, statistic, source_partition, source_offset
)
SELECT
    channel_id, event_id, occurred_at, measure, format, direction, factor, before_log10,
    after_log10, observations, since, statistic, source_partition, source_offset
FROM staged_shifts
ON CONFLICT DO NOTHING;
