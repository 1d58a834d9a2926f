-- name: lock
-- One process at a time makes tables; released with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('groundswell watching tables', 0))

-- name: claim
-- Held by the session: it ends with the connection, whatever becomes of the process.
SELECT pg_try_advisory_lock(hashtextextended('groundswell poller', 0))

-- name: channels
SELECT
    channel_id, title, extract(epoch FROM since)::float8,
    extract(epoch FROM looked_at)::float8, extract(epoch FROM listed_at)::float8,
    extract(epoch FROM known_from)::float8, extract(epoch FROM next_look_at)::float8,
    videos, told, missing, foretold, surprising, snapshots, units
FROM watching_channels
ORDER BY channel_id

-- name: videos
SELECT
    video_id, channel_id, extract(epoch FROM found_at)::float8,
    extract(epoch FROM published_at)::float8, extract(epoch FROM looked_at)::float8,
    views, grown, expected, missing
FROM watching_videos
ORDER BY video_id

-- name: keep_channel
INSERT INTO watching_channels (
    channel_id, title, since, looked_at, listed_at, known_from, next_look_at,
    videos, told, missing, foretold, surprising, snapshots, units
)
VALUES (
    %(channel_id)s, %(title)s, to_timestamp(%(since)s), to_timestamp(%(looked_at)s),
    to_timestamp(%(listed_at)s), to_timestamp(%(known_from)s), to_timestamp(%(next_look_at)s),
    %(videos)s, %(told)s, %(missing)s, %(foretold)s, %(surprising)s, %(snapshots)s, %(units)s
)
ON CONFLICT (channel_id) DO UPDATE SET
    title = excluded.title,
    since = excluded.since,
    looked_at = excluded.looked_at,
    listed_at = excluded.listed_at,
    known_from = excluded.known_from,
    next_look_at = excluded.next_look_at,
    videos = excluded.videos,
    told = excluded.told,
    missing = excluded.missing,
    foretold = excluded.foretold,
    surprising = excluded.surprising,
    snapshots = excluded.snapshots,
    units = excluded.units

-- name: keep_video
INSERT INTO watching_videos (
    video_id, channel_id, found_at, published_at, looked_at, views, grown, expected, missing
)
VALUES (
    %(video_id)s, %(channel_id)s, to_timestamp(%(found_at)s), to_timestamp(%(published_at)s),
    to_timestamp(%(looked_at)s), %(views)s, %(grown)s, %(expected)s, %(missing)s
)
ON CONFLICT (video_id) DO UPDATE SET
    channel_id = excluded.channel_id,
    found_at = excluded.found_at,
    published_at = excluded.published_at,
    looked_at = excluded.looked_at,
    views = excluded.views,
    grown = excluded.grown,
    expected = excluded.expected,
    missing = excluded.missing

-- name: drop_channels
DELETE FROM watching_channels WHERE channel_id = ANY(%(ids)s)

-- name: drop_videos
DELETE FROM watching_videos WHERE video_id = ANY(%(ids)s)

-- name: put
INSERT INTO watching_outbox (topic, event) VALUES (%(topic)s, %(event)s)

-- name: pending
SELECT position, topic, event FROM watching_outbox ORDER BY position LIMIT %(limit)s

-- name: published
DELETE FROM watching_outbox WHERE position <= %(position)s

-- name: tell
INSERT INTO watching_poller (state, reason, goes_on_at, told_at)
VALUES (%(state)s, %(reason)s, to_timestamp(%(goes_on_at)s), now())
ON CONFLICT (only_one) DO UPDATE SET
    state = excluded.state,
    reason = excluded.reason,
    goes_on_at = excluded.goes_on_at,
    told_at = excluded.told_at

-- name: ready
SELECT to_regclass('watching_poller') IS NOT NULL

-- name: told
SELECT state, reason, goes_on_at, told_at FROM watching_poller

-- name: listed
SELECT
    channel_id, title, since, looked_at, listed_at, next_look_at, told, missing, snapshots, units,
    (
        SELECT count(*) FROM watching_videos AS v
        WHERE v.channel_id = c.channel_id AND v.missing < 2
            AND (v.published_at IS NULL OR v.published_at > now() - interval '90 days')
    ) AS followed,
    (
        SELECT count(*) FROM watching_videos AS v
        WHERE v.channel_id = c.channel_id AND v.missing >= 2
    ) AS gone_videos
FROM watching_channels AS c
ORDER BY title, channel_id
