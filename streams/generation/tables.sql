-- The truth about what the dispatcher and the policy have consumed; the group's own commits are
-- only a hint for whoever looks at lag.
CREATE TABLE IF NOT EXISTS dispatcher_offsets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
);

-- What rules have asked for: one request per rule and video, countable per hour. A dry run's are
-- apart: a rule that is put in force asks for what it only would have asked for.
CREATE TABLE IF NOT EXISTS policy_requests (
    rule text NOT NULL,
    video_id text NOT NULL,
    dry_run boolean NOT NULL,
    job_id text NOT NULL,
    requested_at timestamptz NOT NULL,
    PRIMARY KEY (rule, video_id, dry_run)
);

CREATE INDEX IF NOT EXISTS policy_requests_by_time
    ON policy_requests (rule, dry_run, requested_at);

-- How judgements ended: asked, would_ask, over_cap, unfit.
CREATE TABLE IF NOT EXISTS policy_outcomes (
    rule text NOT NULL,
    outcome text NOT NULL,
    times bigint NOT NULL,
    PRIMARY KEY (rule, outcome)
);

-- From before there were rules: the one that was in force goes on where it stood.
DO $$
BEGIN
    IF to_regclass('teaser_requests') IS NOT NULL THEN
        INSERT INTO policy_requests (rule, video_id, dry_run, job_id, requested_at)
        SELECT 'teasers', video_id, false, job_id, requested_at FROM teaser_requests
        ON CONFLICT DO NOTHING;
        DROP TABLE teaser_requests;
        UPDATE dispatcher_offsets SET consumer = 'policy' WHERE consumer = 'teaser-policy';
    END IF;
END
$$;

-- procrastinate looks for other entries with the same lock before it gives one out; its own index
-- of locks begins with the id, and is read from end to end for that.
CREATE INDEX IF NOT EXISTS generation_entries_by_lock ON procrastinate_jobs (lock)
WHERE status IN ('todo', 'doing');
