"""Whom a request asks for: `symbol`, or `symbols` and a `universe` together."""

from typing import NamedTuple

from werkzeug.datastructures import MultiDict

from src.core.domain.market.universe import hint
from src.core.ports import BarReader, Seen, Universes
from src.presentation.api.errors import ApiError, bad_parameter
from src.presentation.api.parameters import MAX_SYMBOLS, read_symbols

# What ingestion listens to, under a name that no universe of the database can take from it.
LISTENING = "listening"


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
        self, arguments: MultiDict[str, str], seen: Seen, *, or_listening: bool = False, most: int = MAX_SYMBOLS
    ) -> Asked:
        """Raises ApiError: bad_parameter, unknown_universe, or unknown_symbol when none of them is known.

        With `or_listening`, who names nobody gets what ingestion listens to. A universe has `most` symbols at most.
        """
        names = read_symbols(arguments)
        key = arguments.get("universe", LISTENING if or_listening and not names else None)
        if key is None and not names:
            raise bad_parameter("Give symbol=AAPL, symbols=AAPL,MSFT, or universe=dow30.")
        if key is not None and "symbol" in arguments:
            raise bad_parameter("Give symbols=AAPL beside a universe, not symbol.")
        members, missing = ([], []) if key is None else self._members(key, most)
        known, unknown = self._reader.resolve([*members, *names], seen)
        if names and not known:
            listed = ", ".join(repr(name)[:60] for name in unknown[:5])
            raise ApiError(404, "unknown_symbol", f"No such symbol in the database: {listed}.")
        return Asked(tuple(known), [*missing, *unknown])

    def _members(self, key: str, most: int) -> tuple[list[str], list[str]]:
        """The symbols of a universe, at most `most`, and the parts of its key that do not exist."""
        if key == LISTENING:
            return self._reader.universe(most), []
        universe = self._universes.resolve(key)
        if not universe.symbols and universe.unknown:
            help_ = hint(universe.unknown, [*self._universes.names(), LISTENING])
            raise ApiError(404, "unknown_universe", f"No universe is called {key!r:.60}. {help_}")
        if len(universe.symbols) > most:
            raise bad_parameter(f"The universe {key:.60} has {len(universe.symbols)} symbols; allowed are {most}.")
        return list(universe.symbols), list(universe.unknown)
