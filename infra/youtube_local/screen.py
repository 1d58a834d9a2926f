"""Simulated uploads as videos: their titles and what can be seen of them at a moment."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from infra.youtube_local.directory import Directory
from infra.youtube_local.draws import Draws
from infra.youtube_local.ids import Ids
from infra.youtube_local.plan import DAY, microseconds, moment
from infra.youtube_local.texts import SCRIPTS, TRENDS, pick
from infra.youtube_local.uploads import HIDDEN_LIKES, NO_COMMENTS, ON_AIR, Uploads
from infra.youtube_local.world import Live, Status, Video

_STATUS: tuple[Status, ...] = ("public", "private", "deleted")
_FORTNIGHT = 14 * DAY


class Screen:
    """Shows uploads."""

    def __init__(self, draws: Draws, directory: Directory, ids: Ids) -> None:
        self._draws = draws
        self._directory = directory
        self._ids = ids

    def videos(self, channel: np.ndarray, number: np.ndarray, now: dt.datetime) -> list[Video]:
        """The uploads of these numbers, in their order."""
        uploads = Uploads(self._draws, self._directory.plan, channel, number)
        views = uploads.views(now)
        likes, comments = uploads.drawn("hidden likes"), uploads.drawn("comments off")
        return [
            self._video(
                uploads,
                at,
                now,
                int(views[at]),
                likes=likes[at] >= HIDDEN_LIKES,
                comments=comments[at] >= NO_COMMENTS,
            )
            for at in range(len(number))
        ]

    def _video(
        self,
        uploads: Uploads,
        at: int,
        now: dt.datetime,
        views: int,
        *,
        likes: bool,
        comments: bool,
    ) -> Video:
        index, number = int(uploads.channel[at]), int(uploads.number[at])
        flavour = self._directory.flavour(index)
        title, thing = self._title(uploads, at)
        age = microseconds(now) - int(uploads.starts[at])
        live: Live = "none"
        if uploads.broadcast[at] and age < ON_AIR:
            live = "upcoming" if age < 0 else "live"
        status = _STATUS[int(uploads.status[at])]
        channel_title = self._directory.titles[index]
        return Video(
            video_id=self._ids.video(index, number),
            channel_id=self._ids.channel(index),
            channel_title=channel_title,
            title=title,
            description=f"{title}. Upload {number + 1} of {channel_title}.",
            tags=() if number % 9 == 0 else tuple(re.findall(r"\w+", thing.casefold())),
            language=self._directory.script(index) or "en",
            published_at=moment(uploads.published[at]),
            starts_at=moment(uploads.starts[at]) if uploads.broadcast[at] else None,
            duration_s=int(uploads.seconds[at]) if live == "none" else None,
            category=flavour.category,
            topics=flavour.topics,
            views=views,
            likes=round(views * 0.04) if likes else None,
            comments=round(views * 0.003) if comments else None,
            live=live,
            status=status,
        )

    def _title(self, uploads: Uploads, at: int) -> tuple[str, str]:
        index, number = int(uploads.channel[at]), int(uploads.number[at])
        kind = self._directory.flavour(index)
        chosen = pick(kind.things, uploads.thing[at])
        if uploads.trendy[at]:
            fortnight = int(uploads.published[at]) // _FORTNIGHT
            drawn = self._draws.uniform(
                "trend", np.array([fortnight]), self._directory.plan.flavour[index]
            )
            chosen = pick(TRENDS, drawn[0])
        script = self._directory.script(index)
        if script is not None:
            return pick(SCRIPTS[script], uploads.pattern[at]).format(number=number + 1), chosen
        title = pick(kind.titles, uploads.pattern[at]).format(chosen, number=number + 1)
        return title[0].upper() + title[1:], chosen
