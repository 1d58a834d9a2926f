"""Mail as files, for who has no mail server, and for what no mail server took."""

from __future__ import annotations

import datetime as dt
import os
import secrets
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path


class Outbox:
    """A folder of `.eml` files, which mail programs open. Only their owner can read them: the
    links in them are as good as a password.

    Args:
        folder: made when the first message comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, message: EmailMessage) -> Path:
        """Write a message; it is on disk, and whole, when this returns.

        Raises:
            OSError: the disk is full, or the folder is somebody else's.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        now = dt.datetime.now(dt.UTC)
        path = self.folder / f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}.eml"
        unfinished = path.with_suffix(".part")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(message.as_bytes(policy=SMTP))
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return path
