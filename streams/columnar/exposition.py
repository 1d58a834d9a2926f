"""A worker's metrics over HTTP, for Prometheus and `groundswell status`."""

from __future__ import annotations

import structlog
from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"


def serve(registry: CollectorRegistry, port: int) -> None:
    """Serve `/metrics` on loopback, in a thread, for as long as the process lives.

    Where that cannot be, it is logged and the worker works on: nobody loses events for figures.

    Args:
        port: 0 is any free one; the log says which.
    """
    # A second series for each counter, of which nobody makes use.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        server, _ = start_http_server(port, LOOPBACK, registry)
    except OSError as error:
        log.error("metrics are not served", port=port, reason=str(error))
        return
    log.info("metrics", url=f"http://{LOOPBACK}:{server.server_port}/metrics")
