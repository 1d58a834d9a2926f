"""The registry as a fold: models that were registered, and the path of those that served."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

FAMILY = "virality"

# Not a version but a pointer: whatever ships with the package that runs.
DEFAULT = "default"


class RegistryError(Exception):
    """The registry cannot do that; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model: its name, bytes and checksum (SHA-256, hexadecimal)."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ReadSlice:
    """Offsets that were read of a partition, from `first` to the one before `last`."""

    topic: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model; the fields are those of ModelRegistered."""

    version: str
    name: str
    registered_at: dt.datetime
    format: int
    features: str
    files: tuple[ModelFile, ...]
    read: tuple[ReadSlice, ...] = ()
    trained_since: dt.datetime | None = None
    trained_until: dt.datetime | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Model:
        """The model that a ModelRegistered tells of."""
        return cls(
            version=event["version"],
            name=event["name"],
            registered_at=event["occurred_at"],
            format=event["format"],
            features=event["features"],
            files=tuple(ModelFile(**file) for file in event["files"]),
            read=tuple(ReadSlice(**part) for part in event["read"]),
            trained_since=event["trained_since"],
            trained_until=event["trained_until"],
            metrics=json.loads(event["metrics"] or "{}"),
            doubts=tuple(event["doubts"]),
        )


@dataclass(frozen=True, slots=True)
class Promotion:
    """When and why a model began to serve."""

    version: str
    at: dt.datetime
    reason: str
    forced: bool
    rollback: bool
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Models:
    """The registry after some events.

    Attributes:
        registered: by version, in the order of registration.
        path: the promotions that led to the one that serves, the last; a rollback shortens it.
            Empty: the default model serves.
        history: every promotion there was.
        shadow: the version that scores beside the one that serves; one at a time, the newest wish
            counts.
    """

    registered: Mapping[str, Model] = field(default_factory=dict)
    path: tuple[Promotion, ...] = ()
    history: tuple[Promotion, ...] = ()
    shadow: str | None = None

    @property
    def serving(self) -> str:
        """The version that serves; `DEFAULT` is the one that ships."""
        return self.path[-1].version if self.path else DEFAULT

    @property
    def previous(self) -> str:
        """The version that a rollback goes to.

        Raises:
            RegistryError: nothing was promoted yet.
        """
        if not self.path:
            raise RegistryError("the default model serves: there is nothing to roll back")
        return self.path[-2].version if len(self.path) > 1 else DEFAULT

    def named(self, version: str) -> Model:
        """The model of that version; the beginning of it will do where only one begins so.

        Raises:
            RegistryError: there is none, or there are several.
        """
        found = [known for known in self.registered if known.startswith(version)]
        if version in self.registered:
            found = [version]
        if len(found) == 1:
            return self.registered[found[0]]
        if found:
            raise RegistryError(f"{version!r} may be {', '.join(found)}: write more of it")
        known = ", ".join(self.registered) or "none is registered yet"
        raise RegistryError(f"no model is called {version!r}: {known}")

    def after(self, event: Mapping[str, Any]) -> Models:
        """The registry after one event more. An event that is there already changes nothing."""
        match event["_type"]:
            case "ModelRegistered":
                return self._registered(event)
            case "ModelPromoted":
                return self._promoted(event)
            case "ModelShadowed" if event["shadow"]:
                return replace(self, shadow=event["version"])
            case "ModelShadowed" if self.shadow == event["version"]:
                return replace(self, shadow=None)
        return self

    def _registered(self, event: Mapping[str, Any]) -> Models:
        if event["version"] in self.registered:  # its contents are in its name: it is the same
            return self
        model = Model.of(event)
        shadow = model.version if event["shadow"] else self.shadow
        return replace(self, registered={**self.registered, model.version: model}, shadow=shadow)

    def _promoted(self, event: Mapping[str, Any]) -> Models:
        promotion = Promotion(
            version=event["version"],
            at=event["occurred_at"],
            reason=event["reason"],
            forced=event["forced"],
            rollback=event["rollback"],
            evidence=json.loads(event["evidence"] or "{}"),
        )
        path = _back_to(self.path, promotion) if promotion.rollback else (*self.path, promotion)
        if promotion.version == self.serving:
            path = self.path
        return replace(
            self,
            path=path,
            history=(*self.history, promotion),
            shadow=None if self.shadow == promotion.version else self.shadow,
        )


def _back_to(path: tuple[Promotion, ...], promotion: Promotion) -> tuple[Promotion, ...]:
    """The path up to the newest promotion of that version; all of it gone is the default's."""
    for end in range(len(path), 0, -1):
        if path[end - 1].version == promotion.version:
            return path[:end]
    return () if promotion.version == DEFAULT else (promotion,)
