"""Settings that are found elsewhere than in the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.embedded.home import Home, signing_secret
from infra.settings import (
    JWT_SECRET_FILE,
    PERSONAL_DATA_SECRET_FILE,
    WEBHOOK_SECRET_FILE,
    NoStackError,
    Settings,
)

LONG = "a secret that is long enough to be one"


def test_the_secret_of_personal_data_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, groundswell_home=tmp_path)
    with pytest.raises(NoStackError, match="PERSONAL_DATA_SECRET"):
        _ = settings.personal_data_secrets
    home = Home(tmp_path)
    home.prepare()
    made = home.secret(PERSONAL_DATA_SECRET_FILE)
    assert len(made) >= 32
    assert (home.run / PERSONAL_DATA_SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert settings.personal_data_secrets == (made,)


def test_the_secret_of_tokens_is_made_once_and_can_be_replaced(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, groundswell_home=tmp_path)
    with pytest.raises(NoStackError, match="JWT_SECRET is not set, so nobody can log in"):
        _ = settings.jwt_secrets
    home = Home(tmp_path)
    home.prepare()
    made = home.secret(JWT_SECRET_FILE)
    assert (home.run / JWT_SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert settings.jwt_secrets == (made,)
    replaced = Settings(
        _env_file=None, groundswell_home=tmp_path, jwt_secret=LONG, jwt_secret_before=made
    )
    assert replaced.jwt_secrets == (LONG, made)
    assert LONG not in repr(replaced)
    assert made not in replaced.model_dump_json()
    with pytest.raises(NoStackError, match="JWT_SECRET has 5 characters"):
        _ = Settings(_env_file=None, jwt_secret="short").jwt_secrets


def test_the_secret_of_webhooks_is_made_once_and_can_be_replaced(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, groundswell_home=tmp_path)
    with pytest.raises(NoStackError, match="WEBHOOK_SECRET"):
        _ = settings.webhook_secrets
    home = Home(tmp_path)
    home.prepare()
    made = home.secret(WEBHOOK_SECRET_FILE, signing_secret)
    assert home.secret(WEBHOOK_SECRET_FILE, signing_secret) == made
    assert (home.run / WEBHOOK_SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert settings.webhook_secrets == (made,)
    replaced = Settings(
        _env_file=None, groundswell_home=tmp_path, webhook_secret=LONG, webhook_secret_before=made
    )
    assert replaced.webhook_secrets == (LONG, made)
    assert LONG not in repr(replaced)
    assert made not in replaced.model_dump_json()


def test_a_secret_that_is_set_is_used_and_never_shown(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        groundswell_home=tmp_path,
        personal_data_secret=LONG,
        personal_data_secret_before=LONG + "!",
    )
    assert settings.personal_data_secrets == (LONG, LONG + "!")
    assert LONG not in repr(settings)
    assert LONG not in settings.model_dump_json()


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(NoStackError, match="PERSONAL_DATA_SECRET has 5 characters"):
        _ = Settings(_env_file=None, personal_data_secret="short").personal_data_secrets


def test_a_copy_with_another_home_keeps_nothing_of_the_first(tmp_path: Path) -> None:
    first = Settings(_env_file=None, groundswell_home=tmp_path / "one")
    assert first.stack_file.is_relative_to(tmp_path / "one")
    other = first.model_copy(update={"groundswell_home": tmp_path / "two"})
    assert other.home == tmp_path / "two"
    assert other.scratch.is_relative_to(other.home)
    assert other.stack_file.is_relative_to(other.home)


@pytest.mark.parametrize(
    "wrong",
    [
        "127.0.0.1:8090",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://host:x",
        "http://[::1",
    ],
)
def test_an_endpoint_that_is_no_address_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(ValidationError, match="it has to be an address such as") as error:
        Settings(_env_file=None, youtube_api_endpoint=wrong)
    assert error.value.errors()[0]["loc"] == ("youtube_api_endpoint",)
    good = "http://[::1]:8090/base"
    assert Settings(_env_file=None, youtube_api_endpoint=good).youtube_api_endpoint == good
