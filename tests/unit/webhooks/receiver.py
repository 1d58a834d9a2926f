"""A receiver of webhooks on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Got(NamedTuple):
    """A request; header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers with the statuses it is told, then with 204.

    Attributes:
        location: of every answer.
        hang: seconds before each answer.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.got: list[Got] = []
        self.statuses: list[int] = []
        self.location = ""
        self.hang = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Got(self.path, headers, body))
            time.sleep(receiver.hang)
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *arguments: Any) -> None:
            """A sender that hangs up is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
