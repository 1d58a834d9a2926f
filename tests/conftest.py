"""Fixtures for all tests; those that need servers are in `fix_servers`."""

from __future__ import annotations

pytest_plugins = ["tests.fix_servers"]
