"""Every rule of the two documented ways to ask for a video: what fits, what is 422, what is 400."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from api import generation
from tests.integration.api.conftest import Api

JOBS, GENERATE = "/api/v1/jobs", "/api/v1/videos/generate"
MEGABYTE = 1024 * 1024
ABSENT = object()

# field, values that fit, values that do not
COMMON: list[tuple[str, list[Any], list[Any]]] = [
    ("prompt", ["x"], [ABSENT, None, "", "  \n\t ", 7, ["x"], "a\0b", "half \ud83d"]),
    ("width", [256, 1024, ABSENT], [255, 248, 1032, 260, -512, "wide", 512.5, None]),
    ("height", [256, 1024, ABSENT], [248, 1025, 260, "tall"]),
    ("quality", ["medium", ABSENT], ["ultra", "HIGH", "", 1, None]),
    ("seed", [0, 2**32 - 1, None, ABSENT], [-1, 2**32, "seed", 0.5]),
]
OF_JOBS: list[tuple[str, list[Any], list[Any]]] = [
    ("userId", ["u", "u" * 200], [ABSENT, None, "", "u" * 201, 5, "u\0"]),
    ("prompt", ["x" * 5000], ["x" * 5001]),
    ("numSteps", [1, 100, ABSENT], [0, 101, -1, "many", 1.5, None]),
    ("maxRetries", [0, 10, ABSENT], [-1, 11, "three", 2.5, None]),
    ("durationS", [0.5, 60, ABSENT], [0.49, 60.1, "long", None]),
    ("provider", ["local", None], ["", "p" * 101, 3]),
    (
        "metadata",
        [{}, {"priority": "high"}, {"a": {"b": [1, None, "ü"]}}, None, ABSENT],
        [
            {"priority": "urgent"},
            {"priority": None},
            [],
            "high",
            3,
            {"x": "half \ud83d"},
            {"x": "x" * 70_000},
        ],
    ),
    (
        "webhookUrl",
        ["https://example.org/done?job=1", "http://example.org:8080", None, ABSENT],
        [
            "",
            "example.org",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://",
            "https://user:word@example.org",
            "https://example.org/a b",
            "https://example.org/\n",
            "https://example.org:99999",
            "https://example.org/" + "x" * 2048,
            5,
        ],
    ),
    ("surprise", [ABSENT], [1]),
]
OF_VIDEOS: list[tuple[str, list[Any], list[Any]]] = [
    ("prompt", ["x" * 1000, "  padded  "], ["x" * 1001]),
    ("num_steps", [1, 100, ABSENT], [0, 101, -1, "many", 1.5, None]),
    ("maxRetries", [ABSENT], [3]),  # of the other one
    ("surprise", [ABSENT], [1]),
]


FIELDS = [
    *((JOBS, *row) for row in COMMON + OF_JOBS),
    *((GENERATE, *row) for row in COMMON + OF_VIDEOS),
]
EACH_FIELD = pytest.mark.parametrize(
    ("path", "field", "good", "bad"), FIELDS, ids=[f"{path}-{field}" for path, field, *_ in FIELDS]
)


@pytest.fixture(autouse=True, scope="module")
def no_waiting_for_tables() -> Any:
    """No projector runs here: a write need not wait for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "SETTLE_SECONDS", 0.0)
        yield


def a_request(path: str, **changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"prompt": "A sunset"}
    if path == JOBS:
        whole["userId"] = "user-123"
    return {k: v for k, v in {**whole, **changes}.items() if v is not ABSENT}


def post(api: Api, path: str, body: Any) -> httpx.Response:
    # As a client of any make may write it: half a surrogate pair has an escape in JSON.
    return api.client.post(
        path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )


def accepted(api: Api) -> float:
    """Requests that this API has put into the log."""
    series = 'api_published_events_total{outcome="accepted",topic="generation.requests.v1"} '
    for line in api.stranger.get("/metrics").text.splitlines():
        if line.startswith(series):
            return float(line.rpartition(" ")[2])
    return 0.0


@EACH_FIELD
def test_what_fits_is_accepted(
    api: Api, path: str, field: str, good: list[Any], bad: list[Any]
) -> None:
    square = {"height": 512, "width": 512}
    other = {k: v for k, v in square.items() if k != field} if field in square else {}
    for value in good:
        answer = post(api, path, a_request(path, **other, **{field: value}))
        assert answer.status_code == (201 if path == JOBS else 200), (value, answer.text)


