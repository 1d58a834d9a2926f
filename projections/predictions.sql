-- Predictions, what a shadow says of the same, and what became of them. Any of the three may be
-- there before the others.

-- name: tables
CREATE TABLE IF NOT EXISTS predictions (
    prediction_id text PRIMARY KEY,
    made_at timestamptz NOT NULL,
    user_id text, -- who asked; null: nobody was named
    video_id text, -- null: predicted for a video that does not exist yet
    channel_id text,
    title text NOT NULL,
    category text,
    request text NOT NULL, -- JSON, as it came
    -- what was predicted: views at the horizon with the 90 % band
    predicted_views double precision NOT NULL,
    lower double precision NOT NULL,
    upper double precision NOT NULL,
    horizon_h double precision, -- age of the video
    due_at timestamptz, -- when the video has that age
    score double precision,
    stage text, -- before (publication), after (counts were observed)
    model_version text NOT NULL
);
CREATE INDEX IF NOT EXISTS predictions_newest ON predictions (made_at DESC, prediction_id);
CREATE INDEX IF NOT EXISTS predictions_of_user ON predictions (user_id, made_at DESC);
CREATE TABLE IF NOT EXISTS prediction_actuals (
    prediction_id text NOT NULL,
    source text NOT NULL, -- given (by a user), observed (in the log)
    actual_views bigint NOT NULL,
    horizon_h double precision, -- age of the video then; null where nobody says
    feedback text,
    observed_at timestamptz NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (prediction_id, source)
);
CREATE INDEX IF NOT EXISTS prediction_actuals_newest
    ON prediction_actuals (observed_at DESC, prediction_id);

CREATE TABLE IF NOT EXISTS prediction_shadows (
    prediction_id text NOT NULL,
    model_version text NOT NULL, -- a shadow: the model of `predictions` is the one that served
    -- of the same moment and age: views with the 90 % band
    predicted_views double precision NOT NULL,
    lower double precision NOT NULL,
    upper double precision NOT NULL,
    horizon_h double precision,
    score double precision,
    stage text,
    made_at timestamptz NOT NULL,
    PRIMARY KEY (prediction_id, model_version)
);
CREATE INDEX IF NOT EXISTS prediction_shadows_of_model
    ON prediction_shadows (model_version, made_at DESC);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_predictions (LIKE predictions) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_actuals (LIKE prediction_actuals) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_shadows (LIKE prediction_shadows) ON COMMIT DELETE ROWS;

-- name: insert_predictions
INSERT INTO predictions (
    prediction_id, made_at, user_id, video_id, channel_id, title, category, request,
    predicted_views, lower, upper, horizon_h, due_at, score, stage, model_version
)
SELECT
    prediction_id, made_at, user_id, video_id, channel_id, title, category, request,
    predicted_views, lower, upper, horizon_h, due_at, score, stage, model_version
FROM staged_predictions
ON CONFLICT (prediction_id) DO NOTHING;

-- name: insert_shadows
INSERT INTO prediction_shadows (
    prediction_id, model_version, predicted_views, lower, upper, horizon_h, score, stage, made_at
)
SELECT
    prediction_id, model_version, predicted_views, lower, upper, horizon_h, score, stage, made_at
FROM staged_shadows
ON CONFLICT (prediction_id, model_version) DO NOTHING;

-- name: upsert_actuals
INSERT INTO prediction_actuals AS a (
    prediction_id, source, actual_views, horizon_h, feedback, observed_at, log_offset
)
SELECT prediction_id, source, actual_views, horizon_h, feedback, observed_at, log_offset
FROM staged_actuals
ON CONFLICT (prediction_id, source) DO UPDATE SET
    actual_views = excluded.actual_views,
    horizon_h = excluded.horizon_h,
    feedback = excluded.feedback,
    observed_at = excluded.observed_at,
    log_offset = excluded.log_offset
WHERE (excluded.observed_at, excluded.log_offset) > (a.observed_at, a.log_offset);
