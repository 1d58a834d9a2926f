-- What proves who somebody is: beside the log, because it must be possible to delete it. Every row
-- is written in one transaction with the event that it belongs to. Nothing here is personal in
-- plain, and no secret can be read without those of the installation.

CREATE TABLE IF NOT EXISTS identity_users (
    user_id text PRIMARY KEY,
    sealed_email text NOT NULL,
    role text NOT NULL,
    tier text NOT NULL,
    suspended boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
-- The first 14 characters name the person's key: `forget` takes any sealed value.
CREATE INDEX IF NOT EXISTS identity_users_by_reference ON identity_users (left(sealed_email, 14));

-- Addresses, and accounts at providers: by an HMAC, which tells nobody what it is of.
CREATE TABLE IF NOT EXISTS identity_emails (
    lookup bytea PRIMARY KEY,
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS identity_emails_of_user ON identity_emails (user_id);

CREATE TABLE IF NOT EXISTS identity_links (
    lookup bytea PRIMARY KEY,
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE,
    provider text NOT NULL
);
CREATE INDEX IF NOT EXISTS identity_links_of_user ON identity_links (user_id);

CREATE TABLE IF NOT EXISTS identity_passwords (
    user_id text PRIMARY KEY REFERENCES identity_users ON DELETE CASCADE,
    hash text NOT NULL -- Argon2id, with its parameters
);

CREATE TABLE IF NOT EXISTS identity_totp (
    user_id text PRIMARY KEY REFERENCES identity_users ON DELETE CASCADE,
    sealed_secret text NOT NULL, -- under the person's key
    confirmed boolean NOT NULL, -- false: offered, and no code of it was seen yet
    last_step bigint NOT NULL -- of the newest code that was accepted; none up to it is again
);

CREATE TABLE IF NOT EXISTS identity_backup_codes (
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE,
    hash bytea NOT NULL, -- HMAC
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE IF NOT EXISTS identity_sessions (
    session_id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE,
    seed bytea NOT NULL, -- random; refresh tokens are made from it and from the secret
    generation integer NOT NULL, -- of the refresh token that is good
    rotated_at timestamptz NOT NULL, -- when the one before was used
    expires_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS identity_sessions_of_user ON identity_sessions (user_id);

-- Tokens of e-mails: each is good once.
CREATE TABLE IF NOT EXISTS identity_tokens (
    hash bytea PRIMARY KEY, -- SHA-256 of 32 random bytes
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE,
    purpose text NOT NULL, -- verification, reset
    expires_at timestamptz NOT NULL,
    UNIQUE (user_id, purpose)
);

CREATE TABLE IF NOT EXISTS identity_keys (
    key_id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES identity_users ON DELETE CASCADE,
    hash bytea NOT NULL, -- SHA-256 of 32 random bytes
    sealed_name text NOT NULL,
    scopes text[] NOT NULL,
    tier text, -- null: the owner's
    created_at timestamptz NOT NULL,
    last_used timestamptz -- to the minute
);
CREATE INDEX IF NOT EXISTS identity_keys_of_user ON identity_keys (user_id);

-- Failures of addresses that nobody registered: they lock as accounts do, or a lock would tell
-- which addresses are registered.
CREATE TABLE IF NOT EXISTS identity_strangers (
    lookup bytea PRIMARY KEY,
    failures integer NOT NULL,
    locks integer NOT NULL,
    locked_until timestamptz,
    touched_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS identity_strangers_touched ON identity_strangers (touched_at);
