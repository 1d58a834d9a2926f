"""The query of a request, read and held to its limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from starlette.datastructures import QueryParams

from infra.youtube_local import errors

MOST = 50  # items of a page, and ids of a list
_DEFAULT_PAGE = 5

# Of every method; those that only say how the answer is sent are taken and mean nothing here.
_COMMON = frozenset(
    {"key", "part", "fields", "alt", "prettyPrint", "quotaUser", "access_token", "userIp",
     "oauth_token", "$.xgafv", "callback", "uploadType", "upload_protocol"}
)  # fmt: skip


class Parameters:
    """What a request asks for.

    Args:
        known: parameters of the method that this server answers.
        ignored: those that change nothing here.
        foreign: those that the platform has and this server has not.

    Raises:
        ApiError: a parameter is not the method's.
    """

    def __init__(
        self,
        query: QueryParams,
        known: Collection[str],
        *,
        ignored: Collection[str] = (),
        foreign: Collection[str] = (),
    ) -> None:
        self._query = query
        for name in query:
            if name in foreign:
                raise errors.unsupported(name)
            if name not in _COMMON and name not in known and name not in ignored:
                raise errors.unknown_parameter(name)

    def text(self, name: str) -> str | None:
        """The value; None where it is absent or empty."""
        return self._query.get(name) or None

    def listed(self, name: str) -> list[str] | None:
        """Values given several times or with commas between; None where absent."""
        if name not in self._query:
            return None
        found = [one for text in self._query.getlist(name) for one in text.split(",")]
        return [one.strip() for one in found if one.strip()]

    def parts(self, known: Collection[str]) -> set[str]:
        """The parts that are asked for.

        Raises:
            ApiError: none, or one that the resource does not have.
        """
        found = self.listed("part")
        if not found:
            raise errors.no_part()
        for part in found:
            if part not in known:
                raise errors.unknown_part(part)
        return set(found)

    def ids(self, name: str = "id") -> list[str] | None:
        """At most 50 different ids, in the order given.

        Raises:
            ApiError: there are more.
        """
        found = self.listed(name)
        if found is None:
            return None
        distinct = list(dict.fromkeys(found))
        if len(distinct) > MOST:
            raise errors.bad_filter(name)
        return distinct

    def page_size(self, least: int = 0) -> int:
        """`maxResults`.

        Raises:
            ApiError: it is no number from `least` to 50.
        """
        text = self.text("maxResults")
        if text is None:
            return _DEFAULT_PAGE
        try:
            size = int(text)
        except ValueError:
            raise errors.bad_parameter("maxResults", f"Invalid value '{text}'.") from None
        if not least <= size <= MOST:
            raise errors.bad_parameter(
                "maxResults",
                f"Invalid value '{size}'. Values must be within the range: [{least}, {MOST}]",
            )
        return size

    def choice(self, name: str, choices: Collection[str], default: str) -> str:
        """One of a few words.

        Raises:
            ApiError: it is another.
        """
        found = self.text(name) or default
        if found not in choices:
            raise errors.bad_parameter(name, f"Invalid string value: '{found}'.")
        return found

    def moment(self, name: str) -> dt.datetime | None:
        """A time in RFC 3339.

        Raises:
            ApiError: it is none, or without a zone.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            found = dt.datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise errors.bad_parameter(name, f"Invalid timestamp '{text}'.")
        return found
