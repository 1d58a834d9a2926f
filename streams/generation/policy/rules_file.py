"""The rules of an installation: a TOML file, and TEASER_MULTIPLE as a rule without one."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra.settings import NoStackError, Settings
from streams.generation.jobs.validation import PROMPT_MAX, problems
from streams.generation.policy.prompt import UNKNOWN, Prompt, PromptError
from streams.generation.policy.rule import Condition, Rule
from streams.generation.policy.sources import DETECTIONS, SOURCES, Source

# A backfill can bring thousands of events within minutes. One worker renders a teaser in a few
# seconds, so twenty an hour keep it free for people; what comes above them is passed over, for a
# teaser that waits for hours is late.
PER_HOUR = 20

TEASERS = "teasers"  # name of the rule that TEASER_MULTIPLE stands for
_TEASER_PROMPT = "{title} - {multiple:.1f}x the usual views"

_RULE = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_TABLE = re.compile(r"^\s*\[\s*rule\s*\.\s*(\w+)\s*\]")


class RulesError(NoStackError):
    """The file of rules cannot be used; the message has file, line, rule and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Bounds(_Strict):
    at_least: float | None = None
    at_most: float | None = None
    one_of: Annotated[list[str], Field(min_length=1)] | None = None
    none_of: Annotated[list[str], Field(min_length=1)] | None = None
    wanted: bool | None = Field(None, alias="is")


class _Request(_Strict):
    prompt: str
    width: int | None = None
    height: int | None = None
    num_steps: int | None = None
    quality: str | None = None
    seed: int | None = None
    duration_s: float | None = None
    priority: str = "low"
    max_retries: int | None = None
    provider: str | None = None
    webhook_url: str | None = None


class _Rule(_Strict):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    source: Literal["detections", "scores"]
    when: dict[str, _Bounds]
    request: _Request
    per_hour: int = Field(PER_HOUR, ge=1, le=100_000)
    dry_run: bool = False
    max_age_hours: float | None = Field(None, gt=0)
    include_uncertain: bool = False


