"""The page of settings is the settings."""

from __future__ import annotations

from infra.settings import Settings
from infra.settings_page import PAGE, page


def test_the_page_lists_every_setting_as_it_is() -> None:
    assert PAGE.read_text() == page()


def test_every_setting_says_what_it_does() -> None:
    assert all(field.description for field in Settings.model_fields.values())
