"""Routes and the table of who may use them, held together."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles

from api.access.guide import Guide, TableError
from api.access.rules import ADMINISTER, OPEN, OWN, READ, Rule

RULES = [
    ("GET", "/a/special", READ),
    ("GET", "/a/{name}", OWN),
    ("POST", "/a/{name}", ADMINISTER),
    ("WS", "/a/{name}", OWN),
    ("GET", "/open/{name}", OPEN),
    ("*", "/files", OPEN),
]


def application() -> FastAPI:
    router = APIRouter(prefix="/a")

    @router.get("/special")
    async def special() -> None: ...

    @router.get("/{name}")
    async def one(name: str) -> None: ...

    @router.post("/{name}")
    async def change(name: str) -> None: ...

    @router.websocket("/{name}")
    async def listen(websocket: WebSocket, name: str) -> None: ...

    outer = APIRouter()
    outer.include_router(router)
    app = FastAPI(openapi_url=None)
    app.include_router(outer)

    @app.get("/open/{name}")
    async def open_one(name: str) -> None: ...

    app.mount("/files", StaticFiles(directory="."))
    return app


def scope(method: str, path: str) -> dict[str, Any]:
    kind = "websocket" if method == "WS" else "http"
    return {"type": kind, "method": method, "path": path, "root_path": ""}


@pytest.mark.parametrize(
    ("method", "path", "rule", "params"),
    [
        ("GET", "/a/special", READ, {}),
        ("GET", "/a/x", OWN, {"name": "x"}),
        ("POST", "/a/special", ADMINISTER, {"name": "special"}),
        ("WS", "/a/special", OWN, {"name": "special"}),
        ("GET", "/files/one/two.js", OPEN, {"path": "one/two.js"}),
        ("PUT", "/open/x", OPEN, {}),  # 405 for everybody
        ("PUT", "/a/x", None, {}),
        ("GET", "/a/x/y", None, {}),
        ("GET", "/a/x/", None, {}),
    ],
)
def test_a_rule_is_found_as_the_router_finds_the_route(
    method: str, path: str, rule: Rule | None, params: dict[str, str]
) -> None:
    found = Guide(application().routes, RULES).find(scope(method, path))
    assert (found and found.rule) == rule
    if found is not None:
        assert found.params == params


def test_what_a_proxy_puts_before_addresses_opens_nothing() -> None:
    asked = {**scope("GET", "/before/a/x"), "root_path": "/before"}
    found = Guide(application().routes, RULES).find(asked)
    assert found is not None
    assert found.rule is OWN


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        (RULES[1:], r"^GET /a/special: these are not in api/access/table\.py"),
        ([*RULES, ("GET", "/b", READ)], r"^GET /b: these are in .* and nowhere else"),
        ([*RULES, RULES[0]], r"^GET /a/special: these are in .* twice"),
    ],
)
def test_an_application_that_differs_from_the_table_does_not_start(
    rules: list[tuple[str, str, Rule]], complaint: str
) -> None:
    with pytest.raises(TableError, match=complaint):
        Guide(application().routes, rules)


def test_a_second_route_of_one_address_is_refused() -> None:
    app = application()
    app.include_router(application().router)
    with pytest.raises(TableError, match="have two routes"):
        Guide(app.routes, RULES)
