"""What can be wrong with an event or with the place it comes from."""

from __future__ import annotations


class SchemaError(Exception):
    """Something about a schema or an event does not fit."""


class UnknownTopicError(SchemaError):
    """No topic of that name is in the catalogue."""


class UnknownSchemaError(SchemaError):
    """A record names a writer schema that the registry does not have."""


class UndecodableError(SchemaError):
    """The bytes are not what their writer schema says."""


class InvalidEventError(SchemaError):
    """An event does not fit its schema.

    Attributes:
        path: where in the event, dotted; empty for the event itself.
        reason: what is wrong there and what was expected.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


class IncompatibleSchemaError(SchemaError):
    """A changed schema could not read what was written with an older one."""
