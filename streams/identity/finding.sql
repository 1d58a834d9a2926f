-- name: owner_of_key
SELECT user_id FROM identity_keys WHERE key_id = %(key_id)s

-- name: users
SELECT user_id, sealed_email, role, tier, suspended, created_at
FROM identity_users
WHERE (%(role)s::text IS NULL OR role = %(role)s)
    AND (%(suspended)s::boolean IS NULL OR suspended = %(suspended)s)
    AND (
        %(before)s::timestamptz IS NULL
        OR (created_at, user_id) < (%(before)s::timestamptz, %(user_id)s::text)
    )
ORDER BY created_at DESC, user_id DESC
LIMIT %(limit)s

-- name: count_users
SELECT count(*) FROM identity_users
WHERE (%(role)s::text IS NULL OR role = %(role)s)
    AND (%(suspended)s::boolean IS NULL OR suspended = %(suspended)s)

-- name: trail
SELECT version, type, body, occurred_at
FROM decision_events
WHERE domain = %(domain)s AND stream_id = %(user_id)s
    AND (%(before)s::integer IS NULL OR version < %(before)s)
ORDER BY version DESC
LIMIT %(limit)s
