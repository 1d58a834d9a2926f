"""How texts of requests are written, said in their schemas as their validators hold it."""

from __future__ import annotations

from typing import Any

# Not all blanks, and no NUL, which no table can hold.
NOT_BLANK: dict[str, Any] = {"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"}

# A part of what streams.webhooks.addresses takes: hosts by name or IPv4, ports of four digits.
WEBHOOK: dict[str, Any] = {
    "pattern": r"^https?://[A-Za-z0-9.-]+(:[1-9][0-9]{0,3})?([/?#][!-?A-\[\]-~]*)?$"
}
