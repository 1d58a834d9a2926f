"""An outlier analysis from its request to the files that are taken away."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import openpyxl
import pytest
import websockets.sync.client as client
from websockets.exceptions import ConnectionClosed

from tests.acceptance.conftest import Platform

ANNA = {"X-User-ID": "anna"}


def listen(platform: Platform, analysis: str, after: int = 0, most: int = 10_000) -> list[Any]:
    """Events behind a version, to the end of the story at most."""
    url = str(platform.api.base_url).rstrip("/").replace("http", "ws")
    headers = {"X-API-Key": platform.api.headers["X-API-Key"], **ANNA}
    events: list[Any] = []
    with client.connect(
        f"{url}/api/v1/outlier/ws/{analysis}?after={after}", additional_headers=headers, proxy=None
    ) as socket:
        while len(events) < most:
            try:
                events.append(json.loads(socket.recv(timeout=120)))
            except ConnectionClosed as end:
                assert end.rcvd is not None
                assert end.rcvd.code == 1000, end
                break
    return events


def test_an_analysis_is_asked_for_watched_and_taken_away(platform: Platform) -> None:
    asked = {"exclusionChannels": [], "minSubs": 1000, "maxSubs": 10_000_000, "timeWindow": 30}
    answer = platform.api.post(
        "/api/v1/outlier/start", json={**asked, "outlierThreshold": 10}, headers=ANNA
    )
    assert answer.status_code == 200, answer.text
    analysis = answer.json()["analysisId"]

    first = listen(platform, analysis, most=2)
    events = first + listen(platform, analysis, after=first[-1]["version"])
    assert [one["version"] for one in events] == list(range(1, len(events) + 1))
    assert [one["event"] for one in events] == ["progress"] * (len(events) - 1) + ["complete"]
    shown = [(one["step"], one["progress"]) for one in events]
    assert shown == sorted(shown)
    assert {step for step, _ in shown} == set(range(7))

    found = platform.api.get(f"/api/v1/outlier/results/{analysis}", headers=ANNA).json()
    results = found["results"]
    assert results
    assert events[-1]["results"] == results
    assert len(results) == found["summary"]["totalOutliers"] <= 50
    for one in results:
        score = one["views"] / one["subscribers"] * 100
        assert one["outlierScore"] == pytest.approx(score, rel=1e-12)
        assert one["outlierScore"] > 10
        assert 6 < one["brandFit"] <= 10
        assert 1000 <= one["subscribers"] <= 10_000_000
    scores = [one["outlierScore"] for one in results]
    assert scores == sorted(scores, reverse=True)

    export = f"/api/v1/outlier/export/{analysis}"
    assert platform.api.get(f"{export}/json", headers=ANNA).json() == found
    text = platform.api.get(export, headers=ANNA).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    book = openpyxl.load_workbook(
        io.BytesIO(platform.api.get(f"{export}/excel", headers=ANNA).content)
    )
    header, *cells = book["Outlier Videos"].iter_rows(values_only=True)
    for one, row, cell in zip(results, rows, cells, strict=True):
        in_book = dict(zip(header, cell, strict=True))
        assert row["Video Title"].removeprefix("'") == one["title"].removeprefix("'")
        assert in_book["Video Title"] == one["title"]
        assert (int(row["Views"]), in_book["Views"]) == (one["views"], one["views"])
        assert float(row["Outlier Score"]) == one["outlierScore"]
        assert in_book["Outlier Score"] == pytest.approx(one["outlierScore"], rel=1e-15)
        assert row["URL"] == in_book["URL"] == one["url"]

    own = platform.api.get("/api/v1/outlier/list", headers=ANNA).json()["analyses"]
    assert {"id": analysis, "resultCount": len(results)}.items() <= own[0].items()
    foreign = platform.api.get(f"/api/v1/outlier/status/{analysis}", headers={"X-User-ID": "ben"})
    assert foreign.status_code == 403


def test_who_listens_when_the_api_is_killed_comes_back_for_the_rest(
    platform: Platform, until: Callable[..., Any]
) -> None:
    answer = platform.api.post("/api/v1/outlier/start", json={}, headers=ANNA)
    analysis = answer.json()["analysisId"]
    (api,) = (one for one in platform.facts()["processes"] if one["name"] == "api")
    heard: list[Any] = []
    url = str(platform.api.base_url).rstrip("/").replace("http", "ws")
    headers = {"X-API-Key": platform.api.headers["X-API-Key"], **ANNA}
    with client.connect(
        f"{url}/api/v1/outlier/ws/{analysis}", additional_headers=headers, proxy=None
    ) as socket:
        heard.append(json.loads(socket.recv(timeout=120)))
        os.kill(api["pid"], signal.SIGKILL)
        with pytest.raises(ConnectionClosed) as cut:
            while True:
                heard.append(json.loads(socket.recv(timeout=120)))
        assert cut.value.rcvd is None  # nobody said good-bye

    def serves() -> bool:
        with suppress(httpx.HTTPError):
            return platform.api.get("/health").status_code == 200
        return False

    until(serves)
    rest = listen(platform, analysis, after=heard[-1]["version"])
    everything = listen(platform, analysis)
    assert heard + rest == everything
    assert everything[-1]["event"] == "complete"
