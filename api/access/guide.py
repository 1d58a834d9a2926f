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
        self._mounted = [(pattern, by_address[ANY, path]) for m, path, pattern in found if m == ANY]
        self._by_method = {
            method: [
                (pattern, by_address[own, path])
                for own, path, pattern in found
                if own in (method, ANY)
            ]
            for method in {own for own, _, _ in found}
        }
        self._open = [pattern for m, path, pattern in found if by_address[m, path].role is None]

    def find(self, scope: Scope) -> Found | None:
        """The rule of the route that the router will choose; None where it will choose none.

        That an open address does not take a method, everybody may know.
        """
        path = get_route_path(scope)
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        for pattern, rule in self._by_method.get(method, self._mounted):
            match = pattern.match(path)
            if match is not None:
                return Found(rule, match.groupdict())
        if any(pattern.match(path) for pattern in self._open):
            return Found(OPEN, {})
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
