"""Avro's variable-length integers, one at a time."""

from __future__ import annotations


def zigzag(number: int) -> bytes:
    """Avro's encoding of an int or a long."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
