-- name: tables
CREATE TABLE IF NOT EXISTS plays (
    play_id text PRIMARY KEY, title text NOT NULL, played_ms bigint NOT NULL, device text
);

-- name: staging
CREATE TEMP TABLE IF NOT EXISTS staged_plays (LIKE plays) ON COMMIT DELETE ROWS;

-- name: upsert_plays
INSERT INTO plays (play_id, title, played_ms, device)
SELECT play_id, title, played_ms, device FROM staged_plays ON CONFLICT DO NOTHING;
