"""What accounts' holders are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

VERIFY_PAGE = "/account/verify-email"
RESET_PAGE = "/account/reset-password"

_VERIFY = """Hello,

somebody, probably you, has made an account at {base} with this e-mail address.
To confirm that the address is yours, open

{link}

or send the code to POST /api/v1/auth/verify-email:

{token}

It can be used once. If it was not you, do nothing: without it nobody can sign in.
"""
_RESET = """Hello,

somebody, probably you, wants to set a new password for the account at {base}
that has this e-mail address. To choose one, open

{link}

or send the code to POST /api/v1/auth/password/reset:

{token}

It can be used once, and soon expires. If it was not you, do nothing: your password stays.
"""
_TAKEN = """Hello,

somebody, probably you, wanted to make an account at {base} with this e-mail address.
There is one already, so nothing was made and nothing has changed. If you do not know
the password any more, ask for a new one with POST /api/v1/auth/password/forgot.
"""


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes mail. It goes to the one spelling of an address that accounts have: of two that come
    to the same, the other may be somebody else's mailbox.

    Attributes:
        sender: `MAIL_FROM`.
        base: the address that people reach the API at, without a slash at its end.
    """

    sender: str
    base: str

    def verification(self, to: str, token: str) -> EmailMessage:
        """How to show that an address is one's own."""
        text = _VERIFY.format(base=self.base, link=self._link(VERIFY_PAGE, token), token=token)
        return self._letter(to, "Confirm your e-mail address", text)

    def reset(self, to: str, token: str) -> EmailMessage:
        """How to choose another password."""
        text = _RESET.format(base=self.base, link=self._link(RESET_PAGE, token), token=token)
        return self._letter(to, "Choose a new password", text)

    def taken(self, to: str) -> EmailMessage:
        """That there is an account already. The API says nothing of it: anybody may ask it."""
        return self._letter(to, "You have an account already", _TAKEN.format(base=self.base))

    def _link(self, page: str, token: str) -> str:
        # Behind the #, so that no server, proxy or referrer ever gets it.
        return f"{self.base}{page}#{token}"

    def _letter(self, to: str, subject: str, text: str) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self.sender
        letter["To"] = to
        letter["Subject"] = f"Groundswell: {subject}"
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = make_msgid(domain=parseaddr(self.sender)[1].rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answers from holidays
        letter.set_content(text)
        return letter
