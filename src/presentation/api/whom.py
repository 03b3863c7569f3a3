"""Whom a request asks for: `symbol`, or `symbols` and a `universe` together."""

from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from src.core.domain.market.universe import hint
from src.core.ports import BarReader, Seen, Universes
from src.presentation.api.errors import ApiError, bad_parameter
from src.presentation.api.parameters import MAX_SYMBOLS, read_symbols, read_whole

# What ingestion listens to, under a name that no universe of the database can take from it.
LISTENING = "listening"
LAST_OFFSET = 1_000_000


class Asked(NamedTuple):
    """Symbols of the database, and what was asked for beside them; each once, in the order asked."""

    known: tuple[str, ...]
    unknown: list[str]


class Whom:
    """Reads the parameters of a request as symbols."""

    def __init__(self, reader: BarReader, universes: Universes) -> None:
        self._reader = reader
        self._universes = universes

    def read(
        self,
        arguments: MultiDict[str, str],
        seen: Seen,
        *,
        or_listening: bool = False,
        most: int = MAX_SYMBOLS,
        by_parts: bool = False,
    ) -> Asked:
        """Raises ApiError: bad_parameter, unknown_universe, or unknown_symbol when none of them is known.

        With `or_listening`, who names nobody gets what ingestion listens to. A universe has `most` symbols at most;
        where it may be asked for `by_parts`, these are the `most` from the parameter `offset` on.
        """
        names = read_symbols(arguments)
        key = arguments.get("universe", LISTENING if or_listening and not names else None)
        if key is None and not names:
            raise bad_parameter("Give symbol=AAPL, symbols=AAPL,MSFT, or universe=dow30.")
        if key is not None and "symbol" in arguments:
            raise bad_parameter("Give symbols=AAPL beside a universe, not symbol.")
        offset = read_offset(arguments, key) if by_parts else None
        members, missing = ([], []) if key is None else self._part(key, offset, most)
        known, unknown = self._reader.resolve([*members, *names], seen)
        if names and not known:
            listed = ", ".join(repr(name)[:60] for name in unknown[:5])
            raise ApiError(404, "unknown_symbol", f"No such symbol in the database: {listed}.")
        return Asked(tuple(known), [*missing, *unknown])

    def universe(self, key: str, seen: Seen, most: int) -> Asked:
        """The symbols of a universe that the database has, and the parts of its key and those of its symbols that it
        does not have. Raises ApiError: unknown_universe, or bad_parameter where it has more than `most` symbols."""
        members, missing = self._part(key, None, most)
        known, unknown = self._reader.resolve(members, seen)
        return Asked(tuple(known), [*missing, *unknown])

    def members(self, key: str, most: int) -> tuple[list[str], list[str]]:
        """The symbols of a universe, in order, and the parts of its key that do not exist; of what ingestion listens
        to, at most `most`. Raises ApiError: unknown_universe."""
        if key == LISTENING:
            return self._reader.universe(most), []
        universe = self._universes.resolve(key)
        if not universe.symbols and universe.unknown:
            help_ = hint(universe.unknown, [*self._universes.names(), LISTENING])
            raise ApiError(404, "unknown_universe", f"No universe is called {key!r:.60}. {help_}")
        return list(universe.symbols), list(universe.unknown)

    def _part(self, key: str, offset: int | None, most: int) -> tuple[list[str], list[str]]:
        """The symbols of a universe from `offset` on; None takes a universe of more than `most` for a mistake."""
        start = offset or 0
        members, missing = self.members(key, start + most)
        if len(members) > most and offset is None:
            raise bad_parameter(f"The universe {key:.60} has {len(members)} symbols; allowed are {most}.")
        return members[start : start + most], missing


def read_offset(arguments: MultiDict[str, str], key: str | None) -> int | None:
    """Where in the universe `key` to begin; None without `offset`."""
    if "offset" not in arguments:
        return None
    if key is None:
        raise bad_parameter("offset says where in a universe to begin; give universe=dow30 beside it.")
    return read_whole(arguments, "offset", 0, LAST_OFFSET)
