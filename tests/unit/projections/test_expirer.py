"""The clock of expiry."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest

from projections import expirer as module
from projections.expirer import Expirer
from schemas.catalogue import EXPIRIES
from schemas.publisher import PublishError
from schemas.topic import Topic

NOON = dt.datetime(2026, 5, 1, 11, tzinfo=dt.UTC)


class Recorder:
    """A publisher that can be out of reach."""

    def __init__(self) -> None:
        self.away = False
        self.said: list[dt.datetime] = []
        self.asked = threading.Event()

    def publish(self, topic: Topic, event: dict[str, Any]) -> None:
        assert topic is EXPIRIES
        if not self.away:
            self.said.append(event["before"])

    def flush(self) -> None:
        self.asked.set()
        if self.away:
            raise PublishError("nobody there")


def expirer(recorder: Recorder, days: int = 30) -> Expirer:
    return Expirer(lambda: recorder, days)  # type: ignore[arg-type, return-value]


def test_it_speaks_once_a_day() -> None:
    recorder = Recorder()
    clock = expirer(recorder)
    for hours in range(72):
        clock.look(NOON + dt.timedelta(hours=hours))
    assert recorder.said == [dt.datetime(2026, 4, day, tzinfo=dt.UTC) for day in (2, 3, 4, 5)]


def test_what_could_not_be_said_is_said_later() -> None:
    recorder = Recorder()
    clock = expirer(recorder)
    recorder.away = True
    with pytest.raises(PublishError):
        clock.look(NOON)
    recorder.away = False
    clock.look(NOON)
    assert len(recorder.said) == 1


def test_it_goes_on_while_the_broker_is_away_and_stops_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.01)
    recorder, stop = Recorder(), threading.Event()
    recorder.away = True
    thread = threading.Thread(target=expirer(recorder).run, args=(stop,))
    thread.start()
    assert recorder.asked.wait(60)
    recorder.away = False
    while not recorder.said:
        assert thread.is_alive()
        stop.wait(0.01)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_nothing_expires_of_data_that_is_one_s_own() -> None:
    recorder = Recorder()
    expirer(recorder, days=0).run(threading.Event())
    assert recorder.said == []
