"""The API as the contract's tests need it: with everything it can show, and somebody to ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from tests.fix_youtube import YouTubeLocal
from tests.integration.api.conftest import Api
from tests.integration.api.contract.known import fill


@pytest.fixture(scope="module")
def provisioned(provisioned: Settings, youtube_local: YouTubeLocal) -> Settings:
    """The same servers, and a Data API."""
    return provisioned.model_copy(
        update={
            "youtube_api_endpoint": youtube_local.endpoint,
            "youtube_api_key": SecretStr(youtube_local.new_key()),
        }
    )


@pytest.fixture(scope="module")
def known(api: Api) -> Iterator[dict[str, list[str]]]:
    """Ids of things that are there, by kind. No projector runs here: no write waits for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.generation.SETTLE_SECONDS", 0.0)
        patch.setattr("api.analyses.SETTLE_SECONDS", 0.0)
        patch.setattr("api.routes.analytics.DEFAULT_WAIT_MS", 0)
        yield fill(api)
