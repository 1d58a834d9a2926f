"""Outlier analyses over HTTP: asked for, found at once, watched, taken away; whose they are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import psycopg
import pytest
from psycopg.rows import class_row

from api import analyses
from schemas.catalogue import OUTLIER_ANALYSES
from streams.decisions.publishing import event_of
from streams.decisions.store import Recorded
from tests.integration.api.conftest import Api, moment

Make = Callable[[str], str]

START = "/api/v1/outlier/start"
ANNA = {"X-User-ID": "anna"}
BEN = {"X-User-ID": "ben"}

TITLES = ('=SUM(A1:A9), "x"', "日本語のおもしろ動画!!", "مضحك جدا\nfunny", "-2+3 FUNNY")


@pytest.fixture(autouse=True)
def _nobody_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes need not wait for tables that only these tests fill."""
    monkeypatch.setattr(analyses, "SETTLE_SECONDS", 0.0)


def asked(api: Api, *, headers: dict[str, str] = ANNA, **facts: Any) -> str:
    answer = api.client.post(START, json=facts, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["analysisId"])


def projected(api: Api, analysis: str) -> None:
    """What was decided of an analysis, in its tables, as relay and projector bring it there."""
    with (
        psycopg.connect(api.settings.dsn) as connection,
        connection.cursor(row_factory=class_row(Recorded)) as cursor,
    ):
        cursor.execute(
            "SELECT position, domain, stream_id, version, type, body, occurred_at, event_id"
            " FROM decision_events WHERE stream_id = %s ORDER BY version",
            (analysis,),
        )
        events = [event_of(OUTLIER_ANALYSES, row) for row in cursor]
    api.fold("analyses", OUTLIER_ANALYSES, *events)


def told(analysis: str, version: int, kind: str, **facts: Any) -> dict[str, Any]:
    return {
        "_type": kind,
        "event_id": f"{analysis}-{version}",
        "occurred_at": moment(),
        "analysis_id": analysis,
        "version": version,
        **facts,
    }


def kept(number: int, title: str) -> dict[str, Any]:
    return {
        "video_id": f"v{number}",
        "channel_id": "UCone",
        "channel_title": "=One",
        "title": title,
        "score": 1000.0 / (number + 3),
        "brand_fit": 7.5,
        "views": 10_000_000_000 - number,
        "subscribers": 20_000,
        "likes": None,
        "comments": 3,
        "published_at": "2026-05-01T12:00:00+00:00",
        "duration_s": 61,
        "category": "20",
    }


def summary(results: int) -> dict[str, Any]:
    return {
        "total_outliers": results,
        "outliers_found": results,
        "channels_discovered": 2,
        "channels_analyzed": 1,
        "channels_skipped": 1,
        "videos_analyzed": 15,
        "exclusion_games": ["Doors", "Roblox"],
        "unresolved": ["@nobody"],
        "units": 1234,
    }


def run_of(analysis: str) -> list[dict[str, Any]]:
    """Events of a run behind its request, to its end."""
    results = json.dumps([kept(n, title) for n, title in enumerate(TITLES)])
    return [
        told(analysis, 2, "StepStarted", step=1, message="Excluding", progress=0.0),
        told(
            analysis,
            3,
            "ExclusionBuilt",
            games=["Doors", "Roblox"],
            channels=1,
            unresolved=["@nobody"],
            competitors=["UCx"],
        ),
        told(analysis, 4, "StepStarted", step=2, message="Searching", progress=20.0),
        *(
            told(
                analysis,
                5 + n,
                "ChannelDiscovered",
                channel_id=channel,
                title=channel,
                subscribers=20_000,
                query="funny",
                uploads_playlist="UU",
            )
            for n, channel in enumerate(("UCone", "UCtwo"))
        ),
        told(analysis, 7, "StepStarted", step=3, message="Listing", progress=40.0),
        told(
            analysis,
            8,
            "ChannelAnalyzed",
            channel_id="UCone",
            outliers=len(TITLES),
            results=results,
            videos=15,
            skipped=None,
            progress=60.0,
        ),
        told(
            analysis,
            9,
            "ChannelAnalyzed",
            channel_id="UCtwo",
            outliers=0,
            results="[]",
            videos=0,
            skipped="has 0 recent videos; 3 are needed",
            progress=80.0,
        ),
        told(
            analysis,
            10,
            "Completed",
            summary=json.dumps(summary(len(TITLES))),
            results=results,
        ),
    ]


