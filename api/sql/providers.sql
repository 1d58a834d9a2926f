-- Providers of generated videos.

-- name: health
-- The workers tell of every provider once a minute, or as PROVIDER_CHECK_SECONDS says, which is at
-- most five: where nothing was told for longer, nobody knows how it is.
SELECT
    provider,
    CASE WHEN told_at > now() - interval '15 minutes' THEN status ELSE 'unknown' END AS status,
    consecutive_failures,
    avg_response_ms,
    cost_per_request,
    reason,
    last_checked_at,
    open_until,
    told_at
FROM provider_health
ORDER BY provider;
