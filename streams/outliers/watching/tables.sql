-- What the poller knows, beyond the log: when it looked at what, and what is not published yet.

CREATE TABLE IF NOT EXISTS watching_channels (
    channel_id text PRIMARY KEY,
    title text NOT NULL,
    since timestamptz NOT NULL, -- when it was asked for
    looked_at timestamptz, -- null: never yet
    listed_at timestamptz, -- when its uploads were; null: never yet
    known_from timestamptz, -- from then on all its uploads are known
    next_look_at timestamptz, -- as it was expected at the last look; null: at once
    videos bigint, -- public ones, at the last look
    told boolean NOT NULL, -- that number says that there are uploads that are not known here
    missing integer NOT NULL, -- answers in a row without it; from 2 on it is gone
    foretold integer NOT NULL, -- uploads that the number of videos had told of
    surprising integer NOT NULL, -- uploads that it had not told of
    snapshots bigint NOT NULL, -- published of it and its videos
    units double precision NOT NULL -- of the API, its share of batches
);

CREATE TABLE IF NOT EXISTS watching_videos (
    video_id text PRIMARY KEY,
    channel_id text NOT NULL,
    found_at timestamptz NOT NULL,
    published_at timestamptz, -- null until its first look
    looked_at timestamptz, -- null: never yet
    views bigint, -- at the last look; null where hidden
    grown double precision NOT NULL, -- log10 growth between looks, the old forgotten
    expected double precision NOT NULL, -- what was expected of it
    missing integer NOT NULL -- answers in a row without it; from 2 on it is gone
);
CREATE INDEX IF NOT EXISTS watching_videos_channel ON watching_videos (channel_id);

-- Observations between the API's answer and the broker's acknowledgement.
CREATE TABLE IF NOT EXISTS watching_outbox (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    event text NOT NULL -- JSON, ASCII: a title may have what PostgreSQL's json refuses
);

-- What the poller is doing: one row.
CREATE TABLE IF NOT EXISTS watching_poller (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    state text NOT NULL, -- looking, resting, out of units, api away, refused, broker away
    reason text NOT NULL,
    goes_on_at timestamptz, -- null: at once, or nobody knows
    told_at timestamptz NOT NULL
);
