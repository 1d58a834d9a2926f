"""A stream of server-sent events as a response, whose reader is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.responses import StreamingResponse
from starlette.types import Send

SEND_SECONDS = 20.0  # for one update, before a listener that does not read is let go


class EventStream(StreamingResponse):
    """Sends until the stream ends, or its reader takes nothing for `SEND_SECONDS`.

    Args:
        stream: text of events; a `TimeoutError` is thrown into it when its reader is let go.
    """

    media_type = "text/event-stream"

    def __init__(self, stream: AsyncGenerator[str]) -> None:
        # A proxy that gathers before it passes on would turn live into late.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(stream, headers=headers)
        self._stream = stream

    async def stream_response(self, send: Send) -> None:
        """Send the answer."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        async with aclosing(self._stream):
            async for text in self._stream:
                body = {"type": "http.response.body", "body": text.encode(), "more_body": True}
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await send(body)
                except TimeoutError:
                    with suppress(StopAsyncIteration):
                        await self._stream.athrow(TimeoutError())
                    return  # and the server closes what was not ended
        await send({"type": "http.response.body", "body": b"", "more_body": False})
