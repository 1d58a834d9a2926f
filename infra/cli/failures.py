"""Errors as one line for a person."""

from __future__ import annotations

FAILURE = 1  # exit code; 2 is wrong use, which the parser of the command line answers

# Their messages are written for people already. By name: importing them all would take longer
# than most commands run.
_SPEAK_FOR_THEMSELVES = frozenset(
    {
        "ArtifactError",
        "BehindError",
        "BundleError",
        "ChartsError",
        "CommandError",
        "DemoError",
        "EmbeddedError",
        "EvaluationError",
        "GrowthError",
        "IdentityError",
        "IngestError",
        "KafkaAwayError",
        "LogReadError",
        "NotOursError",
        "NoStackError",
        "NotCompiledError",
        "PersonalDataError",
        "ProjectionError",
        "ProvisionError",
        "PublishError",
        "RegistryError",
        "Refused",
        "ReplayError",
        "SchemaError",
        "ScopeError",
        "TooLittleDataError",
        "UnusableTableError",
        "YouTubeError",
    }
)
_ADVICE = {
    "KafkaException": "Kafka does not do what was asked",
    "SchemaRegistryError": "the schema registry does not do what was asked",
    "OperationalError": "PostgreSQL does not answer",
    "TransportError": "no connection",
    "RedisError": "Redis does not answer",
}


class CommandError(Exception):
    """A command cannot do what it was asked; the message is for a person."""


def one_line(error: BaseException) -> str:
    """What went wrong, in one line, without passwords."""
    from infra.logs import redact_text

    return redact_text(_one_line(error))


def _one_line(error: BaseException) -> str:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    text = " ".join(str(error).split()) or type(error).__name__
    if _SPEAK_FOR_THEMSELVES.intersection(kinds):
        return text
    if "ValidationError" in kinds and hasattr(error, "errors"):
        return "; ".join(_setting(found) for found in error.errors())
    for kind in kinds:
        if kind in _ADVICE:
            return f"{_ADVICE[kind]}: {text}"
    if isinstance(error, OSError):
        return text
    return (
        f"unexpected {type(error).__name__}: {text} (GROUNDSWELL_DEBUG=1 shows where it comes from)"
    )


def _setting(found: dict[str, object]) -> str:
    """One finding of pydantic about the settings."""
    place = found.get("loc")
    name = ".".join(str(part) for part in place) if isinstance(place, tuple) else ""
    return f"{name.upper()}: {found.get('msg')}"
