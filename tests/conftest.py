"""Fixtures for all tests; those that need servers are in `fix_servers`."""

from __future__ import annotations

from hypothesis import settings

# Times are never asserted: a busy machine is no bug.
settings.register_profile("groundswell", deadline=None, print_blob=True)
settings.load_profile("groundswell")

pytest_plugins = ["tests.fix_footage", "tests.fix_servers", "tests.fix_youtube"]
