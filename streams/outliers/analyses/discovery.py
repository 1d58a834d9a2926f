"""Step 2: which of the channels that searches found are worth a look."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from streams.outliers.analyses.request import Asked
from streams.outliers.content.phrases import plain
from streams.outliers.content.shapes import Content
from streams.outliers.youtube.shapes import Channel

VIDEOS_LEAST = 50  # of a channel that suits


def suits(channel: Channel, asked: Asked) -> bool:
    """Whether a channel has the size that was asked for, enough videos and no excluded topic.

    One that hides its subscribers may have any size: it suits, and is skipped openly later.
    """
    subscribers = channel.subscribers
    return (
        (subscribers is None or asked.min_subs <= subscribers <= asked.max_subs)
        and channel.videos is not None
        and channel.videos >= VIDEOS_LEAST
        and not _has_excluded_topic(channel, asked.content)
    )


def _has_excluded_topic(channel: Channel, content: Content) -> bool:
    excluded = {_topic(topic) for topic in content.excluded_topics}
    return any(_topic(topic) in excluded for topic in channel.topics)


def _topic(address: str) -> str:
    """A topic's name: the last part of its address, or what stands for itself."""
    return plain(unquote(urlsplit(address).path.rpartition("/")[2]).replace("_", " "))
