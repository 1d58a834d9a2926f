"""`make lint`'s look at known vulnerabilities: told, passed, or skipped and said so."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

LEAKY, SOUND = "leaky", "sound"
ADVISORY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-0001"],
    "summary": "It leaks.",
    "details": "It leaks.",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": LEAKY, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    """Knows one thing, of one package."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        leaky = asked["package"]["name"] == LEAKY
        body = json.dumps({"vulns": [ADVISORY]} if leaky else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def advisories() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Advisories) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def audit(folder: Path, url: str, package: str) -> subprocess.CompletedProcess[str]:
    lock = folder / "requirements.lock"
    lock.write_text(f"{package}==1.0.0 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "tests.audit", "--lock", str(lock), "--osv-url", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_known_vulnerability_fails(tmp_path: Path, advisories: str) -> None:
    done = audit(tmp_path, advisories, LEAKY)
    assert done.returncode == 1, done.stderr
    assert "leaky 1.0.0: CVE-2026-0001 (mended in 1.0.1)" in done.stdout


def test_nothing_known_passes(tmp_path: Path, advisories: str) -> None:
    done = audit(tmp_path, advisories, SOUND)
    assert (done.returncode, done.stdout) == (
        0,
        "pip-audit: 1 packages, nothing known of them\n",
    )


def test_without_the_service_it_is_skipped_and_says_so(tmp_path: Path) -> None:
    done = audit(tmp_path, "http://127.0.0.1:1/v1/query", LEAKY)
    assert done.returncode == 0
    assert "SKIPPED" in done.stderr
