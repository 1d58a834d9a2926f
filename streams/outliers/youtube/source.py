"""What the rooms ask of YouTube; the client is one, a test's own data may be another."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from streams.outliers.youtube.shapes import Channel, ChannelHit, Video


class Source(Protocol):
    """Channels and videos of YouTube.

    Every method may raise a [`YouTubeError`][streams.outliers.youtube.errors.YouTubeError]:
    QuotaExhaustedError before anything was spent on the call, UnavailableError, RefusedError.
    """

    async def search_channels(self, query: str, *, limit: int = 50) -> list[ChannelHit]:
        """Channels that match, the most relevant first. 100 units a page of 50."""

    async def channels(self, channel_ids: Sequence[str]) -> list[Channel]:
        """Those of the channels that exist, in the order asked for. 1 unit per 50."""

    async def channel_named(self, name: str) -> Channel | None:
        """A channel by its id (`UC...`), handle (`@...`) or address of its page. 1 unit."""

    async def uploads(
        self, channel: Channel, *, limit: int, since: dt.datetime | None = None
    ) -> list[str]:
        """Ids of its newest uploads, newest first, from the playlist. 1 unit per 50.

        The empty list where the channel has no videos, or its playlist is gone.
        """

    async def videos(self, video_ids: Sequence[str]) -> list[Video]:
        """Those of the videos that exist, in the order asked for. 1 unit per 50."""
