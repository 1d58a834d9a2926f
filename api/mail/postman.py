"""Carries mail behind the answers' back: a slow mail server holds up no request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Self

import structlog

from api.mail.errors import DeliveryError
from api.mail.outbox import Outbox
from api.mail.smtp import SmtpServer
from infra.settings import Settings

PAUSES_SECONDS = (2.0, 10.0, 60.0)  # before the second try and those after it
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
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._threads = ThreadPoolExecutor(CARRIERS, "mail")

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The one that the settings want."""
        url = settings.smtp_url
        deliver = None if url is None else SmtpServer.of(url.get_secret_value()).deliver
        return cls(deliver, Outbox(settings.home / "outbox"))

    def send(self, message: EmailMessage) -> None:
        """Take a message; this does not wait for anybody."""
        if not self._room.acquire(blocking=False):
            log.error("mail was dropped: too much of it waits for the mail server")
            return
        self._threads.submit(self._carry, message)

    def close(self) -> None:
        """Let what is on its way end; the rest goes into the outbox."""
        self._ends.set()
        self._threads.shutdown(wait=True)

    def _carry(self, message: EmailMessage) -> None:
        try:
            if self._deliver is None:
                self._put(message, "mail is in the outbox: SMTP_URL is not set")
            elif (why := self._tried(self._deliver, message)) is not None:
                self._put(message, "mail could not be sent; it is in the outbox", why=why)
        except Exception as error:  # a thread of an executor would keep it to itself
            log.error("mail is lost", error=type(error).__name__, why=str(error))
        finally:
            self._room.release()

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
            else:
                return None
            self._ends.wait(pause)
        return why

    def _put(self, message: EmailMessage, said: str, **facts: str) -> None:
        path = self._outbox.put(message)
        tell = log.warning if facts else log.info
        tell(said, path=str(path), **facts)
