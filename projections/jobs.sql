-- Jobs: where each generation job stands, and its story event by event.

-- name: tables
CREATE TABLE IF NOT EXISTS jobs (
    job_id text PRIMARY KEY,
    version integer NOT NULL, -- of the newest event in the row
    status text NOT NULL, -- queued, processing, completed, failed, cancelled
    -- what was asked for
    user_id text,
    prompt text,
    width integer,
    height integer,
    num_steps integer,
    quality text,
    seed bigint,
    duration_s double precision,
    priority text,
    max_retries integer,
    provider text, -- preferred; null: the dispatcher chooses
    source_video_id text,
    requested_by text,
    metadata text, -- the client's own JSON, as it came
    -- what became of it
    attempts integer NOT NULL DEFAULT 0,
    provider_used text,
    model text,
    worker text,
    percent double precision NOT NULL DEFAULT 0,
    step text,
    error text, -- last reason of a failed attempt or job; null once completed
    retry_at timestamptz, -- not before; null unless a retry waits
    cancel_reason text,
    artifact text,
    thumbnail text,
    bytes bigint,
    sha256 text,
    video_seconds double precision,
    processing_s double precision,
    queued_at timestamptz,
    started_at timestamptz, -- newest attempt
    finished_at timestamptz,
    artifacts_expired_at timestamptz, -- the files are gone since then
    updated_at timestamptz NOT NULL -- occurred_at of the newest event
);
CREATE INDEX IF NOT EXISTS jobs_of_user ON jobs (user_id, queued_at DESC);
CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, queued_at DESC);
CREATE INDEX IF NOT EXISTS jobs_newest ON jobs (queued_at DESC);
CREATE INDEX IF NOT EXISTS jobs_of_video ON jobs (source_video_id)
    WHERE source_video_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS job_events (
    job_id text NOT NULL,
    version integer NOT NULL,
    type text NOT NULL, -- JobQueued, AttemptStarted, Progressed, ...
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    body jsonb NOT NULL, -- the event's other fields, nulls and the fencing token left out
    PRIMARY KEY (job_id, version)
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_events (LIKE job_events) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_jobs (
    job_id text, version integer, status text, user_id text, prompt text, width integer,
    height integer, num_steps integer, quality text, seed bigint, duration_s double precision,
    priority text, max_retries integer, provider text, source_video_id text, requested_by text,
    metadata text, attempts integer, provider_used text, model text, worker text,
    percent double precision, step text, error text, retry_at timestamptz, cancel_reason text,
    artifact text, thumbnail text, bytes bigint, sha256 text, video_seconds double precision,
    processing_s double precision, queued_at timestamptz, started_at timestamptz,
    finished_at timestamptz, artifacts_expired_at timestamptz, updated_at timestamptz
) ON COMMIT DELETE ROWS;

-- name: upsert_events
INSERT INTO job_events (job_id, version, type, event_id, occurred_at, body)
SELECT job_id, version, type, event_id, occurred_at, body FROM staged_events
ON CONFLICT (job_id, version) DO NOTHING;

-- name: insert_jobs
INSERT INTO jobs (job_id, version, status, updated_at)
SELECT job_id, 0, 'queued', max(updated_at) FROM staged_jobs GROUP BY job_id
ON CONFLICT (job_id) DO NOTHING;

-- name: update_jobs
-- A staged row holds what one event says; null is "nothing said". A version at or below the row's
-- own is a repeat, and must not say anything again: it may stand behind a newer event in its chunk.
-- Of the others the newest word counts, column by column.
WITH news AS (
    SELECT s.* FROM staged_jobs AS s JOIN jobs AS j USING (job_id) WHERE s.version > j.version
), said AS (
    SELECT
        job_id,
        max(version) AS version,
        (array_agg(updated_at ORDER BY version DESC))[1] AS updated_at,
        (array_agg(status ORDER BY version DESC) FILTER (WHERE status IS NOT NULL))[1] AS status,
        (array_agg(user_id ORDER BY version DESC) FILTER (WHERE user_id IS NOT NULL))[1] AS user_id,
        (array_agg(prompt ORDER BY version DESC) FILTER (WHERE prompt IS NOT NULL))[1] AS prompt,
        (array_agg(width ORDER BY version DESC) FILTER (WHERE width IS NOT NULL))[1] AS width,
        (array_agg(height ORDER BY version DESC) FILTER (WHERE height IS NOT NULL))[1] AS height,
        (array_agg(num_steps ORDER BY version DESC) FILTER (WHERE num_steps IS NOT NULL))[1] AS num_steps,
        (array_agg(quality ORDER BY version DESC) FILTER (WHERE quality IS NOT NULL))[1] AS quality,
        (array_agg(seed ORDER BY version DESC) FILTER (WHERE seed IS NOT NULL))[1] AS seed,
        (array_agg(duration_s ORDER BY version DESC) FILTER (WHERE duration_s IS NOT NULL))[1] AS duration_s,
        (array_agg(priority ORDER BY version DESC) FILTER (WHERE priority IS NOT NULL))[1] AS priority,
        (array_agg(max_retries ORDER BY version DESC) FILTER (WHERE max_retries IS NOT NULL))[1] AS max_retries,
        (array_agg(provider ORDER BY version DESC) FILTER (WHERE provider IS NOT NULL))[1] AS provider,
        (array_agg(source_video_id ORDER BY version DESC) FILTER (WHERE source_video_id IS NOT NULL))[1] AS source_video_id,
        (array_agg(requested_by ORDER BY version DESC) FILTER (WHERE requested_by IS NOT NULL))[1] AS requested_by,
        (array_agg(metadata ORDER BY version DESC) FILTER (WHERE metadata IS NOT NULL))[1] AS metadata,
        (array_agg(attempts ORDER BY version DESC) FILTER (WHERE attempts IS NOT NULL))[1] AS attempts,
        (array_agg(provider_used ORDER BY version DESC) FILTER (WHERE provider_used IS NOT NULL))[1] AS provider_used,
        (array_agg(model ORDER BY version DESC) FILTER (WHERE model IS NOT NULL))[1] AS model,
        (array_agg(worker ORDER BY version DESC) FILTER (WHERE worker IS NOT NULL))[1] AS worker,
        (array_agg(percent ORDER BY version DESC) FILTER (WHERE percent IS NOT NULL))[1] AS percent,
        (array_agg(step ORDER BY version DESC) FILTER (WHERE step IS NOT NULL))[1] AS step,
        (array_agg(error ORDER BY version DESC) FILTER (WHERE error IS NOT NULL))[1] AS error,
        (array_agg(retry_at ORDER BY version DESC) FILTER (WHERE retry_at IS NOT NULL))[1] AS retry_at,
        (array_agg(cancel_reason ORDER BY version DESC) FILTER (WHERE cancel_reason IS NOT NULL))[1] AS cancel_reason,
        (array_agg(artifact ORDER BY version DESC) FILTER (WHERE artifact IS NOT NULL))[1] AS artifact,
        (array_agg(thumbnail ORDER BY version DESC) FILTER (WHERE thumbnail IS NOT NULL))[1] AS thumbnail,
        (array_agg(bytes ORDER BY version DESC) FILTER (WHERE bytes IS NOT NULL))[1] AS bytes,
        (array_agg(sha256 ORDER BY version DESC) FILTER (WHERE sha256 IS NOT NULL))[1] AS sha256,
        (array_agg(video_seconds ORDER BY version DESC) FILTER (WHERE video_seconds IS NOT NULL))[1] AS video_seconds,
        (array_agg(processing_s ORDER BY version DESC) FILTER (WHERE processing_s IS NOT NULL))[1] AS processing_s,
        (array_agg(queued_at ORDER BY version DESC) FILTER (WHERE queued_at IS NOT NULL))[1] AS queued_at,
        (array_agg(started_at ORDER BY version DESC) FILTER (WHERE started_at IS NOT NULL))[1] AS started_at,
        (array_agg(finished_at ORDER BY version DESC) FILTER (WHERE finished_at IS NOT NULL))[1] AS finished_at,
        (array_agg(artifacts_expired_at ORDER BY version DESC) FILTER (WHERE artifacts_expired_at IS NOT NULL))[1] AS artifacts_expired_at
    FROM news GROUP BY job_id
)
UPDATE jobs AS j SET
    version = s.version,
    status = coalesce(s.status, j.status),
    user_id = coalesce(s.user_id, j.user_id),
    prompt = coalesce(s.prompt, j.prompt),
    width = coalesce(s.width, j.width),
    height = coalesce(s.height, j.height),
    num_steps = coalesce(s.num_steps, j.num_steps),
    quality = coalesce(s.quality, j.quality),
    seed = coalesce(s.seed, j.seed),
    duration_s = coalesce(s.duration_s, j.duration_s),
    priority = coalesce(s.priority, j.priority),
    max_retries = coalesce(s.max_retries, j.max_retries),
    provider = coalesce(s.provider, j.provider),
    source_video_id = coalesce(s.source_video_id, j.source_video_id),
    requested_by = coalesce(s.requested_by, j.requested_by),
    metadata = coalesce(s.metadata, j.metadata),
    attempts = coalesce(s.attempts, j.attempts),
    provider_used = coalesce(s.provider_used, j.provider_used),
    model = coalesce(s.model, j.model),
    worker = coalesce(s.worker, j.worker),
    percent = coalesce(s.percent, j.percent),
    step = coalesce(s.step, j.step),
    error = CASE WHEN s.status = 'completed' THEN NULL ELSE coalesce(s.error, j.error) END,
    retry_at = CASE
        WHEN coalesce(s.status, j.status) = 'queued' THEN coalesce(s.retry_at, j.retry_at)
    END,
    cancel_reason = coalesce(s.cancel_reason, j.cancel_reason),
    artifact = coalesce(s.artifact, j.artifact),
    thumbnail = coalesce(s.thumbnail, j.thumbnail),
    bytes = coalesce(s.bytes, j.bytes),
    sha256 = coalesce(s.sha256, j.sha256),
    video_seconds = coalesce(s.video_seconds, j.video_seconds),
    processing_s = coalesce(s.processing_s, j.processing_s),
    queued_at = coalesce(s.queued_at, j.queued_at),
    started_at = coalesce(s.started_at, j.started_at),
    finished_at = CASE
        WHEN coalesce(s.status, j.status) IN ('completed', 'failed', 'cancelled')
        THEN coalesce(s.finished_at, j.finished_at)
    END,
    artifacts_expired_at = coalesce(s.artifacts_expired_at, j.artifacts_expired_at),
    updated_at = s.updated_at
FROM said AS s
WHERE j.job_id = s.job_id;
