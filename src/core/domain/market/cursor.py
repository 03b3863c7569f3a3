"""Where a reader of changes stands: a database, a revision of it, and how far that revision was delivered."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Self

from src.core.domain.market.bar import Bar

_TEXT = re.compile(r"([0-9a-f]{32})\.([0-9]{1,18})\.([0-9]{1,15})(?:\.([0-9]{1,15})\.([!-~]{1,20}))?")


class Cursor(NamedTuple):
    """All bars up to `revision` were delivered; with `after` of `revision` itself only those up to that key.

    `newest_ms` is the newest minute (epoch ms) of the database then, or earlier: what changed since then and is not
    noted in `bar_changes` is no older than 20 minutes before it. `database_id` has 32 hexadecimal digits.
    """

    database_id: str
    revision: int
    newest_ms: int
    after: tuple[int, str] | None = None  # (timestamp, symbol)

    def encode(self) -> str:
        """As a text for URLs, opaque to those who send it back."""
        place = "" if self.after is None else f".{self.after[0]}.{self.after[1]}"
        return f"{self.database_id}.{self.revision}.{self.newest_ms}{place}"

    @classmethod
    def decode(cls, text: str) -> Self | None:
        """The cursor of a text that `encode` gave; None for any other text."""
        match = _TEXT.fullmatch(text)
        if match is None:
            return None
        after = None if match[4] is None else (int(match[4]), match[5])
        return cls(match[1], int(match[2]), int(match[3]), after)


class Changes(NamedTuple):
    """Bars by time, then symbol, that were created or revised since a cursor, and the cursor behind them.

    `more` says that the answer was cut: the cursor does not pass what was not delivered.
    """

    bars: list[Bar]
    cursor: Cursor
    more: bool


def cut(found: Sequence[tuple[int, Bar]], start: Cursor, end: Cursor, limit: int, most: int) -> Changes:
    """What to deliver of `found`, the changes from `start` on as (revision, bar) in order of revision, time, symbol.

    At most `limit` bars of a symbol and `most` altogether; `end` is the cursor behind all of them.
    """
    counts: dict[str, int] = {}
    for place, (_revision, bar) in enumerate(found):
        counts[bar.symbol] = counts.get(bar.symbol, 0) + 1
        if place == most or counts[bar.symbol] > limit:
            last_revision, last = found[place - 1]
            cursor = start._replace(revision=last_revision, after=(last.timestamp, last.symbol))
            return Changes(_ordered(found[:place]), cursor, True)
    return Changes(_ordered(found), end, False)


def _ordered(found: Sequence[tuple[int, Bar]]) -> list[Bar]:
    return sorted((bar for _revision, bar in found), key=lambda bar: (bar.timestamp, bar.symbol))
