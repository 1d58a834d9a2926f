"""Which rule holds for a request: found as the router finds its route."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from fastapi.routing import iter_route_contexts
from starlette._utils import get_route_path
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.types import Scope

from api.access.rules import OPEN, Rule
from api.access.table import ANY, WEBSOCKET


class TableError(Exception):
    """The application's routes and the table of who may use them differ."""


class Found(NamedTuple):
    """The rule of a request, and the parameters in its address."""

    rule: Rule
    params: dict[str, str]


class _Way(NamedTuple):
    """An address: how it begins, which is quick to see, its whole pattern, and its rule."""

    beginning: str
    pattern: re.Pattern[str]
    rule: Rule


class Guide:
    """Knows the rule of every route.

    Args:
        routes: of the application, in the order in which its router tries them.
        rules: method, address and rule of each.

    Raises:
        TableError: a route has no rule, or more than one; a rule has no route.
    """

    def __init__(self, routes: Sequence[BaseRoute], rules: Iterable[tuple[str, str, Rule]]) -> None:
        rows = list(rules)
        found = list(_routes(routes))
        _hold_together(
            Counter((method, path) for method, path, _ in rows),
            Counter((method, path) for method, path, _ in found),
        )
        by_address = {(method, path): rule for method, path, rule in rows}
        ways = [
            (method, _Way(path.partition("{")[0], pattern, by_address[method, path]))
            for method, path, pattern in found
        ]
        self._mounted = [way for own, way in ways if own == ANY]
        self._by_method = {
            method: [way for own, way in ways if own in (method, ANY)]
            for method in {own for own, _ in ways}
        }
        self._open = [way for _, way in ways if way.rule.role is None]

    def find(self, scope: Scope) -> Found | None:
        """The rule of the route that the router will choose; None where it will choose none.

        That an open address does not take a method, everybody may know.
        """
        path = get_route_path(scope)
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        found = _first(self._by_method.get(method, self._mounted), path)
        if found is None and _first(self._open, path) is not None:
            return Found(OPEN, {})
        return found


def _first(ways: Sequence[_Way], path: str) -> Found | None:
    for beginning, pattern, rule in ways:
        if path.startswith(beginning) and (match := pattern.match(path)) is not None:
            return Found(rule, match.groupdict())
    return None


def _routes(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Method, address and pattern of each; a mounted application has any method."""
    for context in iter_route_contexts(routes):
        path = context.path or ""
        if isinstance(context.original_route, Mount):
            yield ANY, path, context.path_regex
        elif isinstance(context.original_route, WebSocketRoute):
            yield WEBSOCKET, path, context.path_regex
        else:
            for method in sorted(context.methods or ()):
                yield method, path, context.path_regex


def _hold_together(told: Counter[tuple[str, str]], routed: Counter[tuple[str, str]]) -> None:
    for addresses, complaint in (
        ([one for one in routed if one not in told], "are not in api/access/table.py"),
        ([one for one in told if one not in routed], "are in api/access/table.py and nowhere else"),
        ([one for one, times in told.items() if times > 1], "are in api/access/table.py twice"),
        ([one for one, times in routed.items() if times > 1], "have two routes"),
    ):
        if addresses:
            names = ", ".join(f"{method} {path}" for method, path in sorted(addresses))
            raise TableError(f"{names}: these {complaint}")
