"""Fixtures for all tests; those that need servers are in `fix_servers`."""

from __future__ import annotations

import os

from hypothesis import settings

# Times are never asserted: a busy machine is no bug. Each run draws other examples, so that few a
# run find what many in one run would, some runs later; `make test-slow` draws many.
settings.register_profile("groundswell", deadline=None, print_blob=True, max_examples=25)
settings.register_profile("thorough", deadline=None, print_blob=True, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "groundswell"))

pytest_plugins = ["tests.fix_footage", "tests.fix_servers", "tests.fix_youtube"]
