-- name: user_of_email
SELECT user_id FROM identity_emails WHERE lookup = %(lookup)s

-- name: user_of_link
SELECT user_id FROM identity_links WHERE lookup = %(lookup)s

-- name: created
SELECT created_at FROM identity_users WHERE user_id = %(user_id)s

-- name: add_user
INSERT INTO identity_users (user_id, sealed_email, role, tier, created_at)
VALUES (%(user_id)s, %(email)s, %(role)s, %(tier)s, %(at)s)

-- name: add_email
INSERT INTO identity_emails (lookup, user_id) VALUES (%(lookup)s, %(user_id)s)

-- name: add_link
INSERT INTO identity_links (lookup, user_id, provider)
VALUES (%(lookup)s, %(user_id)s, %(provider)s)

-- name: set_role
UPDATE identity_users SET role = %(role)s WHERE user_id = %(user_id)s

-- name: set_tier
UPDATE identity_users SET tier = %(tier)s WHERE user_id = %(user_id)s

-- name: set_suspended
UPDATE identity_users SET suspended = %(suspended)s WHERE user_id = %(user_id)s

-- name: delete_user
-- Every other row of the user goes with it.
DELETE FROM identity_users WHERE user_id = %(user_id)s

-- name: user_of_reference
SELECT user_id FROM identity_users WHERE left(sealed_email, 14) = left(%(sealed)s, 14)

-- name: password
SELECT hash FROM identity_passwords WHERE user_id = %(user_id)s

-- name: set_password
INSERT INTO identity_passwords (user_id, hash) VALUES (%(user_id)s, %(hash)s)
ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash

-- name: replace_password
UPDATE identity_passwords SET hash = %(hash)s WHERE user_id = %(user_id)s AND hash = %(known)s

-- name: delete_password
DELETE FROM identity_passwords WHERE user_id = %(user_id)s

-- name: set_token
-- One of a kind: an earlier e-mail's token is void.
INSERT INTO identity_tokens (hash, user_id, purpose, expires_at)
VALUES (%(hash)s, %(user_id)s, %(purpose)s, %(expires_at)s)
ON CONFLICT (user_id, purpose) DO UPDATE
SET hash = excluded.hash, expires_at = excluded.expires_at

-- name: token
SELECT user_id FROM identity_tokens
WHERE hash = %(hash)s AND purpose = %(purpose)s AND expires_at > %(at)s

-- name: use_token
DELETE FROM identity_tokens
WHERE hash = %(hash)s AND purpose = %(purpose)s AND expires_at > %(at)s

-- name: delete_tokens
DELETE FROM identity_tokens WHERE user_id = %(user_id)s AND purpose = %(purpose)s

-- name: totp
SELECT sealed_secret, confirmed, last_step FROM identity_totp WHERE user_id = %(user_id)s

-- name: offer_totp
INSERT INTO identity_totp (user_id, sealed_secret, confirmed, last_step)
SELECT user_id, %(secret)s, false, 0 FROM identity_users WHERE user_id = %(user_id)s
ON CONFLICT (user_id) DO UPDATE SET sealed_secret = excluded.sealed_secret, last_step = 0
WHERE NOT identity_totp.confirmed

-- name: use_totp
UPDATE identity_totp SET last_step = %(step)s, confirmed = true
WHERE user_id = %(user_id)s AND last_step < %(step)s AND sealed_secret = %(secret)s

-- name: delete_totp
DELETE FROM identity_totp WHERE user_id = %(user_id)s

-- name: add_backup_codes
INSERT INTO identity_backup_codes (user_id, hash)
SELECT %(user_id)s, unnest(%(hashes)s::bytea[])

-- name: use_backup_code
DELETE FROM identity_backup_codes WHERE user_id = %(user_id)s AND hash = %(hash)s

-- name: delete_backup_codes
DELETE FROM identity_backup_codes WHERE user_id = %(user_id)s

-- name: count_backup_codes
SELECT count(*) FROM identity_backup_codes WHERE user_id = %(user_id)s

-- name: add_session
INSERT INTO identity_sessions (session_id, user_id, seed, generation, rotated_at, expires_at)
VALUES (%(session_id)s, %(user_id)s, %(seed)s, 1, %(at)s, %(expires_at)s)

-- name: session
SELECT session.user_id, role, seed, generation, rotated_at, expires_at
FROM identity_sessions AS session JOIN identity_users USING (user_id)
WHERE session_id = %(session_id)s

-- name: rotate
UPDATE identity_sessions
SET generation = generation + 1, rotated_at = %(at)s, expires_at = %(expires_at)s
WHERE session_id = %(session_id)s AND generation = %(generation)s

-- name: lapsed
SELECT session_id FROM identity_sessions WHERE user_id = %(user_id)s AND expires_at <= %(at)s

-- name: delete_session
DELETE FROM identity_sessions WHERE user_id = %(user_id)s AND session_id = %(session_id)s

-- name: delete_sessions
DELETE FROM identity_sessions WHERE user_id = %(user_id)s

-- name: add_key
INSERT INTO identity_keys (key_id, user_id, hash, sealed_name, scopes, tier, created_at)
VALUES (%(key_id)s, %(user_id)s, %(hash)s, %(name)s, %(scopes)s, %(tier)s, %(at)s)

-- name: delete_key
DELETE FROM identity_keys WHERE user_id = %(user_id)s AND key_id = %(key_id)s

-- name: keys
SELECT key_id, sealed_name, scopes, tier, created_at, last_used
FROM identity_keys WHERE user_id = %(user_id)s
ORDER BY created_at, key_id

-- name: stranger
SELECT failures, locks, locked_until FROM identity_strangers WHERE lookup = %(lookup)s

-- name: set_stranger
-- Of the addresses that nobody has tried for long nothing is kept.
WITH forgotten AS (
    DELETE FROM identity_strangers
    WHERE touched_at < %(at)s - interval '90 days' AND lookup <> %(lookup)s
)
INSERT INTO identity_strangers (lookup, failures, locks, locked_until, touched_at)
VALUES (%(lookup)s, %(failures)s, %(locks)s, %(until)s, %(at)s)
ON CONFLICT (lookup) DO UPDATE SET
    failures = excluded.failures, locks = excluded.locks,
    locked_until = excluded.locked_until, touched_at = excluded.touched_at

-- name: lock_stranger
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(lookup)s, 'hex'), 9))

-- name: delete_stranger
DELETE FROM identity_strangers WHERE lookup = %(lookup)s

-- name: verify_session
SELECT role, tier, suspended
FROM identity_sessions AS session JOIN identity_users AS owner USING (user_id)
WHERE session_id = %(session_id)s AND user_id = %(user_id)s

-- name: verify_key
SELECT user_id, hash, scopes, key.tier, owner.tier AS owner_tier, role, suspended, last_used
FROM identity_keys AS key JOIN identity_users AS owner USING (user_id)
WHERE key_id = %(key_id)s

-- name: touch_key
UPDATE identity_keys SET last_used = %(at)s
WHERE key_id = %(key_id)s AND (last_used IS NULL OR last_used <= %(before)s)
