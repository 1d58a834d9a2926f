"""One line per event, for people or for machines, and no secret in any of them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from infra.settings import Settings

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"password|passwd|secret|token|api_?key|admin_?key|authorization|basic_auth|credential|cookie",
    re.IGNORECASE,
)
# A password up to the last @: a / in it is wrong, and still nobody else's to read. Of a port there
# is a path behind it.
_IN_URL = re.compile(
    r"(?P<start>\b[a-z][a-z0-9+.-]*://[^\s:/@]*):(?!\d{1,5}/)[^\s]+@", re.IGNORECASE
)
_IN_QUERY = re.compile(
    r"(?P<start>[?&](?:api_?key|key|token|access_token|secret|password|signature)=)[^\s&#'\"]+",
    re.IGNORECASE,
)
_IN_DSN = re.compile(r"(?P<start>\bpassword\s*=\s*)('[^']*'|[^\s'&]+)", re.IGNORECASE)

# Their INFO lines tell of every connection and rebalance step.
_TALKATIVE = ("aiokafka", "faust", "mode", "httpx", "httpcore", "asyncio", "procrastinate")


def configure(settings: Settings, *, process: str, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to one stream.

    Args:
        process: written into every JSON line.
        stream: stderr unless given.
    """
    output = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if settings.log_format == "json":
        shared.append(structlog.processors.format_exc_info)  # one line per event, traceback too
        renderer: Processor = structlog.processors.JSONRenderer(default=str)
        name: list[Processor] = [_named(process)]
    else:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.dev.ConsoleRenderer(colors=output.isatty())
        name = []
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *name,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel(
            settings.log_level if settings.log_level != "INFO" else "WARNING"
        )


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide values under telling keys, and passwords inside URLs and connection strings."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: object, value: Any) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key) and value is not None:
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {k: _redacted(k, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(None, item) for item in value]
    return value


def redact_text(text: str) -> str:
    """The text without passwords of URLs (`scheme://user:password@`), keys in their queries
    (`?key=...`), and `password=...`."""
    text = _IN_QUERY.sub(rf"\g<start>{HIDDEN}", _IN_URL.sub(rf"\g<start>:{HIDDEN}@", text))
    return _IN_DSN.sub(rf"\g<start>{HIDDEN}", text)


def _named(process: str) -> Processor:
    def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add
