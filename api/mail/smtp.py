"""A mail server, spoken to by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

from api.mail.errors import DeliveryError

TIMEOUT_SECONDS = 20.0  # of each step of a delivery
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail goes.

    Attributes:
        tls: from the first byte on (smtps).
        starttls: whether TLS must be asked for before anything is said. Without, whoever stands
            between could read the links; only on this machine, or where `?starttls=off` says that
            the network is one's own, it is left out.
        context: what certificates are judged by; the system's authorities where it is None.
    """

    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool
    starttls: bool
    context: ssl.SSLContext | None = None

    @classmethod
    def of(cls, url: str, context: ssl.SSLContext | None = None) -> Self:
        """The server that `SMTP_URL` names."""
        address = urlsplit(url)
        host = address.hostname or ""
        plain = host in _LOOPBACK or address.query == "starttls=off"
        return cls(
            host=host,
            port=address.port or _PORTS[address.scheme],
            user=unquote(address.username) if address.username else None,
            password=unquote(address.password) if address.password else None,
            tls=address.scheme == "smtps",
            starttls=address.scheme == "smtp" and not plain,
            context=context,
        )

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message over; the server has taken it when this returns.

        Raises:
            DeliveryError: it did not.
        """
        try:
            with self._connected() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted(code for code, _ in error.recipients.values())
            raise DeliveryError(
                f"{self.host} refused the recipient ({codes[0]})", final=codes[0] >= 500
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryError(
                f"{self.host} refused the user or password of SMTP_URL ({error.smtp_code})",
                final=False,
            ) from None
        except smtplib.SMTPResponseException as error:  # its text may repeat the address
            raise DeliveryError(
                f"{self.host} answered {error.smtp_code}", final=error.smtp_code >= 500
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(f"{self.host}: {error}", final=False) from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"{self.host}: {type(error).__name__}", final=False) from None

    def _connected(self) -> smtplib.SMTP:
        context = self.context or ssl.create_default_context()
        if self.tls:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT_SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo()
            if self.starttls:
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server
