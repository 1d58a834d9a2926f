"""Why somebody is not let in, or a wish about an account is not granted.

Rules of an account's state refuse with [`Refused`][streams.decisions.decider.Refused], whose codes
are listed at the decider.
"""

from __future__ import annotations

import datetime as dt


class IdentityError(Exception):
    """Base of what this package raises; its first docstring line is the default message."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class LoginRefused(IdentityError):
    """The e-mail address, the password or the code is wrong.

    Which of them is not said. A suspended account is refused so too.

    Attributes:
        locked_until: set where too many attempts failed: nothing is tried before then (UTC). An
            address that nobody registered is locked in the same way.
    """

    def __init__(self, message: str | None = None, locked_until: dt.datetime | None = None) -> None:
        super().__init__(message)
        self.locked_until = locked_until


class TwoFactorNeeded(IdentityError):
    """The password is right; a code is needed too: six digits, or a backup code."""


class NotVerified(IdentityError):
    """The password is right, but the e-mail address was not verified yet."""


class LinkRefused(IdentityError):
    """The provider's account cannot be joined to one here.

    Attributes:
        code: `email_unverified`: the provider does not vouch for the address; `two_factor`: an
            account here with that address has a second factor: its owner joins them, logged in;
            `linked`: another account of the provider is joined to it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SessionOver(IdentityError):
    """The session is over: log in again.

    Attributes:
        code: `reuse`: a refresh token was used twice, and the session was ended; `expired`;
            `invalid`: no such token, or the session has ended.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class TokenRefused(IdentityError):
    """The token of the e-mail is not valid: it was used, is too old, or never was one."""


class InvalidEmail(IdentityError):
    """This is no e-mail address."""


class PasswordRefused(IdentityError):
    """The password cannot be used; the message says why."""


class UnknownAccount(IdentityError, LookupError):
    """There is no such account."""