@pytest.fixture
def finished(api: Api) -> str:
    """An analysis of Anna's that has ended."""
    analysis = asked(api, exclusionChannels=["@rival"], minSubs=5000, maxSubs=50_000)
    projected(api, analysis)
    api.fold("analyses", OUTLIER_ANALYSES, *run_of(analysis))
    return analysis


def test_an_analysis_is_found_from_the_moment_it_is_asked_for(api: Api) -> None:
    answer = api.client.post(START, json={"exclusionChannels": ["@rival", " A b "]}, headers=ANNA)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["status"], body["state"]) == (True, 0, "queued")
    analysis = body["analysisId"]
    assert answer.headers["Location"] == f"/api/v1/outlier/status/{analysis}"
    early = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    projected(api, analysis)
    found = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    assert {**found, "version": 0} == early
    assert (found["status"], found["progress"], found["userId"]) == (0, 0, "anna")
    assert found["config"] == {
        "exclusionChannels": ["@rival", "A b"],
        "minSubs": 10_000,
        "maxSubs": 500_000,
        "timeWindow": 7,
        "outlierThreshold": 20.0,
    }


@pytest.mark.parametrize(
    ("facts", "status", "path"),
    [
        ({"minSubs": 999}, 422, "body.minSubs"),
        ({"maxSubs": 9_999, "minSubs": 1000}, 422, "body.maxSubs"),
        ({"minSubs": 50_000, "maxSubs": 50_000}, 400, "body.maxSubs"),
        ({"minSubs": 60_000, "maxSubs": 50_000}, 400, "body.maxSubs"),
        ({"minSubs": 1e400}, 422, "body.minSubs"),
        ({"minSubs": "many"}, 422, "body.minSubs"),
        ({"timeWindow": 0}, 422, "body.timeWindow"),
        ({"timeWindow": 31}, 422, "body.timeWindow"),
        ({"timeWindow": 1.5}, 422, "body.timeWindow"),
        ({"outlierThreshold": 9.99}, 422, "body.outlierThreshold"),
        ({"outlierThreshold": 100.01}, 422, "body.outlierThreshold"),
        ({"exclusionChannels": "a"}, 422, "body.exclusionChannels"),
        ({"exclusionChannels": ["  "]}, 422, "body.exclusionChannels.0"),
        ({"exclusionChannels": ["a\0b"]}, 422, "body.exclusionChannels.0"),
        ({"exclusionChannels": ["a", "\ud800"]}, 422, "body.exclusionChannels.1"),
        ({"exclusionChannels": ["x" * 201]}, 422, "body.exclusionChannels.0"),
        ({"exclusionChannels": ["x"] * 51}, 422, "body.exclusionChannels"),
        ({"exclusionChannels": [None]}, 422, "body.exclusionChannels.0"),
        ({"exclusionChanels": []}, 422, "body.exclusionChanels"),
    ],
)
def test_what_does_not_fit_is_422_and_what_does_not_go_together_400(
    api: Api, facts: dict[str, Any], status: int, path: str
) -> None:
    content = json.dumps(facts)
    answer = api.client.post(START, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert error["error_code"] == ("VALIDATION_ERROR" if status == 422 else "BUSINESS_RULE")
    assert error["details"]["errors"][0]["path"] == path


@pytest.mark.parametrize("threshold", [10, 20, 55.5, 100])
def test_every_threshold_of_the_range_reaches_the_run(api: Api, threshold: float) -> None:
    analysis = asked(api, outlierThreshold=threshold)
    found = api.client.get(f"/api/v1/outlier/status/{analysis}").json()
    assert found["config"]["outlierThreshold"] == threshold


def test_the_same_idempotency_key_of_the_same_user_is_the_same_analysis(
    api: Api, unique: Make
) -> None:
    key = {"Idempotency-Key": unique("key")}
    first = asked(api, headers=ANNA | key)
    assert asked(api, headers=ANNA | key) == first
    assert asked(api, headers=BEN | key) != first
    assert asked(api, headers=ANNA) != first


def test_results_and_the_three_exports_are_the_same(api: Api, finished: str) -> None:
    status = api.client.get(f"/api/v1/outlier/status/{finished}", headers=ANNA).json()
    assert (status["status"], status["state"], status["progress"]) == (6, "completed", 100)
    assert status["exclusionGames"] == ["Doors", "Roblox"]
    assert status["unresolvedChannels"] == ["@nobody"]
    assert (status["channelsDiscovered"], status["channelsAnalyzed"]) == (2, 2)
    found = api.client.get(f"/api/v1/outlier/results/{finished}", headers=ANNA).json()
    assert found["summary"]["totalOutliers"] == len(TITLES)
    assert found["summary"]["channelsAnalyzed"] == 1
    assert found["summary"]["exclusionGames"] == 2
    assert found["summary"]["excludedGames"] == ["Doors", "Roblox"]
    results = found["results"]
    assert [one["title"] for one in results] == list(TITLES)

    export = f"/api/v1/outlier/export/{finished}"
    as_json = api.client.get(f"{export}/json", headers=ANNA)
    assert as_json.json() == found
    assert as_json.headers["Content-Disposition"].startswith("attachment; filename=")

    as_csv = api.client.get(export, headers=ANNA)
    assert as_csv.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="outliers-{finished}.csv"' in as_csv.headers["Content-Disposition"]
    text = io.StringIO(as_csv.content.decode("utf-8-sig"), newline="")
    rows = list(csv.DictReader(text, strict=True))
    assert [row["Video Title"] for row in rows] == [
        "'" + title if title[0] in "=-" else title for title in TITLES
    ]
    for row, one in zip(rows, results, strict=True):
        assert row["Channel Name"] == "'=One"
        assert (int(row["Views"]), int(row["Subscribers"])) == (one["views"], one["subscribers"])
        assert float(row["Outlier Score"]) == one["outlierScore"]
        assert float(row["Brand Fit"]) == one["brandFit"]
        assert row["URL"] == one["url"] == f"https://www.youtube.com/watch?v={one['videoId']}"

    as_xlsx = api.client.get(f"{export}/excel", headers=ANNA)
    assert "spreadsheetml" in as_xlsx.headers["Content-Type"]
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx.content))
    assert book.sheetnames == ["Analysis Summary", "Outlier Videos", "Channel Statistics"]
    header, *cells = book["Outlier Videos"].iter_rows()
    names = [cell.value for cell in header]
    assert all(cell.data_type in "sn" for row in cells for cell in row)
    for row, one in zip(cells, results, strict=True):
        cell = dict(zip(names, (c.value for c in row), strict=True))
        assert (cell["Video Title"], cell["Channel Name"]) == (one["title"], "=One")
        assert cell["Views"] == one["views"]
        # A workbook keeps 16 digits.
        assert cell["Outlier Score"] == pytest.approx(one["outlierScore"], rel=1e-15)
    figures = dict(book["Analysis Summary"].iter_rows(min_row=2, values_only=True))
    assert figures["Exclusion Channels"] == "@rival"
    assert figures["Min Subscribers"] == 5000