class _Found(NamedTuple):
    """What is wrong with a rule: where in it, and how to mend it."""

    where: tuple[str, ...]
    message: str


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The rules in force, in their order.

    Raises:
        RulesError: the file cannot be used.
    """
    rules = () if settings.generation_rules is None else read(settings.generation_rules)
    if settings.teaser_multiple is None:
        return rules
    if any(rule.name == TEASERS for rule in rules):
        raise RulesError(
            f"{settings.generation_rules} has a rule {TEASERS!r}, and TEASER_MULTIPLE stands for "
            "one of that name: unset TEASER_MULTIPLE or rename the rule"
        )
    return (teasers(settings.teaser_multiple), *rules)


def teasers(multiple: float) -> Rule:
    """What TEASER_MULTIPLE stands for: a teaser for each outlier of at least that multiple."""
    return Rule(
        TEASERS,
        DETECTIONS,
        (Condition("multiple", at_least=multiple),),
        Prompt(_TEASER_PROMPT, DETECTIONS.fields),
        {"priority": "low"},
        PER_HOUR,
    )


def read(path: Path) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        RulesError: it cannot be read, or a rule cannot be understood. Every mistake is named.
    """
    try:
        text = path.read_bytes().decode()
        found = tomllib.loads(text)
    except OSError as error:
        raise RulesError(f"GENERATION_RULES: {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RulesError(f"{path} is no TOML: {error}") from None
    tables = found.pop("rule", [])
    if found or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        odd = next(iter(found), "rule")
        raise RulesError(f"{path}: {odd}: rules are written as [[rule]] tables, and nothing else")
    rules: list[Rule] = []
    mistakes: list[str] = []
    for number, table in enumerate(tables):
        made = _made(table)
        if isinstance(made, Rule):
            if any(rule.name == made.name for rule in rules):
                made = [_Found(("name",), "another rule has this name; every rule has its own")]
            else:
                rules.append(made)
                continue
        shown = table.get("name", f"number {number + 1}")
        for where, message in made:
            line = _line(text, number, where)
            mistakes.append(f"{path}, line {line}, rule {shown}: {'.'.join(where)}: {message}")
    if mistakes:
        raise RulesError("; ".join(mistakes))
    return tuple(rules)


def _made(table: Mapping[str, Any]) -> Rule | list[_Found]:
    """The rule, or what is wrong with it."""
    try:
        asked = _Rule.model_validate(table)
    except ValidationError as error:
        return [_explained(one) for one in error.errors()]
    source = SOURCES[asked.source]
    wrong = list(_wrong_conditions(asked.when, source))
    request = asked.request.model_dump(exclude_none=True)
    text = request.pop("prompt")
    kinds = {**source.facts, **source.fields}
    try:
        prompt = Prompt(text, kinds)
    except PromptError as error:
        wrong.append(_Found(("request", "prompt"), str(error)))
        prompt = Prompt("", kinds)
    wrong += _wrong_request(request, text)
    if wrong:
        return wrong
    conditions = tuple(
        Condition(
            field,
            bounds.at_least,
            bounds.at_most,
            None if bounds.one_of is None else tuple(bounds.one_of),
            None if bounds.none_of is None else tuple(bounds.none_of),
            bounds.wanted,
        )
        for field, bounds in asked.when.items()
    )
    return Rule(
        asked.name,
        source,
        conditions,
        prompt,
        request,
        asked.per_hour,
        asked.dry_run,
        asked.max_age_hours,
        asked.include_uncertain,
    )


_TAKES = {
    "number": ("at_least", "at_most"),
    "text": ("one_of", "none_of"),
    "truth": ("is",),
}


def _wrong_conditions(when: Mapping[str, _Bounds], source: Source) -> Iterator[_Found]:
    kinds = {**source.facts, **source.fields}
    if not when:
        yield _Found(("when",), "name at least one condition, or every event asks for a video")
    for field, bounds in when.items():
        where = ("when", field)
        if field not in kinds:
            yield _Found(where, f"{source.name} have no such field{_instead(field, kinds)}")
            continue
        takes = _TAKES[kinds[field]]
        given = bounds.model_dump(by_alias=True, exclude_none=True)
        if not given or not given.keys() <= set(takes):
            yield _Found(where, f"is a {kinds[field]}; it takes {' or '.join(takes)}")
        elif len(given) == 2 and takes[0] == "at_least" and given["at_least"] > given["at_most"]:
            yield _Found(where, "at_least is more than at_most: nothing could meet it")


def _wrong_request(request: Mapping[str, Any], prompt: str) -> Iterator[_Found]:
    """Rules of requests that the template breaks whatever is filled in."""
    if ("width" in request) != ("height" in request):
        yield _Found(("request",), "give both width and height, or neither (by the video's format)")
        return
    sample = {"prompt": prompt or UNKNOWN, "user_id": UNKNOWN, **request}
    if not prompt.strip():
        yield _Found(("request", "prompt"), f"has 1 to {PROMPT_MAX} characters")
    for problem in problems(sample):
        yield _Found(("request", problem.field), problem.message)


def _explained(error: Mapping[str, Any]) -> _Found:
    where = tuple(str(step) for step in error["loc"])
    match error["type"]:
        case "missing":
            return _Found(where, "is missing")
        case "extra_forbidden":
            known = _Bounds.model_fields if where[0] == "when" else _known(where)
            names = ["is" if name == "wanted" else name for name in known]
            return _Found(where, f"there is no such key{_instead(where[-1], names)}")
        case "string_pattern_mismatch":
            return _Found(where, "has 1 to 40 small letters, digits and dashes")
        case "model_type" | "model_attributes_type" if where[0] == "when":
            return _Found(where, "is written like { at_least = 5.0 } or { one_of = ['short'] }")
        case _:
            message = str(error["msg"])
            return _Found(where, message[:1].lower() + message[1:])


def _known(where: Sequence[str]) -> Sequence[str]:
    return list((_Request if where[0] == "request" and len(where) > 1 else _Rule).model_fields)


def _instead(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def _line(text: str, number: int, where: Sequence[str]) -> int:
    """The line of a rule's key, or else of the table that it is or should be in."""
    found = 1
    rule, table, depth = -1, "", 0
    for at, line in enumerate(text.splitlines(), start=1):
        if _RULE.match(line):
            rule, table = rule + 1, ""
            if rule == number:
                found = at
            continue
        if rule != number:
            continue
        heading = _TABLE.match(line)
        if heading is not None:
            table = heading[1]
            path = [table]
        elif "=" in line:
            key = [part.strip(" \"'") for part in line.partition("=")[0].split(".")]
            path = [table, *key] if table else key
        else:
            continue
        same = min(len(path), len(where))
        if same > depth and path[:same] == list(where[:same]):
            found, depth = at, same
    return found
