"""Looks the pinned set up among known vulnerabilities: `python -m tests.audit`, in `make lint`.

Asked is OSV (https://osv.dev), through pip-audit. Without a way to it nothing is known, and the
linter goes on: it says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

OSV = "https://api.osv.dev/v1/query"
LOCK = Path(__file__).parents[1] / "requirements.lock"
PROBE_SECONDS = 4.0
AUDIT_SECONDS = 45.0


def main() -> int:
    """Exit code 1 where something pinned is known to be vulnerable."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--osv-url", default=OSV)
    parser.add_argument("--seconds", type=float, default=AUDIT_SECONDS, help="for all of it")
    given = parser.parse_args()
    why = _unreachable(given.osv_url)
    if why is not None:
        return _skipped(why)
    try:
        asked = _ask(given.lock, given.osv_url, given.seconds)
    except subprocess.TimeoutExpired:
        return _skipped(f"no answer within {given.seconds:g} s")
    try:
        found = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        return _skipped(" ".join(asked.stderr.split())[-300:] or f"exit code {asked.returncode}")
    return _told(found)


def _unreachable(url: str) -> str | None:
    question = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "0"}
    try:
        httpx.post(url, json=question, timeout=PROBE_SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


def _ask(lock: Path, url: str, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock)]
    pinned = ["--require-hashes", "--disable-pip"]  # the lock has all there is: nothing to resolve
    service = ["--vulnerability-service", "osv", "--osv-url", url]
    shown = ["--format", "json", "--progress-spinner", "off"]
    return subprocess.run(
        [*command, *pinned, *service, *shown], capture_output=True, text=True, timeout=seconds
    )


def _told(found: list[dict[str, Any]]) -> int:
    wrong = [
        f"{one['name']} {one.get('version')}: {vulnerability['id']}"
        f" (mended in {', '.join(vulnerability['fix_versions']) or 'no version'})"
        for one in found
        for vulnerability in one.get("vulns", ())
    ]
    print("\n".join(wrong) if wrong else f"pip-audit: {len(found)} packages, nothing known of them")
    return 1 if wrong else 0


def _skipped(why: str) -> int:
    print(f"pip-audit was SKIPPED, nothing was looked up: {why}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