@pytest.mark.parametrize(
    "address", ["results/{}", "export/{}", "export/{}/excel", "export/{}/json"]
)
def test_a_run_that_goes_on_has_no_results_and_says_where_it_is(api: Api, address: str) -> None:
    analysis = asked(api)
    url = f"/api/v1/outlier/{address.format(analysis)}"
    queued = api.client.get(url, headers=ANNA)
    assert (queued.status_code, queued.json()["error_code"]) == (400, "NOT_COMPLETED")
    assert queued.json()["details"]["status"] == 0
    projected(api, analysis)
    api.fold("analyses", OUTLIER_ANALYSES, *run_of(analysis)[:6])
    running = api.client.get(url, headers=ANNA).json()
    assert (running["status"], running["state"]) == (3, "running")
    assert "running" in running["error"]


def test_a_paused_run_says_until_when_and_a_failed_one_why(api: Api) -> None:
    analysis = asked(api)
    projected(api, analysis)
    until = moment(-3600)
    first = told(analysis, 2, "StepStarted", step=1, message="Excluding", progress=0.0)
    paused = told(
        analysis, 3, "Paused", reason="the day's units are spent", resumes_at=until, cause="quota"
    )
    api.fold("analyses", OUTLIER_ANALYSES, first, paused)
    found = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    assert (found["state"], found["status"]) == ("paused", 1)
    assert found["message"] == "the day's units are spent"
    assert found["pausedUntil"] == until.isoformat().replace("+00:00", "Z")
    late = told(analysis, 4, "StepStarted", step=2, message="Searching", progress=20.0)
    api.fold("analyses", OUTLIER_ANALYSES, late)  # a last answer came in
    found = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    assert (found["state"], found["status"], found["progress"]) == ("paused", 2, 20)
    failed = told(analysis, 6, "Failed", error="the key is not valid")
    api.fold("analyses", OUTLIER_ANALYSES, told(analysis, 5, "Resumed"), failed)
    found = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    assert (found["state"], found["status"], found["pausedUntil"]) == ("failed", 2, None)
    assert found["error"] == "the key is not valid"
    results = api.client.get(f"/api/v1/outlier/results/{analysis}", headers=ANNA).json()
    assert results["details"]["error"] == "the key is not valid"


