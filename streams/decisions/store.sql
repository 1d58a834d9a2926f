-- name: append
-- Positions rise with the versions: they are drawn after the sort.
INSERT INTO decision_events (domain, stream_id, version, type, body, occurred_at, event_id)
SELECT %(domain)s, %(stream_id)s, version, type, body, %(occurred_at)s, event_id
FROM unnest(%(versions)s::int[], %(types)s::text[], %(bodies)s::jsonb[], %(event_ids)s::text[])
    AS event (version, type, body, event_id)
ORDER BY version
ON CONFLICT (domain, stream_id, version) DO NOTHING
RETURNING position

-- name: wake
SELECT pg_notify('groundswell_decisions', %(domain)s)

-- name: load
SELECT position, domain, stream_id, version, type, body, occurred_at, event_id
FROM decision_events
WHERE domain = %(domain)s AND stream_id = ANY(%(stream_ids)s)
ORDER BY stream_id, version
