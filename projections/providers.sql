-- Providers: how each of them is.

-- name: tables
CREATE TABLE IF NOT EXISTS provider_health (
    provider text PRIMARY KEY,
    status text NOT NULL, -- unknown, healthy, degraded, unhealthy
    consecutive_failures integer NOT NULL,
    avg_response_ms double precision, -- null: it has done no work yet
    cost_per_request double precision, -- US dollars; null: the same
    reason text NOT NULL, -- of the last failure; empty: none
    last_checked_at timestamptz, -- null: never called
    open_until timestamptz, -- null: its breaker is closed
    told_at timestamptz NOT NULL,
    log_offset bigint NOT NULL
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_health (LIKE provider_health) ON COMMIT DELETE ROWS;

-- name: upsert_health
INSERT INTO provider_health AS h
SELECT * FROM staged_health
ON CONFLICT (provider) DO UPDATE SET
    status = excluded.status,
    consecutive_failures = excluded.consecutive_failures,
    avg_response_ms = excluded.avg_response_ms,
    cost_per_request = excluded.cost_per_request,
    reason = excluded.reason,
    last_checked_at = excluded.last_checked_at,
    open_until = excluded.open_until,
    told_at = excluded.told_at,
    log_offset = excluded.log_offset
WHERE (excluded.told_at, excluded.log_offset) > (h.told_at, h.log_offset);
