"""HTTP as uvicorn speaks it, for clients that may never say what they want."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """Closes a connection if the headers of its next request take longer than it may be idle.

    uvicorn ends that time with the first byte that comes, so that one byte holds a connection for
    ever.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the time for the first request."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Take bytes; only whole headers end the time."""
        before, timer = self.cycle, self.timeout_keep_alive_task
        self.timeout_keep_alive_task = None
        super().data_received(data)
        if timer is None:
            return
        if self.cycle is before and self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = timer
        else:
            timer.cancel()
