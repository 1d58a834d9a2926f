"""What processes are told through their environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.settings import Settings
from infra.supervisor.environment import as_environment, for_processes


def complete(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        groundswell_home=tmp_path,
        kafka_bootstrap_servers="k:1",
        schema_registry_url="http://r",
        database_url="postgresql://d",
        redis_url="redis://r",
        artifacts_url="file:///a",
        api_key="the key",
        personal_data_secret="a secret that is long enough to be one",
        api_port=8123,
        teaser_multiple=5.0,
        generation_rules=tmp_path / "rules.toml",
        cors_origins=("https://a.example", "https://b.example"),
        trusted_proxies=(),
    )


def test_settings_survive_the_way_through_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = complete(tmp_path)
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == settings


def test_what_is_unset_stays_unset(tmp_path: Path) -> None:
    environment = as_environment(Settings(_env_file=None, groundswell_home=tmp_path))
    assert "TEASER_MULTIPLE" not in environment


def test_relative_paths_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        _env_file=None, groundswell_home=Path("h"), generation_rules=Path("rules.toml")
    )
    environment = as_environment(settings)
    assert environment["GROUNDSWELL_HOME"] == str(tmp_path / "h")
    assert environment["GENERATION_RULES"] == str(tmp_path / "rules.toml")


def test_polars_takes_two_threads_unless_told_otherwise(tmp_path: Path) -> None:
    settings = complete(tmp_path)
    assert for_processes(settings, {})["POLARS_MAX_THREADS"] == "2"
    assert for_processes(settings, {"POLARS_MAX_THREADS": "7"})["POLARS_MAX_THREADS"] == "7"
