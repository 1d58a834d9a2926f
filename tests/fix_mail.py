"""Mail servers for tests."""

from __future__ import annotations

from aiosmtpd.controller import Controller


class OnAnyPort(Controller):
    """A mail server on a free port: it looks for its first client's port once it has one."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
