"""Why mail does not arrive."""

from __future__ import annotations


class DeliveryError(Exception):
    """The mail server did not take a message. Its text names no person: it is logged.

    Attributes:
        final: whether trying again is of no use.
    """

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final
