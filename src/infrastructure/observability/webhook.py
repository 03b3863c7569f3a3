"""Messages to a webhook, and the memory of what was told. The address is a secret: no error names it."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from src.core.errors import MessageRefusedError, MessageUndeliveredError

logger = logging.getLogger(__name__)

_TIMEOUT = urllib3.Timeout(connect=5, read=5)
# Statuses of refusals that pass: time-outs and rate limits.
_PASSING = (408, 425, 429)


class Webhook:
    """Posts JSON to one address. Follows no redirect, since the message is for nobody else."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def post(self, body: Mapping[str, Any]) -> None:
        """Returns when it was taken (a status of 2xx).

        MessageUndeliveredError when it may be taken later: no connection, no answer in 5 s, 408, 425, 429 or 5xx;
        MessageRefusedError for any other status, or an address that cannot be used.
        """
        try:
            answer = self._pool.request("POST", self._url, json=dict(body), preload_content=False)
            answer.close()  # its words are of no interest, and could be many
        except LocationParseError:
            raise MessageRefusedError("Its address cannot be used.") from None
        except (HTTPError, OSError) as error:  # whose texts hold the address
            raise MessageUndeliveredError(f"It could not be reached ({type(error).__name__}).") from None
        if answer.status >= 500 or answer.status in _PASSING:
            raise MessageUndeliveredError(f"It answered {answer.status}.")
        if not 200 <= answer.status < 300:
            raise MessageRefusedError(f"It answered {answer.status}.")


class AlertFile:
    """Remembers over restarts which outage was told, in a small file: the database may be what is away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stopped_ms(self) -> int | None:
        """Since when (epoch ms) bars have stopped, if that was told; None without an outage."""
        try:
            since_ms = json.loads(self._path.read_text(encoding="utf-8"))["since"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return since_ms if isinstance(since_ms, int) else None

    def remember(self, stopped_ms: int | None) -> None:
        """Keeps it; without the file the worst is a message too many after a restart."""
        try:
            if stopped_ms is None:
                self._path.unlink(missing_ok=True)
            else:
                self._path.write_text(json.dumps({"event": "bars_stopped", "since": stopped_ms}), encoding="utf-8")
        except OSError as error:
            logger.warning("What the webhook was told could not be kept in %s (%s).", self._path.name, error.strerror)
