"""Second factors: codes of an authenticator (TOTP, RFC 6238), and backup codes."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import re
import secrets

import pyotp

STEP = 30  # seconds
WINDOW = 1  # steps before and after the present one, for clocks that are off
BACKUP_CODES = 10

_DIGITS = re.compile(r"[0-9]{6}")
_BACKUP = re.compile(r"[A-Z2-7]{10}")


def new_secret() -> str:
    """A random secret, Base32."""
    return pyotp.random_base32()


def uri(secret: str, account: str, issuer: str) -> str:
    """What a QR code carries to an authenticator."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=account, issuer_name=issuer)


def is_totp(code: str) -> bool:
    """Whether a code has the form of an authenticator's."""
    return _DIGITS.fullmatch(code) is not None


def step_of(secret: str, code: str, at: dt.datetime, last_step: int) -> int | None:
    """Which step's code that is; None: of none that may still be used.

    Args:
        last_step: of the newest code that was accepted: it and earlier ones are used up.
    """
    present = int(at.timestamp()) // STEP
    totp = pyotp.TOTP(secret, interval=STEP)
    found = [
        step
        for step in range(present - WINDOW, present + WINDOW + 1)
        if hmac.compare_digest(totp.generate_otp(step), code) and step > last_step
    ]
    return found[0] if found else None


def new_backup_codes(count: int = BACKUP_CODES) -> list[str]:
    """Random codes of 50 bits, `ABCDE-FGHIJ`."""
    codes = [base64.b32encode(secrets.token_bytes(7)).decode()[:10] for _ in range(count)]
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def backup_hash(key: bytes, user_id: str, code: str) -> bytes | None:
    """The keyed hash of a backup code, however it was typed; None: it has not the form of one.

    Args:
        key: without it a table of 50-bit codes could be searched.
    """
    plain = code.upper().replace("-", "").replace(" ", "")
    if _BACKUP.fullmatch(plain) is None:
        return None
    return hmac.digest(key, f"{user_id}/{plain}".encode(), "sha256")
