"""A projector that a signal strikes at a named step of its work.

python -m tests.chaos.projections.projector [OPTIONS_JSON]; see `Options`. Without an argument it
loads everything, then reads the options from standard input. The engine has no hooks for it:
functions and methods of this process are wrapped.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from threading import Event
from typing import Any

from pydantic import BaseModel

from infra.logs import configure
from infra.settings import Settings
from projections import applying, consumer, store
from projections.catalogue import PROJECTIONS
from projections.checkpoints import Checkpoints
from projections.rejects import Rejects
from projections.run import run
from schemas.catalogue import TOPICS
from schemas.registry import Registry
from tests.chaos.strikes import Strike, Strikes
from tests.integration.projections.addresses import readdressed

# (owner of the function, its name) by step that is passed when it returns.
_WHERE: dict[str, tuple[Any, str]] = {
    "folded": (applying.Applier, "ready"),
    "letters sent": (Rejects, "send"),
    "copied": (store, "copy"),
    "checkpoint moved": (Checkpoints, "advance"),
    "listeners told": (Checkpoints, "notify"),  # all is done, nothing is committed
    "committed": (store.Store, "apply"),
}
STEPS = tuple(_WHERE)


class Options(BaseModel):
    """What a projector is told.

    Attributes:
        suffix: of the topics and projections.
        names: of the projections in the catalogue.
        session: seconds without a heartbeat after which the group gives a member up.
        stranger: appended to the consumer group. Who has another one knows nothing of the others
            and is given every partition.
        strikes: where signals strike it.
    """

    settings: Settings
    suffix: str
    names: list[str]
    session: float = 10.0
    stranger: str = ""
    strikes: list[Strike] = []


def main(options: Options) -> None:
    """Run until SIGTERM, or until the signal."""
    configure(options.settings, process=options.suffix)
    _consume(options)
    _strike(options.strikes)
    projections = [readdressed(PROJECTIONS[name], options.suffix) for name in options.names]
    TOPICS.update({s.topic.name: s.topic for one in projections for s in one.sources})
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    registry = Registry(options.settings.registry_config())
    run(options.settings, projections, registry, stop)


def _consume(options: Options) -> None:
    plain = vars(consumer)["Consumer"]
    session = {
        "session.timeout.ms": round(options.session * 1000),
        "heartbeat.interval.ms": round(options.session * 250),
    }
    vars(consumer)["Consumer"] = lambda config: plain(
        {**config, **session, "group.id": config["group.id"] + options.stranger}
    )


def _strike(strikes: list[Strike]) -> None:
    struck = Strikes(strikes)
    for step in {strike.step for strike in strikes}:
        owner, name = _WHERE[step]
        setattr(owner, name, _telling(getattr(owner, name), step, struck))


def _telling(plain: Callable[..., Any], step: str, struck: Strikes) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = plain(*arguments, **named)
        struck.passed(step)
        return result

    return wrapped


if __name__ == "__main__":
    told = sys.argv[1] if len(sys.argv) > 1 else sys.stdin.readline()
    if told:
        main(Options.model_validate_json(told))
