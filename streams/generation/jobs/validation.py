"""The rules that a generation request keeps: one place, for the API and for the dispatcher.

A broken *model* rule means that the request is malformed (HTTP 422); a broken *business* rule
means that its values do not go together (HTTP 400).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from streams.webhooks.addresses import url_problem

PROMPT_MAX = 5000  # characters; the API of videos asks for less
QUALITIES = ("low", "medium", "high")
PRIORITIES = ("high", "default", "low")
HIGH_QUALITY_STEPS = 50  # at least
LOW_QUALITY_STEPS = 30  # at most
ASPECT = (0.5, 2.0)  # width / height
METADATA_MAX = 64 * 1024  # characters
SEED_MAX = 2**32 - 1

# What a client may leave out. `seed` None means: made from the job's id.
DEFAULTS: Mapping[str, Any] = {
    "width": 512,
    "height": 512,
    "num_steps": 20,
    "quality": "medium",
    "seed": None,
    "duration_s": 4.0,
    "priority": "default",
    "max_retries": 3,
    "provider": None,
    "source_video_id": None,
    "metadata": None,
    "webhook_url": None,
}

# A job's id becomes a part of paths; nothing in it may mean something there.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}", re.ASCII)
_WHOLE_NUMBERS = {
    "num_steps": (1, 100),
    "max_retries": (0, 10),
    "seed": (0, SEED_MAX),
}
_SIZES = (256, 1024)
_DURATION = (0.5, 60.0)  # seconds


class Problem(NamedTuple):
    """A rule that a request breaks.

    Attributes:
        field: which of its fields, in the schema's spelling.
        message: what is wrong and what was expected.
        kind: of the rule.
    """

    field: str
    message: str
    kind: Literal["model", "business"]


def problems(request: Mapping[str, Any], *, prompt_max: int = PROMPT_MAX) -> list[Problem]:
    """Every rule that the request breaks; the empty list for a good one.

    Args:
        request: fields of `GenerationRequested`; those that `DEFAULTS` has may be absent, and
            so may ids that the API fills in.
        prompt_max: characters that the prompt may have.
    """
    request = {**DEFAULTS, **request}
    found = [Problem(field, message, "model") for field, message in _model(request, prompt_max)]
    if not {problem.field for problem in found} & {"width", "height", "num_steps", "quality"}:
        found += [Problem(field, message, "business") for field, message in _business(request)]
    return found


def _model(request: Mapping[str, Any], prompt_max: int) -> Iterator[tuple[str, str]]:
    yield from _texts(request, prompt_max)
    for name, (low, high) in _WHOLE_NUMBERS.items():
        value = request[name]
        if value is None and name == "seed":
            continue
        if not _is_whole(value) or not low <= value <= high:
            yield name, f"is a whole number from {low} to {high}"
    for name in ("width", "height"):
        value = request[name]
        if not _is_whole(value) or not _SIZES[0] <= value <= _SIZES[1] or value % 8:
            yield name, f"is a multiple of 8 from {_SIZES[0]} to {_SIZES[1]} pixels"
    for name, choices in (("quality", QUALITIES), ("priority", PRIORITIES)):
        if request[name] not in choices:
            yield name, f"is one of {', '.join(choices)}"
    seconds = request["duration_s"]
    if (
        not isinstance(seconds, int | float)
        or isinstance(seconds, bool)
        or not math.isfinite(seconds)
        or not _DURATION[0] <= seconds <= _DURATION[1]
    ):
        yield "duration_s", f"is from {_DURATION[0]:g} to {_DURATION[1]:g} seconds"


def _texts(request: Mapping[str, Any], prompt_max: int) -> Iterator[tuple[str, str]]:
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > prompt_max:
        yield "prompt", f"has 1 to {prompt_max} characters that are not all blanks"
    elif not _storable(prompt):
        yield "prompt", "has a NUL or half a surrogate pair, which no text may have"
    job_id = request.get("job_id")
    if job_id is not None and not (isinstance(job_id, str) and _ID.fullmatch(job_id)):
        yield "job_id", "has 1 to 128 letters, digits or ._:@+- and starts with a letter or digit"
    for name, most in (("user_id", 200), ("provider", 100), ("source_video_id", 200)):
        value = request.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not 1 <= len(value) <= most or not _storable(value):
            yield name, f"has 1 to {most} characters"
    metadata = request["metadata"]
    if metadata is not None and not _is_json_object(metadata):
        yield "metadata", f"is a JSON object of at most {METADATA_MAX} characters"
    webhook = request["webhook_url"]
    if webhook is not None:
        problem = url_problem(webhook) if isinstance(webhook, str) else "is a text"
        if problem is not None:
            yield "webhook_url", problem


def _business(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    steps, quality = request["num_steps"], request["quality"]
    if quality == "high" and steps < HIGH_QUALITY_STEPS:
        yield "num_steps", f"high quality needs at least {HIGH_QUALITY_STEPS} steps"
    if quality == "low" and steps > LOW_QUALITY_STEPS:
        yield "num_steps", f"low quality takes at most {LOW_QUALITY_STEPS} steps"
    aspect = request["width"] / request["height"]
    if not ASPECT[0] <= aspect <= ASPECT[1]:
        yield "width", f"width / height is from {ASPECT[0]:g} to {ASPECT[1]:g}, not {aspect:.3g}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _storable(text: str) -> bool:
    """Whether PostgreSQL and UTF-8 can hold the text."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _is_json_object(text: Any) -> bool:
    """Whether it is one that can be told again: JSON has no NaN, UTF-8 no half surrogate pairs."""
    if not isinstance(text, str) or len(text) > METADATA_MAX or not _storable(text):
        return False
    try:
        found = json.loads(text, parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # 1e400 is infinite
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
