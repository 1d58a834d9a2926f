"""A sealed value: what stands in the log where a personal field was.

    ~1 base64url(reference of the key, nonce, ciphertext, tag)

AES-256-GCM under the person's own key. The nonce is made from what is sealed and where (HMAC-SHA256
under a subkey of the person's, as in SIV modes): equal values of a person in the same field are
equal when sealed, so that whoever counts, joins or groups by them gets the same figures; different
ones never share a nonce. The place (topic and field) is authenticated with the value.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schemas.personal.errors import TamperedError

MARK = "~1"  # "1" is the version of the form
KEY_BYTES = 32
REFERENCE_BYTES = 9  # no two of a billion persons are likely to meet; 12 characters exactly
NONCE_BYTES = 12
_TAG_BYTES = 16
_LEAST = -(-(REFERENCE_BYTES + NONCE_BYTES + 1 + _TAG_BYTES) * 4 // 3)  # of one byte, in Base64

# Of a value that was sealed, for expressions over frames.
PATTERN = rf"^{MARK}[A-Za-z0-9_-]{{{_LEAST},}}$"

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def is_sealed(text: str) -> bool:
    """Whether a value has the form of a sealed one."""
    return (
        text.startswith(MARK)
        and len(text) >= len(MARK) + _LEAST
        and _LETTERS.issuperset(text[len(MARK) :])
    )


def reference_of(text: str) -> bytes | None:
    """Which key a sealed value needs; None for text that was never sealed."""
    if not is_sealed(text):
        return None
    return base64.urlsafe_b64decode(text[len(MARK) : len(MARK) + REFERENCE_BYTES * 4 // 3])


def place_of(topic: str, name: str) -> bytes:
    """What is authenticated with a value: where it belongs."""
    return f"{topic}/{name}".encode()


def subkey(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose: the first 32 bytes of HKDF-Expand with SHA-256 (RFC 5869)."""
    return hmac.digest(key, purpose + b"\x01", "sha256")


@dataclass(frozen=True, slots=True, eq=False)
class PersonKey:
    """The key of one person.

    Attributes:
        reference: stands in every value sealed with it; random, and new for a person who comes
            back after having been forgotten.
        key: 32 random bytes.
    """

    reference: bytes
    key: bytes = field(repr=False)
    _cipher: AESGCM = field(init=False, repr=False)
    _nonces: bytes = field(init=False, repr=False)
    # The last value of each place: a viewer's id is the same in each of his events.
    _last: dict[bytes, tuple[str, str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cipher", AESGCM(subkey(self.key, b"values")))
        object.__setattr__(self, "_nonces", subkey(self.key, b"nonces"))

    def seal(self, place: bytes, value: str) -> str:
        """The sealed form of a value."""
        known = self._last.get(place)
        if known is not None and known[0] == value:
            return known[1]
        plain = value.encode()
        nonce = hmac.digest(self._nonces, place + b"\0" + plain, "sha256")[:NONCE_BYTES]
        sealed = self.reference + nonce + self._cipher.encrypt(nonce, plain, place)
        text = MARK + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
        self._last[place] = value, text
        return text

    def open(self, place: bytes, text: str) -> str:
        """The value of a sealed form.

        Raises:
            TamperedError: it was not sealed with this key at this place, or was changed since.
        """
        try:
            # Lenient Base64 would take two spellings for the same bytes.
            sealed = base64.urlsafe_b64decode(text[len(MARK) :] + "=" * (-len(text[2:]) % 4))
            if MARK + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != text:
                raise TamperedError("a sealed value is spelt in another way than it was sealed")
            start = REFERENCE_BYTES + NONCE_BYTES
            nonce = sealed[REFERENCE_BYTES:start]
            return self._cipher.decrypt(nonce, sealed[start:], place).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise TamperedError(
                f"a value of {place.decode()} was changed, or sealed for another place"
            ) from None
