"""A virality worker whose restore and revocation take as long as a test wants.

python -m tests.integration.columnar.hindered_worker HINDRANCES_JSON OPTIONS_JSON
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from streams.columnar import app as app_module
from streams.columnar import folding
from streams.columnar.folding import FoldingHandler
from tests.chaos import worker


def main(hindrances_json: str, options_json: str) -> None:
    """Seconds of each restore (the last for all further ones) and of each revocation."""
    hindrances: dict[str, Any] = json.loads(hindrances_json)
    restores: list[float] = hindrances.get("restores", [0.0])
    revocations: list[float] = hindrances.get("revocations", [0.0])
    faust_settings: dict[str, Any] = hindrances.get("faust", {})

    plain_restore: Any = vars(folding)["restore"]
    plain_settings = vars(app_module)["faust_settings"]

    async def slow_restore(*arguments: Any) -> Any:
        await asyncio.sleep(restores.pop(0) if len(restores) > 1 else restores[0])
        return await plain_restore(*arguments)

    async def slow_revoked(handler: Any) -> None:
        handler._partitions = {}
        await asyncio.sleep(revocations.pop(0) if len(revocations) > 1 else revocations[0])

    vars(folding)["restore"] = slow_restore
    FoldingHandler.revoked = slow_revoked  # type: ignore[method-assign,assignment]
    vars(app_module)["faust_settings"] = lambda told: {**plain_settings(told), **faust_settings}
    options = worker.Options.model_validate_json(options_json)
    options.chunk_records = hindrances.get("chunk_records", 20_000)
    worker.main(options)


if __name__ == "__main__":
    main(*sys.argv[1:])