def test_an_analysis_is_its_owners_and_the_key_holders(api: Api, finished: str) -> None:
    for address in ("status", "results", "export"):
        url = f"/api/v1/outlier/{address}/{finished}"
        assert api.client.get(url, headers=ANNA).status_code == 200
        assert api.client.get(url).status_code == 200
        foreign = api.client.get(url, headers=BEN)
        assert (foreign.status_code, foreign.json()["error_code"]) == (403, "FORBIDDEN")
        assert api.stranger.get(url).status_code == 401
    refused = api.client.post(f"/api/v1/outlier/cancel/{finished}", headers=BEN)
    assert refused.status_code == 403


@pytest.mark.parametrize("analysis", ["nobody", "a\x00b", "..", "x" * 5000, "日本語"])
def test_an_unknown_analysis_is_404(api: Api, analysis: str) -> None:
    from urllib.parse import quote

    answer = api.client.get(f"/api/v1/outlier/status/{quote(analysis, safe='')}")
    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["error"]


def test_the_list_has_ones_own_newest_first_by_pages(api: Api, unique: Make) -> None:
    user = {"X-User-ID": unique("user")}
    own = [asked(api, headers=user) for _ in range(3)]
    for analysis in own:
        projected(api, analysis)
    api.fold("analyses", OUTLIER_ANALYSES, *run_of(own[1]))
    found = api.client.get("/api/v1/outlier/list", headers=user).json()
    assert found["total"] == 3
    assert [one["id"] for one in found["analyses"]] == own[::-1]
    assert [one["resultCount"] for one in found["analyses"]] == [0, len(TITLES), 0]
    assert [one["status"] for one in found["analyses"]] == [0, 6, 0]
    page = api.client.get("/api/v1/outlier/list?limit=1&offset=1", headers=user).json()
    assert (page["total"], [one["id"] for one in page["analyses"]]) == (3, [own[1]])
    done = api.client.get("/api/v1/outlier/list?state=completed", headers=user).json()
    assert [one["id"] for one in done["analyses"]] == [own[1]]
    everybody = api.client.get("/api/v1/outlier/list?limit=100").json()
    assert set(own) <= {one["id"] for one in everybody["analyses"]}
    assert api.client.get("/api/v1/outlier/list?limit=101").status_code == 422


def test_a_run_is_called_off_once(api: Api) -> None:
    analysis = asked(api)
    url = f"/api/v1/outlier/cancel/{analysis}"
    answer = api.client.post(url, json={"reason": "enough"}, headers=ANNA)
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["error"]) == ("cancelled", "enough")
    projected(api, analysis)
    found = api.client.get(f"/api/v1/outlier/status/{analysis}", headers=ANNA).json()
    assert (found["state"], found["error"]) == ("cancelled", "enough")
    again = api.client.post(url, headers=ANNA)
    assert (again.status_code, again.json()["error_code"]) == (400, "ILLEGAL_STEP")
    assert api.client.post("/api/v1/outlier/cancel/nobody").status_code == 404


def test_results_of_another_make_are_told_as_such(api: Api, finished: str, unique: Make) -> None:
    analysis = unique("foreign")
    request = told(analysis, 1, "AnalysisRequested", user_id="anna", request="no JSON")
    end = told(analysis, 2, "Completed", summary="[]", results="{}")
    api.fold("analyses", OUTLIER_ANALYSES, request, end)
    for address in ("results", "export"):
        answer = api.client.get(f"/api/v1/outlier/{address}/{analysis}")
        assert (answer.status_code, answer.json()["error_code"]) == (500, "UNREADABLE_RESULTS")
    assert api.client.get(f"/api/v1/outlier/status/{analysis}").status_code == 200
    listed = api.client.get("/api/v1/outlier/list").json()["analyses"]
    assert [one["resultCount"] for one in listed if one["id"] == analysis] == [0]


