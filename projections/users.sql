-- Users: how each account is, its keys, and the audit trail. Text of persons is sealed.

-- name: tables
CREATE TABLE IF NOT EXISTS users (
    user_id text PRIMARY KEY,
    version integer NOT NULL, -- of the newest event in the row
    email text, -- sealed; null once forgotten
    name text, -- sealed
    role text, -- user, creator, moderator, admin
    tier text NOT NULL DEFAULT 'free', -- free, pro, enterprise, unlimited
    verified boolean NOT NULL DEFAULT false,
    suspended boolean NOT NULL DEFAULT false,
    two_factor boolean NOT NULL DEFAULT false,
    providers text[] NOT NULL DEFAULT '{}', -- that log in here too
    locked_until timestamptz, -- in the past: not any more
    created_at timestamptz,
    last_login_at timestamptz,
    forgotten_at timestamptz, -- the person was erased
    updated_at timestamptz NOT NULL -- occurred_at of the newest event
);
CREATE INDEX IF NOT EXISTS users_newest ON users (created_at DESC, user_id);
CREATE TABLE IF NOT EXISTS api_keys (
    user_id text NOT NULL,
    key_id text NOT NULL,
    version integer NOT NULL, -- of the event that issued it
    name text, -- sealed
    scopes text[] NOT NULL,
    tier text, -- null: the owner's
    issued_at timestamptz NOT NULL,
    issued_by text,
    revoked_at timestamptz,
    revoked_by text,
    PRIMARY KEY (user_id, key_id)
);
CREATE TABLE IF NOT EXISTS identity_events (
    user_id text NOT NULL,
    version integer NOT NULL,
    type text NOT NULL, -- UserRegistered, LoggedIn, RoleChanged, ...
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor text, -- a user's id, or installation; null: whoever failed to log in
    body jsonb NOT NULL, -- the event's other fields; nulls left out
    PRIMARY KEY (user_id, version)
);
CREATE INDEX IF NOT EXISTS identity_events_newest
    ON identity_events (occurred_at DESC, user_id, version DESC);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_events (LIKE identity_events) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_users (
    user_id text, version integer, email text, name text, role text, tier text,
    verified boolean, suspended boolean, two_factor boolean, provider text,
    locked_until timestamptz, created_at timestamptz, last_login_at timestamptz,
    forgotten_at timestamptz, updated_at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_issued (
    user_id text, key_id text, version integer, name text, scopes text[], tier text, by text,
    at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_revoked (
    user_id text, key_id text, version integer, by text, at timestamptz
) ON COMMIT DELETE ROWS;

-- name: upsert_events
INSERT INTO identity_events (user_id, version, type, event_id, occurred_at, actor, body)
SELECT user_id, version, type, event_id, occurred_at, actor, body FROM staged_events
ON CONFLICT (user_id, version) DO NOTHING;

-- name: insert_users
INSERT INTO users (user_id, version, updated_at)
SELECT user_id, 0, max(updated_at) FROM staged_users GROUP BY user_id
ON CONFLICT (user_id) DO NOTHING;

-- name: update_users
-- A staged row holds what one event says; null is "nothing said". A version at or below the row's
-- own is a repeat, and must not say anything again. Of the others the newest word counts, column
-- by column.
WITH news AS (
    SELECT s.* FROM staged_users AS s JOIN users AS u USING (user_id)
    WHERE s.version > u.version
), said AS (
    SELECT
        user_id,
        max(version) AS version,
        (array_agg(email ORDER BY version DESC) FILTER (WHERE email IS NOT NULL))[1] AS email,
        (array_agg(name ORDER BY version DESC) FILTER (WHERE name IS NOT NULL))[1] AS name,
        (array_agg(role ORDER BY version DESC) FILTER (WHERE role IS NOT NULL))[1] AS role,
        (array_agg(tier ORDER BY version DESC) FILTER (WHERE tier IS NOT NULL))[1] AS tier,
        bool_or(verified) AS verified,
        (array_agg(suspended ORDER BY version DESC) FILTER (WHERE suspended IS NOT NULL))[1] AS suspended,
        (array_agg(two_factor ORDER BY version DESC) FILTER (WHERE two_factor IS NOT NULL))[1] AS two_factor,
        array_agg(provider) FILTER (WHERE provider IS NOT NULL) AS providers,
        (array_agg(locked_until ORDER BY version DESC) FILTER (WHERE locked_until IS NOT NULL))[1] AS locked_until,
        (array_agg(created_at ORDER BY version) FILTER (WHERE created_at IS NOT NULL))[1] AS created_at,
        (array_agg(last_login_at ORDER BY version DESC) FILTER (WHERE last_login_at IS NOT NULL))[1] AS last_login_at,
        (array_agg(forgotten_at ORDER BY version DESC) FILTER (WHERE forgotten_at IS NOT NULL))[1] AS forgotten_at,
        (array_agg(updated_at ORDER BY version DESC))[1] AS updated_at
    FROM news GROUP BY user_id
)
UPDATE users AS u SET
    version = s.version,
    email = CASE WHEN coalesce(s.forgotten_at, u.forgotten_at) IS NULL THEN coalesce(s.email, u.email) END,
    name = CASE WHEN coalesce(s.forgotten_at, u.forgotten_at) IS NULL THEN coalesce(s.name, u.name) END,
    role = coalesce(s.role, u.role),
    tier = coalesce(s.tier, u.tier),
    verified = coalesce(s.verified, u.verified),
    suspended = coalesce(s.suspended, u.suspended),
    two_factor = coalesce(s.two_factor, u.two_factor),
    providers = ARRAY(
        SELECT DISTINCT provider FROM unnest(u.providers || s.providers) AS provider
        ORDER BY provider
    ),
    locked_until = coalesce(s.locked_until, u.locked_until),
    created_at = coalesce(u.created_at, s.created_at),
    last_login_at = coalesce(s.last_login_at, u.last_login_at),
    forgotten_at = coalesce(u.forgotten_at, s.forgotten_at),
    updated_at = s.updated_at
FROM said AS s
WHERE u.user_id = s.user_id;

-- name: insert_keys
INSERT INTO api_keys (user_id, key_id, version, name, scopes, tier, issued_at, issued_by)
SELECT DISTINCT ON (user_id, key_id) user_id, key_id, version, name, scopes, tier, at, by
FROM staged_issued
ORDER BY user_id, key_id, version
ON CONFLICT (user_id, key_id) DO NOTHING;

-- name: revoke_keys
-- The first revocation after the key was issued is the one.
UPDATE api_keys AS k SET revoked_at = s.at, revoked_by = s.by
FROM (
    SELECT DISTINCT ON (user_id, key_id) user_id, key_id, r.at, r.by
    FROM staged_revoked AS r JOIN api_keys AS issued USING (user_id, key_id)
    WHERE r.version > issued.version
    ORDER BY user_id, key_id, r.version
) AS s
WHERE k.user_id = s.user_id AND k.key_id = s.key_id AND k.revoked_at IS NULL;

-- name: drop_keys
-- A repeated event may have brought one back.
DELETE FROM api_keys AS k USING users AS u
WHERE u.user_id = k.user_id AND u.forgotten_at IS NOT NULL
    AND k.user_id IN (SELECT user_id FROM staged_users);