@EACH_FIELD
def test_what_does_not_fit_is_422_with_its_path(
    api: Api, path: str, field: str, good: list[Any], bad: list[Any]
) -> None:
    before = accepted(api)
    for value in bad:
        answer = post(api, path, a_request(path, **{field: value}))
        assert answer.status_code == 422, (value, answer.text)
        body = answer.json()
        assert body["error_code"] == "VALIDATION_ERROR"
        named = [error["path"].removeprefix("body.") for error in body["details"]["errors"]]
        assert field in {spelt for name in named for spelt in (_camel(name), name.split(".")[0])}
    assert accepted(api) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"quality": "high", "num_steps": 49}, "num_steps"),
        ({"quality": "low", "num_steps": 31}, "num_steps"),
        ({"width": 256, "height": 520}, "width"),
        ({"width": 1024, "height": 504}, "width"),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [JOBS, GENERATE])
def test_values_that_do_not_go_together_are_400(
    api: Api, path: str, changes: dict[str, Any], field: str
) -> None:
    answer = post(api, path, a_request(path, **changes))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BUSINESS_RULE")
    assert answer.json()["details"]["errors"][0]["path"] == field


@pytest.mark.parametrize(
    "changes",
    [
        {"quality": "high", "num_steps": 50},
        {"quality": "low", "num_steps": 30},
        {"width": 256, "height": 512},
        {"width": 1024, "height": 512},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", [JOBS, GENERATE])
def test_values_at_the_edge_of_going_together_are_accepted(
    api: Api, path: str, changes: dict[str, Any]
) -> None:
    assert post(api, path, a_request(path, **changes)).is_success


def test_a_malformed_value_comes_before_one_that_does_not_go_together(api: Api) -> None:
    wrong = {"quality": "high", "num_steps": 10, "width": 300}
    assert post(api, GENERATE, a_request(GENERATE, **wrong)).status_code == 422


@pytest.mark.parametrize("path", [JOBS, GENERATE])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b'{"prompt": NaN}', b"x" * MEGABYTE]
)
def test_what_is_no_object_of_json_is_422(api: Api, path: str, body: bytes) -> None:
    answer = api.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text[:300]
    assert answer.json()["error_code"] == "VALIDATION_ERROR"


def test_json_that_nests_too_deep_to_be_read_is_400(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.client.post(JOBS, content=b"[" * 200_000, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")


def test_a_number_that_json_does_not_have_is_422_in_metadata(api: Api) -> None:
    text = '{"userId": "u", "prompt": "x", "metadata": {"x": NaN}}'
    answer = api.client.post(JOBS, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text[:300]


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [(JOBS, MEGABYTE, 422), (GENERATE, MEGABYTE, 422), (JOBS, 9 * MEGABYTE, 413)],
)
def test_a_huge_prompt_ends_at_the_door(api: Api, path: str, size: int, status: int) -> None:
    before = accepted(api)
    answer = post(api, path, a_request(path, prompt="x" * size))
    assert answer.status_code == status
    assert len(answer.content) < 2000, "the answer repeats what it refuses"
    assert accepted(api) == before


ODD_PROMPTS = [
    "bell \x07 escape \x1b[31m backspace \x08 delete \x7f",
    "lines\r\nand\ttabs\u2028and\u2029more",
    "'single' \"double\" `back` \\ slash",
    "drawtext=text='%{pts\\:hms}':x=(w-tw)/2;[0:v][1:v]overlay,movie=/etc/passwd",
    "'; DROP TABLE jobs; -- $(reboot) && rm -rf / | tee",
    "<script>alert(1)</script> {{7*7}} ${jndi:ldap://x} %s %n {title}",
    "👩‍👩‍👧‍👦 🏳️‍🌈 é = e\u0301, \ufeffzero\u200bwidth",
    "\u202eright to left\u202c مرحبا بالعالم שלום",
    "日本語の海と𝒜𝓃𝒸𝒾𝑒𝓃𝓉 letters",
]


@pytest.mark.parametrize("path", [JOBS, GENERATE])
def test_a_prompt_comes_back_as_it_was(api: Api, path: str) -> None:
    for prompt in ODD_PROMPTS:
        made = post(api, path, a_request(path, prompt=prompt))
        assert made.is_success, made.text
        identity = made.json().get("id") or made.json()["video_id"]
        if path == JOBS:
            assert api.client.get(f"{JOBS}/{identity}").json()["prompt"] == prompt
        else:
            shown = api.client.get(f"/api/v1/videos/{identity}").json()
            assert shown["metadata"]["prompt"] == prompt


def test_field_names_of_a_webhook_are_taken_in_either_spelling(api: Api) -> None:
    for name in ("webhookUrl", "webhook_url"):
        assert post(api, JOBS, a_request(JOBS, **{name: "https://example.org/"})).is_success


def _camel(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(part.title() for part in rest)
