-- The truth about what the dispatcher and the policy have consumed; the group's own commits are
-- only a hint for whoever looks at lag.
CREATE TABLE IF NOT EXISTS dispatcher_offsets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
);

-- Teasers that the policy asked for: one per video, and countable per hour.
CREATE TABLE IF NOT EXISTS teaser_requests (
    job_id text PRIMARY KEY,
    video_id text NOT NULL,
    requested_at timestamptz NOT NULL
);

CREATE INDEX IF NOT EXISTS teaser_requests_by_time ON teaser_requests (requested_at);

-- procrastinate looks for other entries with the same lock before it gives one out; its own index
-- of locks begins with the id, and is read from end to end for that.
CREATE INDEX IF NOT EXISTS generation_entries_by_lock ON procrastinate_jobs (lock)
WHERE status IN ('todo', 'doing');
