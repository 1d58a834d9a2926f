-- Analyses: where each search for outliers stands, its story event by event, and its channels.

-- name: tables
CREATE TABLE IF NOT EXISTS analyses (
    analysis_id text PRIMARY KEY,
    version integer NOT NULL, -- of the newest event in the row
    state text NOT NULL, -- queued, running, paused, completed, failed, cancelled
    -- what was asked for
    user_id text,
    request text, -- parameters and the content that the run uses: JSON, as it came
    -- how far it is
    step integer, -- 1 exclusions, 2 discovery, 3 channels, 4 scoring, 5 ranking
    message text, -- of the step
    progress double precision NOT NULL DEFAULT 0, -- of the whole run, 0 to 100
    games text[], -- what is excluded
    competitors integer, -- whose videos were read
    unresolved text[], -- competitors that were not found
    reason text, -- why it is paused, or was cancelled
    resumes_at timestamptz, -- when a paused one goes on
    error text,
    -- what came of it
    summary text, -- JSON, as it came
    results text, -- the best videos in their order: JSON, as it came
    requested_at timestamptz,
    started_at timestamptz, -- its first step
    finished_at timestamptz,
    updated_at timestamptz NOT NULL -- occurred_at of the newest event
);
CREATE INDEX IF NOT EXISTS analyses_of_user ON analyses (user_id, requested_at DESC);
CREATE INDEX IF NOT EXISTS analyses_newest ON analyses (requested_at DESC);
CREATE TABLE IF NOT EXISTS analysis_events (
    analysis_id text NOT NULL,
    version integer NOT NULL,
    type text NOT NULL, -- AnalysisRequested, StepStarted, ChannelAnalyzed, ...
    event_id text NOT NULL,
    occurred_at timestamptz NOT NULL,
    body jsonb NOT NULL, -- the event's other fields; nulls, request and results left out
    PRIMARY KEY (analysis_id, version)
);
CREATE TABLE IF NOT EXISTS analysis_found (
    analysis_id text NOT NULL,
    channel_id text NOT NULL,
    title text NOT NULL,
    subscribers bigint, -- null: hidden
    query text, -- that found it
    discovered_at timestamptz NOT NULL,
    PRIMARY KEY (analysis_id, channel_id)
);
CREATE TABLE IF NOT EXISTS analysis_scored (
    analysis_id text NOT NULL,
    channel_id text NOT NULL,
    videos integer NOT NULL, -- that were looked at
    outliers integer NOT NULL, -- that were kept
    skipped text, -- why it was not scored; null: it was
    analyzed_at timestamptz NOT NULL,
    PRIMARY KEY (analysis_id, channel_id)
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_events (LIKE analysis_events) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_found (LIKE analysis_found) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_scored (LIKE analysis_scored) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_analyses (
    analysis_id text, version integer,
    state text, user_id text, request text, step integer, message text,
    progress double precision, games text[], competitors integer, unresolved text[],
    reason text, resumes_at timestamptz, error text, summary text, results text,
    requested_at timestamptz, started_at timestamptz, finished_at timestamptz,
    updated_at timestamptz
) ON COMMIT DELETE ROWS;

-- name: upsert_events
INSERT INTO analysis_events (analysis_id, version, type, event_id, occurred_at, body)
SELECT analysis_id, version, type, event_id, occurred_at, body FROM staged_events
ON CONFLICT (analysis_id, version) DO NOTHING;

-- name: insert_found
INSERT INTO analysis_found (analysis_id, channel_id, title, subscribers, query, discovered_at)
SELECT analysis_id, channel_id, title, subscribers, query, discovered_at FROM staged_found
ON CONFLICT (analysis_id, channel_id) DO NOTHING;

-- name: insert_scored
INSERT INTO analysis_scored (analysis_id, channel_id, videos, outliers, skipped, analyzed_at)
SELECT analysis_id, channel_id, videos, outliers, skipped, analyzed_at FROM staged_scored
ON CONFLICT (analysis_id, channel_id) DO NOTHING;

-- name: insert_analyses
INSERT INTO analyses (analysis_id, version, state, updated_at)
SELECT analysis_id, 0, 'queued', max(updated_at) FROM staged_analyses GROUP BY analysis_id
ON CONFLICT (analysis_id) DO NOTHING;

-- name: update_analyses
-- A staged row holds what one event says; null is "nothing said". A version at or below the row's
-- own is a repeat, and must not say anything again: it may stand behind a newer event in its chunk.
-- Of the others the newest word counts, column by column; of beginnings the
-- first, and progress never falls.
WITH news AS (
    SELECT s.* FROM staged_analyses AS s JOIN analyses AS a USING (analysis_id)
    WHERE s.version > a.version
), said AS (
    SELECT
        analysis_id,
        max(version) AS version,
        (array_agg(state ORDER BY version DESC) FILTER (WHERE state IS NOT NULL))[1] AS state,
        (array_agg(user_id ORDER BY version DESC) FILTER (WHERE user_id IS NOT NULL))[1] AS user_id,
        (array_agg(request ORDER BY version DESC) FILTER (WHERE request IS NOT NULL))[1] AS request,
        (array_agg(step ORDER BY version DESC) FILTER (WHERE step IS NOT NULL))[1] AS step,
        (array_agg(message ORDER BY version DESC) FILTER (WHERE message IS NOT NULL))[1] AS message,
        max(progress) AS progress,
        (array_agg(games::text ORDER BY version DESC) FILTER (WHERE games IS NOT NULL))[1]::text[] AS games,
        (array_agg(competitors ORDER BY version DESC) FILTER (WHERE competitors IS NOT NULL))[1] AS competitors,
        (array_agg(unresolved::text ORDER BY version DESC) FILTER (WHERE unresolved IS NOT NULL))[1]::text[] AS unresolved,
        (array_agg(reason ORDER BY version DESC) FILTER (WHERE reason IS NOT NULL))[1] AS reason,
        (array_agg(resumes_at ORDER BY version DESC) FILTER (WHERE resumes_at IS NOT NULL))[1] AS resumes_at,
        (array_agg(error ORDER BY version DESC) FILTER (WHERE error IS NOT NULL))[1] AS error,
        (array_agg(summary ORDER BY version DESC) FILTER (WHERE summary IS NOT NULL))[1] AS summary,
        (array_agg(results ORDER BY version DESC) FILTER (WHERE results IS NOT NULL))[1] AS results,
        (array_agg(requested_at ORDER BY version) FILTER (WHERE requested_at IS NOT NULL))[1] AS requested_at,
        (array_agg(started_at ORDER BY version) FILTER (WHERE started_at IS NOT NULL))[1] AS started_at,
        (array_agg(finished_at ORDER BY version DESC) FILTER (WHERE finished_at IS NOT NULL))[1] AS finished_at,
        (array_agg(updated_at ORDER BY version DESC))[1] AS updated_at
    FROM news GROUP BY analysis_id
)
UPDATE analyses AS a SET
    version = s.version,
    state = CASE
        WHEN coalesce(s.state, a.state) = 'queued' AND coalesce(s.step, a.step) IS NOT NULL
        THEN 'running'
        ELSE coalesce(s.state, a.state)
    END,
    user_id = coalesce(s.user_id, a.user_id),
    request = coalesce(s.request, a.request),
    step = coalesce(s.step, a.step),
    message = coalesce(s.message, a.message),
    progress = greatest(s.progress, a.progress),
    games = coalesce(s.games, a.games),
    competitors = coalesce(s.competitors, a.competitors),
    unresolved = coalesce(s.unresolved, a.unresolved),
    reason = CASE
        WHEN coalesce(s.state, a.state) IN ('paused', 'cancelled') THEN coalesce(s.reason, a.reason)
    END,
    resumes_at = CASE
        WHEN coalesce(s.state, a.state) = 'paused' THEN coalesce(s.resumes_at, a.resumes_at)
    END,
    error = coalesce(s.error, a.error),
    summary = coalesce(s.summary, a.summary),
    results = coalesce(s.results, a.results),
    requested_at = coalesce(a.requested_at, s.requested_at),
    started_at = coalesce(a.started_at, s.started_at),
    finished_at = coalesce(s.finished_at, a.finished_at),
    updated_at = s.updated_at
FROM said AS s
WHERE a.analysis_id = s.analysis_id;
