"""Carries mail behind the answers' back: a slow mail server holds up no request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from email.message import EmailMessage
from typing import Self

import structlog

from api.mail.errors import DeliveryError
from api.mail.outbox import Outbox
from api.mail.smtp import SmtpServer
from infra.settings import Settings

PAUSES_SECONDS = (2.0, 10.0, 60.0)  # before the second try and those after it
KEEP_SECONDS = 30.0  # that it waits for files, on a disk that is busy
CLOSE_SECONDS = 2.0  # that an end waits for mail that is being handed over
MOST_WAITING = 1_000  # messages in memory; more come where a mail server hangs under an attack
CARRIERS = 2  # messages on their way at once

log = structlog.get_logger()


class Postman:
    """Delivers messages in threads, with further tries. What cannot be delivered, and what still
    waits when the process ends, goes into the outbox: nothing is lost without a line in the log.

    Args:
        deliver: hands a message to the mail server; None where there is none: all mail goes
            into the outbox, where it is meant to be.
        pauses: seconds between tries.
    """

    def __init__(
        self,
        deliver: Callable[[EmailMessage], None] | None,
        outbox: Outbox,
        *,
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._deliver = deliver
        self._outbox = outbox
        self._pauses = pauses
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._carried: dict[int, EmailMessage] = {}
        self._open: set[Future[None]] = set()
        self._threads = ThreadPoolExecutor(CARRIERS, "mail")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The one that the settings want."""
        url = settings.smtp_url
        deliver = None if url is None else SmtpServer.of(url.get_secret_value()).deliver
        return cls(deliver, Outbox(settings.home / "outbox"))

    def send(self, message: EmailMessage) -> None:
        """Take a message; this does not wait for anybody."""
        with self._lock:
            if len(self._carried) < MOST_WAITING:
                self._carried[id(message)] = message
                carried = self._threads.submit(self._carry, message)
                self._open.add(carried)
                carried.add_done_callback(self._open.discard)
                return
        log.error("mail was dropped: too much of it waits for the mail server")

    def close(self) -> None:
        """Let what is being handed over end, for a moment; the rest goes into the outbox."""
        self._ends.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        # Also for what a thread has taken already, and is still writing.
        wait(self._open.copy(), KEEP_SECONDS if self._deliver is None else CLOSE_SECONDS)
        with self._lock:
            left = list(self._carried.values())
        for message in left:
            self._keep(message, "the process ended")

    def _carry(self, message: EmailMessage) -> None:
        if self._deliver is None:
            self._keep(message)
        elif (why := self._tried(self._deliver, message)) is not None:
            self._keep(message, why)
        else:
            self._is_mine(message)

    def _tried(self, deliver: Callable[[EmailMessage], None], message: EmailMessage) -> str | None:
        """Why it could not be delivered; None when it was."""
        why = "the process ended"
        for pause in (*self._pauses, 0.0):
            if self._ends.is_set():
                return why
            try:
                deliver(message)
            except DeliveryError as error:
                why = str(error)
                if error.final:
                    return why
                log.warning("mail was not taken", why=why)
            except Exception as error:  # its text may name the person
                return type(error).__name__
            else:
                return None
            self._ends.wait(pause)
        return why

    def _keep(self, message: EmailMessage, why: str | None = None) -> None:
        """Put a message into the outbox, unless somebody has seen to it already."""
        if not self._is_mine(message):
            return
        try:
            path = str(self._outbox.put(message))
        except OSError as error:
            log.error("mail is lost", error=type(error).__name__, why=str(error))
            return
        if why is None:
            log.info("mail is in the outbox: SMTP_URL is not set", path=path)
        else:
            log.warning("mail could not be sent; it is in the outbox", path=path, why=why)

    def _is_mine(self, message: EmailMessage) -> bool:
        with self._lock:
            return self._carried.pop(id(message), None) is not None
