"""The model that predictions are made with, and what is known of it."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from api.predictions.desk import Forecaster
from api.predictions.shadowing import Shadow
from infra.settings import Settings
from streams.virality.registry.models import DEFAULT
from streams.virality.registry.watcher import ModelWatcher


class ServedModels(Protocol):
    """Where the model comes from."""

    def start(self) -> None:
        """Begin to follow what serves; does not block."""

    def close(self) -> None:
        """End that."""

    def serving(self) -> Forecaster:
        """The model that serves now."""

    def shadow(self) -> Shadow | None:
        """The model that scores beside it, if any."""

    def facts(self) -> dict[str, Any]:
        """Of the one that serves: the fields of `ModelInfo` that are of a model."""

    def refused(self) -> dict[str, str]:
        """Versions that should serve and could not be loaded, each with the reason."""


class RegisteredModels:
    """What the registry says, taken over without a restart; the default model before that."""

    def __init__(self, settings: Settings) -> None:
        self._watcher = ModelWatcher(settings)
        self._thread = threading.Thread(
            target=self._watcher.start, name="models-start", daemon=True
        )

    def start(self) -> None:
        """Begin to follow the registry; does not block."""
        self._thread.start()

    def close(self) -> None:
        """End that."""
        self._watcher.close()

    def serving(self) -> Forecaster:
        """The model that serves now."""
        return self._watcher.serving

    def shadow(self) -> Shadow | None:
        """The model that scores beside it, if any."""
        return self._watcher.shadow

    def facts(self) -> dict[str, Any]:
        """What the one that serves says of itself, and what the registry knows of it."""
        models, model = self._watcher.models, self._watcher.serving
        registered = models.registered.get(model.version)
        promotion = models.path[-1] if models.path else None
        return {
            "source": "default" if models.serving == DEFAULT else "registry",
            "name": model.description.name,
            "compiled": model.is_compiled,
            "trained_since": None if registered is None else registered.trained_since,
            "trained_until": model.description.trained_until,
            "trained_on": dict(model.description.facts),
            "metrics": {} if registered is None else dict(registered.metrics),
            "registered": len(models.registered),
            "registered_at": None if registered is None else registered.registered_at,
            "promoted_at": None if promotion is None else promotion.at,
            "promoted_because": None if promotion is None else promotion.reason,
            "shadow": models.shadow,
        }

    def refused(self) -> dict[str, str]:
        """Versions that should serve and could not be loaded, each with the reason."""
        return self._watcher.refused
