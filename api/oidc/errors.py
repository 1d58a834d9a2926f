"""Why nobody is vouched for."""

from __future__ import annotations


class OidcError(Exception):
    """A provider vouches for nobody; the message is for a person, and repeats no token."""


class NotVouchedError(OidcError):
    """What came back proves nothing.

    Attributes:
        code: for a program: `state`, `denied`, `code` or `id_token`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ProviderAwayError(OidcError):
    """The provider does not answer, or not as OpenID Connect has it."""
