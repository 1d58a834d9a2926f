-- Jobs that count in their users' quotas: a row each.
CREATE TABLE IF NOT EXISTS generation_usage (
    job_id text PRIMARY KEY,
    user_id text NOT NULL,
    day date NOT NULL, -- of UTC, on which it was dispatched
    cost_usd double precision NOT NULL -- what its attempt is expected to cost
);

CREATE INDEX IF NOT EXISTS generation_usage_of_user
    ON generation_usage (user_id, day) INCLUDE (cost_usd);