@pytest.fixture
def content(api: Api) -> Iterator[str]:
    """The address of the content, which is set back afterwards."""
    url = "/api/v1/config/content"
    yield url
    assert api.client.post(f"{url}/reset").status_code == 200


def test_the_content_is_read_changed_in_whole_and_in_part_and_set_back(
    api: Api, content: str
) -> None:
    shipped = api.client.post(f"{content}/reset").json()["data"]
    before = api.client.get(content)
    assert before.json()["data"] == shipped
    assert "searchQueries" in shipped
    changed = {**shipped, "searchQueries": ["one", "二つ"]}
    answer = api.client.put(content, json=changed)
    assert answer.status_code == 200, answer.text
    assert api.client.get(content).json()["data"] == changed
    queries = api.client.put(f"{content}/search-queries", json={"searchQueries": ["funny"]})
    assert queries.json()["data"] == ["funny"]
    assert api.client.get(f"{content}/queries").json()["data"] == ["funny"]
    patterns = {"gamePatterns": ["Doors", {"name": "Sims", "phrases": ["the sims", "sims 4"]}]}
    assert api.client.put(f"{content}/game-patterns", json=patterns).status_code == 200
    assert api.client.get(f"{content}/patterns").json()["data"] == [
        {"name": "Doors", "phrases": ["Doors"]},
        {"name": "Sims", "phrases": ["the sims", "sims 4"]},
    ]
    now = api.client.get(content).json()["data"]
    assert now["searchQueries"] == ["funny"]
    assert now["brandFit"] == shipped["brandFit"]
    assert api.client.post(f"{content}/reset").json()["data"] == shipped


def test_who_changed_the_content_meanwhile_is_not_overwritten(api: Api, content: str) -> None:
    tag = api.client.get(content).headers["ETag"]
    part = {"searchQueries": ["first"]}
    url = f"{content}/search-queries"
    assert api.client.put(url, json=part, headers={"If-Match": tag}).status_code == 200
    late = api.client.put(url, json={"searchQueries": ["late"]}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["error_code"]) == (412, "CHANGED_MEANWHILE")
    assert api.client.get(url).json()["data"] == ["first"]
    wrong = api.client.put(url, json=part, headers={"If-Match": "none"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(
    ("address", "body", "path"),
    [
        ("/search-queries", {"searchQueries": []}, "body.searchQueries"),
        ("/search-queries", {"searchQueries": ["a", "A "]}, "body.searchQueries"),
        ("/search-queries", {"searchQueries": [""]}, "body.searchQueries.0"),
        ("/search-queries", {"searchQueries": "a"}, "body.searchQueries"),
        ("/search-queries", {"queries": ["a"]}, "body.searchQueries"),
        ("/game-patterns", {"gamePatterns": [{"name": "x"}]}, "body.gamePatterns.0.phrases"),
        ("/game-patterns", {"gamePatterns": ["a", "a"]}, "body.gamePatterns"),
        ("", {"searchQueries": ["a"]}, "body.brandFit"),
    ],
)
def test_content_that_does_not_fit_is_refused_with_its_path(
    api: Api, content: str, address: str, body: dict[str, Any], path: str
) -> None:
    before = api.client.get(content).json()
    answer = api.client.put(content + address, json=body)
    assert answer.status_code == 422, answer.text
    assert path in [error["path"] for error in answer.json()["details"]["errors"]]
    assert api.client.get(content).json() == before


def test_only_the_keys_holder_changes_the_content(api: Api, content: str) -> None:
    assert api.client.get(content, headers=ANNA).status_code == 200
    for answer in (
        api.client.post(f"{content}/reset", headers=ANNA),
        api.client.put(f"{content}/queries", json={"searchQueries": ["a"]}, headers=ANNA),
        api.client.put(content, json=api.client.get(content).json()["data"], headers=ANNA),
    ):
        assert (answer.status_code, answer.json()["error_code"]) == (403, "FORBIDDEN")
    assert api.stranger.get(content).status_code == 401
