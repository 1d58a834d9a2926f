"""What can be wrong with sealed values and with the keys to them."""

from __future__ import annotations


class PersonalDataError(Exception):
    """Personal fields cannot be sealed or opened; the message says why."""


class NoSealerError(PersonalDataError):
    """Somebody without keys was about to publish personal fields in plain."""


class WrongSecretError(PersonalDataError):
    """The secret is not the one that the keys of persons are sealed with."""


class TamperedError(PersonalDataError):
    """A sealed value, or a stored key, is not what was sealed: changed, cut, or put elsewhere."""
