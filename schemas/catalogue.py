"""The topics: the one place where their names, keys, schemas and retention are written.

Provisioning, documentation, agents, projections and the API all read it from here.
"""

from __future__ import annotations

from schemas import validity
from schemas.errors import UnknownTopicError
from schemas.topic import Topic

# The platform's terms ask for stored API data to be refreshed or deleted after this many days.
YOUTUBE_RETENTION_DAYS = 30


VIDEO_UPLOADS = Topic(
    "video.uploads.v1", "video_id", "Videos that became known.", rules=validity.UPLOAD
)
ENGAGEMENT = Topic(
    "engagement.events.v1",
    "video_id",
    "What viewers do with videos.",
    rules=validity.ENGAGEMENT,
    retention_days=90,
)
CHANNEL_SNAPSHOTS = Topic(
    "youtube.channel-snapshots.v1",
    "channel_id",
    "Cumulative counts of channels.",
    rules=validity.CHANNEL_SNAPSHOT,
    retention_days=YOUTUBE_RETENTION_DAYS,
    expires=True,
)
VIDEO_SNAPSHOTS = Topic(
    "youtube.video-snapshots.v1",
    "channel_id",
    "Cumulative counts of videos.",
    rules=validity.VIDEO_SNAPSHOT,
    retention_days=YOUTUBE_RETENTION_DAYS,
    expires=True,
)
EXPIRIES = Topic(
    "youtube.expiries.v1",
    "event_id",
    "Until when data of YouTube's API is to be gone.",
    partitions=1,
    rules=validity.EXPIRY,
)
GENERATION_REQUESTS = Topic(
    "generation.requests.v1",
    "job_id",
    "Wishes for videos to be generated.",
    rules=validity.GENERATION_REQUEST,
)
GENERATION_EVENTS = Topic(
    "generation.events.v1", "job_id", "The life stories of generation jobs.", columnar=False
)
PROVIDER_HEALTH = Topic(
    "generation.provider-health.v1",
    "provider",
    "How the providers of generated videos are.",
    partitions=1,
    compacted=True,
)
VIRALITY_SCORES = Topic(
    "virality.scores.v1",
    "video_id",
    "Totals, decayed rates and score per video; the virality agent's state.",
    compacted=True,
)
VIRALITY_CHANNELS = Topic(
    "virality.channels.v1",
    "channel_id",
    "A channel's newest videos as observed; the forecast agent's state.",
    compacted=True,
    retention_days=YOUTUBE_RETENTION_DAYS,
    expires=True,
)
VIRALITY_FORECASTS = Topic(
    "virality.forecasts.v1",
    "video_id",
    "What is expected of videos whose counts are observed.",
    compacted=True,
)
VIRALITY_PREDICTIONS = Topic(
    "virality.predictions.v1",
    "prediction_id",
    "Predictions made and what became of them.",
    rules=validity.PREDICTION,
    columnar=False,
)
VIRALITY_MODELS = Topic(
    "virality.models.v1",
    "family",
    "Models that were registered, and which of them serves.",
    partitions=1,  # one order for all: the last promotion wins
    columnar=False,
)
OUTLIER_BASELINES = Topic(
    "outlier.baselines.v1",
    "channel_id",
    "What is usual per channel, format and age; the outlier agent's state.",
    compacted=True,
)
OUTLIER_DETECTIONS = Topic(
    "outlier.detections.v1", "video_id", "Videos far above what is usual for their channel."
)
OUTLIER_GROWTH = Topic(
    "outlier.growth.v1",
    "growth_id",
    "How views grow with age, as learned from the log.",
    partitions=1,
    compacted=True,
)
OUTLIER_SHIFTS = Topic(
    "outlier.shifts.v1", "channel_id", "Channels whose usual views have changed."
)
OUTLIER_CHANNEL_VIEWS = Topic(
    "outlier.channel-views.v1",
    "channel_id",
    "Views a day that are usual for a channel; the state of the channel-shift agent.",
    compacted=True,
    retention_days=YOUTUBE_RETENTION_DAYS,
    expires=True,
)
OUTLIER_NICHES = Topic(
    "outlier.niches.v1",
    "niche_id",
    "Topics in which several channels have outliers.",
    partitions=1,
    compacted=True,
)
OUTLIER_ANALYSES = Topic(
    "outlier.analyses.v1", "analysis_id", "The life stories of outlier analyses.", columnar=False
)
OUTLIER_CONTENT = Topic(
    "outlier.content.v1",
    "content_id",
    "What outlier analyses search for, exclude and like.",
    partitions=1,
    compacted=True,
)
WATCHED_CHANNELS = Topic(
    "youtube.watched-channels.v1",
    "channel_id",
    "Channels that are to be snapshotted.",
    partitions=1,
    compacted=True,
)

WEBHOOK_DELIVERIES = Topic(
    "webhooks.deliveries.v1",
    "webhook_id",
    "Webhooks that were given up.",
    partitions=1,
    retention_days=90,
)

IDENTITY_EVENTS = Topic(
    "identity.events.v1", "user_id", "The life stories of accounts.", columnar=False
)

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        VIDEO_UPLOADS,
        ENGAGEMENT,
        CHANNEL_SNAPSHOTS,
        VIDEO_SNAPSHOTS,
        EXPIRIES,
        GENERATION_REQUESTS,
        GENERATION_EVENTS,
        PROVIDER_HEALTH,
        VIRALITY_SCORES,
        VIRALITY_CHANNELS,
        VIRALITY_FORECASTS,
        VIRALITY_PREDICTIONS,
        VIRALITY_MODELS,
        OUTLIER_BASELINES,
        OUTLIER_DETECTIONS,
        OUTLIER_GROWTH,
        OUTLIER_SHIFTS,
        OUTLIER_CHANNEL_VIEWS,
        OUTLIER_NICHES,
        OUTLIER_ANALYSES,
        OUTLIER_CONTENT,
        WATCHED_CHANNELS,
        WEBHOOK_DELIVERIES,
        IDENTITY_EVENTS,
    )
}


def topic_named(name: str) -> Topic:
    """The topic of that name.

    Raises:
        UnknownTopicError: none has it; the message lists those that exist.
    """
    try:
        return TOPICS[name]
    except KeyError:
        known = ", ".join(sorted(TOPICS))
        raise UnknownTopicError(f"no topic is called {name!r}; there are {known}") from None
