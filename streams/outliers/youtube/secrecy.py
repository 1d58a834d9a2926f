"""The key stands in every address that is asked: it is kept out of what libraries log."""

from __future__ import annotations

import logging

HIDDEN = "***"

# Each logs addresses: the Data API's library at DEBUG, the HTTP client at INFO.
_LOGGERS = ("googleapiclient.discovery", "googleapiclient.http", "googleapiclient.model", "httpx")


def hide(key: str) -> None:
    """From now on, show `***` for the key in those libraries' log records."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _Hides) and one.key == key for one in logger.filters):
            logger.addFilter(_Hides(key))


class _Hides(logging.Filter):
    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if self.key in text:
            record.msg, record.args = text.replace(self.key, HIDDEN), ()
        return True
