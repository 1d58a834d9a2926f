-- name: known
SELECT stream_id FROM decision_events
WHERE domain = %(domain)s AND stream_id = ANY(%(stream_ids)s) AND version = 1
