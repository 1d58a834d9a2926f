-- Niches: topics in which several channels have outliers at about the same time.

-- name: tables
CREATE TABLE IF NOT EXISTS outlier_niches (
    niche_id text PRIMARY KEY,
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL, -- newest detection in it
    terms text[] NOT NULL, -- the most telling first
    channels text[] NOT NULL,
    videos text[] NOT NULL, -- newest first
    median_multiple double precision NOT NULL,
    first_seen timestamptz NOT NULL,
    open boolean NOT NULL,
    log_offset bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS outlier_niches_newest ON outlier_niches (occurred_at DESC);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_niches (LIKE outlier_niches) ON COMMIT DELETE ROWS;

-- name: delete_niches
DELETE FROM outlier_niches AS n USING staged_tombstones AS t
WHERE n.niche_id = t.key AND n.log_offset < t.log_offset;

-- name: upsert_niches
INSERT INTO outlier_niches AS n (
    niche_id, event_id, occurred_at, terms, channels, videos, median_multiple, first_seen, open,
    log_offset
)
SELECT
    niche_id, event_id, occurred_at, terms, channels, videos, median_multiple, first_seen, open,
    log_offset
FROM staged_niches
ON CONFLICT (niche_id) DO UPDATE SET
    event_id = excluded.event_id,
    occurred_at = excluded.occurred_at,
    terms = excluded.terms,
    channels = excluded.channels,
    videos = excluded.videos,
    median_multiple = excluded.median_multiple,
    first_seen = excluded.first_seen,
    open = excluded.open,
    log_offset = excluded.log_offset
WHERE excluded.log_offset > n.log_offset;
