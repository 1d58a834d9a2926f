"""The model that serves, in a running process: taken over from the registry without a restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from infra.settings import Settings
from schemas.catalogue import VIRALITY_MODELS
from schemas.codec import Codec
from schemas.registry import Registry
from schemas.topic import Topic
from streams.follower import TopicFollower
from streams.virality.models.forecaster import Forecaster
from streams.virality.registry.log import ModelLog
from streams.virality.registry.models import DEFAULT, Models
from streams.virality.registry.store import ModelStore

_POLL_S = 0.5  # longest wait for an event before the thread looks whether it is to end
_START_S = 30.0
_PAUSE_S = 1.0  # before the topic is tried again
_RETRY_S = 10.0  # before a model that could not be had is tried again

log = structlog.get_logger()


class ModelWatcher:
    """Follows the registry in a thread and holds what it says ready for use.

    A model that cannot be had (its files are away, changed, of a newer format) is refused: the one
    before goes on, the reason is in the log and in `refused`, and it is tried again now and then.
    Until the topic was read once, and where it cannot be read, the default model serves.

    Args:
        settings: resolved.
        topic: of the registry.
    """

    def __init__(self, settings: Settings, topic: Topic = VIRALITY_MODELS) -> None:
        if settings.artifacts_url is None:
            raise ValueError("settings are not resolved: ARTIFACTS_URL is unset")
        self._settings = settings
        self._topic = topic
        self._store = ModelStore(settings.artifacts_url, settings.home / "models")
        self._compiled: Path | None = settings.home / "compiled"
        self._default = Forecaster.default(compiled=self._compiled)
        self._serving: tuple[str, Forecaster] = (DEFAULT, self._default)
        self._shadow: tuple[str, Forecaster] | None = None
        self._models = Models()
        self._refused: dict[str, str] = {}
        self._changed = threading.Condition()
        self._known = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def serving(self) -> Forecaster:
        """The model that serves now. It is immutable: take it once for a batch."""
        return self._serving[1]

    @property
    def shadow(self) -> Forecaster | None:
        """The model that scores beside it, if any."""
        return self._shadow[1] if self._shadow else None

    @property
    def models(self) -> Models:
        """The registry as last read."""
        return self._models

    @property
    def refused(self) -> dict[str, str]:
        """Versions that the registry asks for and that could not be had, each with the reason."""
        return dict(self._refused)

    def start(self, seconds: float = _START_S) -> None:
        """Begin; return once the registry's choice is in use, or after so many seconds without."""
        self._thread.start()
        if not self._until(lambda: self._known, seconds):
            log.warning("models_unknown", serving=self.serving.version, topic=self._topic.name)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def await_serving(self, version: str, seconds: float) -> bool:
        """Wait until that version (or `DEFAULT`) serves; whether it does."""
        return self._until(lambda: self._serving[0] == version, seconds)

    def await_shadow(self, version: str | None, seconds: float) -> bool:
        """Wait until that version (None: none) is the shadow; whether it is."""
        return self._until(lambda: (self._shadow[0] if self._shadow else None) == version, seconds)

    def await_refused(self, version: str, seconds: float) -> bool:
        """Wait until that version is refused; whether it is."""
        return self._until(lambda: version in self._refused, seconds)

    def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as error:
                log.warning("models_not_followed", topic=self._topic.name, error=str(error))
                self._stop.wait(_PAUSE_S)

    def _follow(self) -> None:
        settings = self._settings
        registry = Registry(settings.registry_config())
        told = ModelLog(Codec(registry), self._topic)
        follower = TopicFollower(settings.kafka_config(), {self._topic: told.take})
        with closing(registry), follower:
            while not follower.read_once(_PAUSE_S):
                if self._stop.is_set():
                    return
                log.warning("models_not_read", topic=self._topic.name)
            taken = -1
            tried = time.monotonic()
            while not self._stop.is_set():
                again = bool(self._refused) and time.monotonic() - tried > _RETRY_S
                if taken < 0 or told.beyond(taken, _POLL_S) or again:
                    taken = told.position
                    self._take(told.models)
                    tried = time.monotonic()

    def _take(self, models: Models) -> None:
        """Make what the registry says the models in use."""
        refused: dict[str, str] = {}
        serving = self._loaded(models, models.serving, refused) or self._serving
        wanted = models.shadow
        shadow = None if wanted is None else self._loaded(models, wanted, refused)
        if serving[0] != self._serving[0]:
            log.info("model_serves", version=serving[1].version, before=self.serving.version)
        with self._changed:
            self._models = models
            self._serving, self._shadow = serving, shadow
            self._refused = refused
            self._known = True
            self._changed.notify_all()

    def _loaded(
        self, models: Models, version: str, refused: dict[str, str]
    ) -> tuple[str, Forecaster] | None:
        if version == DEFAULT:
            return DEFAULT, self._default
        for held in (self._serving, self._shadow):
            if held is not None and held[0] == version:
                return held
        try:
            folder = self._store.fetch(models.named(version))
            return version, Forecaster.load(folder, compiled=self._compiled)
        except Exception as error:
            refused[version] = str(error)
            if self._refused.get(version) != str(error):
                log.error(
                    "model_refused",
                    version=version,
                    error=str(error),
                    serving=self.serving.version,
                )
            return None
