from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.embedded.guard import Guard
from infra.embedded.home import Home
from tests.integration.api.conftest import (  # noqa: F401
    api,
    api_database,
    api_settings,
    provisioned,
)
from tests.integration.artifacts.s3 import KEY, KEY_ID, S3


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A running server; its clients' settings are in the environment, as in production."""
    home = Home(tmp_path_factory.mktemp("s3"))
    home.prepare()
    guard = Guard()
    server = S3(home, guard)
    try:
        server.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", server.endpoint)
            patch.setenv("AWS_ALLOW_HTTP", "true")
            patch.setenv("AWS_REGION", "us-east-1")
            patch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
            patch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
            yield server
    finally:
        server.stop()
        guard.close()


@pytest.fixture(scope="module")
def artifacts_url(s3: S3) -> str:
    return s3.address
