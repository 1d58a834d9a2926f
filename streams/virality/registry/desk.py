"""What people do with the registry: list, register, promote, roll back, shadow."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException

from infra.settings import Settings
from schemas.catalogue import VIRALITY_MODELS
from schemas.codec import Codec
from schemas.publisher import Publisher
from schemas.registry import Registry
from schemas.topic import Topic
from streams.follower import BehindError, TopicFollower
from streams.virality.models.forecaster import Forecaster
from streams.virality.registry import events
from streams.virality.registry.admission import doubts
from streams.virality.registry.comparison import Comparison
from streams.virality.registry.log import ModelLog
from streams.virality.registry.models import DEFAULT, Model, Models, RegistryError
from streams.virality.registry.store import ModelStore

_CATCH_UP_S = 30.0


class NotBetterError(RegistryError):
    """A promotion without evidence that the model is better."""


class PoorModelError(RegistryError):
    """A model whose own card speaks against it."""


class RegistryDesk:
    """Reads the registry and writes to it. Used as a context manager.

    Args:
        settings: resolved.
        topic: of the registry.
    """

    def __init__(self, settings: Settings, topic: Topic = VIRALITY_MODELS) -> None:
        if settings.artifacts_url is None:
            raise ValueError("settings are not resolved: ARTIFACTS_URL is unset")
        self._topic = topic
        self._registry = Registry(settings.registry_config())
        codec = Codec(self._registry)
        kafka = settings.kafka_config()
        self._publisher = Publisher(kafka, codec, source="groundswell/models")
        self._log = ModelLog(codec, topic)
        # What was written just now must be read: it asks anew every time where the topic ends.
        self._follower = TopicFollower(kafka, {topic: self._log.take}, briefly_s=0.0)
        self._store = ModelStore(settings.artifacts_url, settings.home / "models")
        self._compiled = settings.home / "compiled"

    def __enter__(self) -> Self:
        self._follower.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with closing(self._registry):
            self._follower.close()

    def models(self) -> Models:
        """The registry as it is now.

        Raises:
            RegistryError: it could not be read.
        """
        try:
            self._follower.catch_up(_CATCH_UP_S)
        except (BehindError, KafkaException) as error:
            raise RegistryError(f"{error} Was the stack provisioned?") from None
        return self._log.models

    def version(self, beginning: str) -> str:
        """The whole version of a model; `DEFAULT` is itself.

        Raises:
            RegistryError: none begins so, or several do.
        """
        return beginning if beginning == DEFAULT else self.models().named(beginning).version

    def forecaster(self, version: str) -> Forecaster:
        """A model ready for use; `DEFAULT` is the one that ships.

        Raises:
            RegistryError: there is none of that version, or its files are not what they were.
            ArtifactError: its files could not be read.
            BundleError: it cannot be used by this version of the software.
        """
        if version == DEFAULT:
            return Forecaster.default(compiled=self._compiled)
        folder = self._store.fetch(self.models().named(version))
        return Forecaster.load(folder, compiled=self._compiled)

    def register(
        self, folder: Path, facts: Mapping[str, Any], *, shadow: bool, force: bool = False
    ) -> Model:
        """Register a bundle: its files first, then the event that tells of them.

        Args:
            folder: with the bundle; it is loaded once, to know that it can be.
            facts: what only its maker knows: `read`, `trained_since`, `trained_until`, `metrics`
                of [`Model`][streams.virality.registry.models.Model].
            force: whatever `metrics` says; what speaks against it is recorded.

        Raises:
            PoorModelError: it is worse than a simple rule, or its band is far from what it
                promises (registry.admission).
            BundleError: the bundle cannot be used.
            ArtifactError: files could not be stored; nothing is registered then.
        """
        found = Forecaster.load(folder)
        against = doubts(facts.get("metrics", {}))
        if against and not force:
            raise PoorModelError(
                f"{found.version} is not registered: {'; '.join(against)} (--force registers it "
                "all the same)"
            )
        description = found.description
        files = self._store.put(
            found.version, sorted(path for path in folder.iterdir() if path.is_file())
        )
        model = Model(
            version=found.version,
            name=description.name,
            registered_at=events.now(),
            format=description.format,
            features=description.features,
            files=files,
            doubts=against,
            **facts,
        )
        self._append(events.registered(model, shadow=shadow))
        return model

    def promote(
        self, version: str, comparison: Comparison | None, *, reason: str = "", force: bool = False
    ) -> Models:
        """Make a model serve.

        Args:
            comparison: with the model that serves; None is none.
            force: without evidence; `reason` says why, and is recorded.

        Raises:
            NotBetterError: it is not forced, and the comparison does not say that it is better.
            RegistryError: there is no such model, it serves already, or a reason is missing.
        """
        version, models = self.version(version), self.models()
        if version == models.serving:
            raise RegistryError(f"{version} serves already")
        if force and not reason:
            raise RegistryError("say why: a promotion without evidence is recorded with its reason")
        if not force:
            if comparison is None:
                raise NotBetterError("nothing was compared")
            if not comparison.better:
                raise NotBetterError(
                    f"{version} is not better than {models.serving}: {comparison.text}"
                )
        self._append(
            events.promoted(
                version,
                replaces=models.serving,
                reason=reason or (comparison.text if comparison else ""),
                evidence=comparison.as_json() if comparison else {},
                forced=force,
            )
        )
        return self.models()

    def roll_back(self, reason: str = "") -> Models:
        """Make the model serve that served before this one.

        Raises:
            RegistryError: the default model serves.
        """
        models = self.models()
        self._append(
            events.promoted(models.previous, replaces=models.serving, reason=reason, rollback=True)
        )
        return self.models()

    def shadow(self, version: str, *, on: bool) -> Models:
        """Let a model score beside the one that serves, or no longer.

        Raises:
            RegistryError: there is no such model, or it serves.
        """
        models = self.models()
        version = models.named(version).version
        if on and version == models.serving:
            raise RegistryError(f"{version} serves: it cannot be its own shadow")
        self._append(events.shadowed(version, shadow=on))
        return self.models()

    def _append(self, event: dict[str, Any]) -> None:
        self._publisher.publish(self._topic, event)
        self._publisher.flush()
