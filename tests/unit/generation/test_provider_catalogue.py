from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from infra.settings import Settings
from streams.generation.providers.catalogue import configured


def settings(tmp_path: Path, **facts: Any) -> Settings:
    return Settings(_env_file=None, groundswell_home=tmp_path, **facts)


def test_without_a_key_there_is_only_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "RUNWAYML_API_SECRET", "REPLICATE_API_TOKEN"):
        monkeypatch.setenv(name, "a key that is meant for something else")
    assert list(configured(settings(tmp_path))) == ["local"]


def test_those_with_a_key_come_first(tmp_path: Path) -> None:
    found = configured(
        settings(
            tmp_path,
            openai_video_key=SecretStr("a"),
            openai_video_model="wan",
            replicate_video_key=SecretStr("b"),
            replicate_video_usd_per_second=0.5,
            runway_video_key=SecretStr(""),
        )
    )
    assert list(found) == ["replicate", "openai", "local"]
    assert {name: provider.name for name, provider in found.items()} == {n: n for n in found}
    assert found["openai"].model == "wan"
    assert found["replicate"].abilities.cost_usd(2.0) == 1.0


def test_keys_are_in_no_words_of_a_provider(tmp_path: Path) -> None:
    found = configured(settings(tmp_path, runway_video_key=SecretStr("sk-hidden")))
    provider: Any = found["runway"]
    assert "sk-hidden" not in repr(provider) + repr(provider._api.account)


def test_providers_are_told_where_to_call_back(tmp_path: Path) -> None:
    facts = settings(tmp_path, replicate_video_key=SecretStr("k"), runway_video_key=SecretStr("k"))
    found: dict[str, Any] = configured(facts, callback={"replicate": "https://us"}.get)
    assert found["replicate"]._api.account.callback == "https://us"
    assert found["runway"]._api.account.callback is None


def test_a_wrong_model_is_told_when_it_is_configured(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="RUNWAY_VIDEO_MODEL"):
        configured(
            settings(tmp_path, runway_video_key=SecretStr("k"), runway_video_model="gen-9000")
        )
