"""Which connection owns each ticker, and which one carries it now. Pure: no clock, no socket, no thread.

A ticker's **owner** is the connection that lists it. Its **carrier** is the connection that is subscribed to it: the
owner, unless that is down and another one stands in, or an administrator moved the ticker.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

# A connection takes no more tickers of others than fit below this. The vendor's plans name no limit; 3,000 topics of
# `A` and `AM` are some megabytes a minute, which one connection carries with room to spare.
TICKER_LIMIT = 1000
WHOLE_MARKET = "*"


class Move(NamedTuple):
    """A change of carrier."""

    ticker: str
    source: str
    target: str


class Assignment:
    """The books of tickers and connections. Not safe for threads: its owner serialises the calls.

    `connection_ids` are in the order of their numbers. Tickers keep the order in which they were listed.
    """

    def __init__(self, connection_ids: Sequence[str], ticker_limit: int = TICKER_LIMIT) -> None:
        self.ticker_limit = ticker_limit
        self._ids = tuple(connection_ids)
        self._owners: dict[str, str] = {}
        self._carriers: dict[str, str] = {}
        self._pins: dict[str, str] = {}  # where an administrator moved tickers to
        self.changes = 0  # of lists and wishes: while it and the connections are the same, `settle` changes nothing

    # -- what is listed ------------------------------------------------------------------------------------------

    def own(self, lists: Mapping[str, Iterable[str]]) -> None:
        """Takes the lists of all connections, in place of what was listed.

        A ticker that several list belongs to the lowest number. One that stays listed stays where it is carried; one
        that is new is at home.
        """
        self._owners = {}
        for connection_id in self._ids:
            for ticker in lists.get(connection_id, ()):
                self._owners.setdefault(ticker, connection_id)
        self._carriers = {ticker: self._carriers.get(ticker, owner) for ticker, owner in self._owners.items()}
        self._pins = {ticker: one for ticker, one in self._pins.items() if self._owners.get(ticker, one) != one}
        self.changes += 1

    def add(self, tickers: Iterable[str], able: Collection[str]) -> list[str]:
        """Gives each ticker that nobody owns to the connection of `able` that carries fewest; gives those tickers."""
        loads = self.loads()
        added = []
        for ticker in tickers:
            if ticker in self._owners:
                continue
            owner = min((one for one in self._ids if one in able), key=loads.__getitem__)
            self._owners[ticker] = self._carriers[ticker] = owner
            loads[owner] += 1
            added.append(ticker)
        self.changes += 1
        return added

    def remove(self, tickers: Iterable[str]) -> None:
        """Forgets tickers; those that are not listed change nothing."""
        for ticker in tickers:
            for book in (self._owners, self._carriers, self._pins):
                book.pop(ticker, None)
        self.changes += 1

    # -- who carries ---------------------------------------------------------------------------------------------

    def pin(self, ticker: str, connection_id: str) -> None:
        """An administrator's wish: from the next `settle` on `connection_id` carries the ticker, until it is lost."""
        self._pins[ticker] = connection_id
        if self._owners[ticker] == connection_id:
            del self._pins[ticker]
        self.changes += 1

    def settle(self, able: Collection[str], live: Collection[str]) -> list[Move]:
        """Finds a carrier for every ticker; gives what changed.

        `able` are the connections that keep what they carry and get back what is theirs; `live` those of them that are
        connected at this moment, and so can take what others lost. Among them the one that carries fewest takes the
        next ticker, up to the limit. Where none has room, or none is live, the ticker waits at its owner. The whole
        market (`*`) never moves.
        """
        self._pins = {ticker: target for ticker, target in self._pins.items() if target in able}
        wanted = {ticker: self._wanted(ticker, owner, able) for ticker, owner in self._owners.items()}
        loads = Counter(target for target in wanted.values() if target is not None)
        takers = [one for one in self._ids if one in live]
        moves = []
        for ticker, found in wanted.items():
            target = found or self._taker(takers, loads) or (self._owners if takers else self._carriers)[ticker]
            if found is None:
                loads[target] += 1
            if target != self._carriers[ticker]:
                moves.append(Move(ticker, self._carriers[ticker], target))
        self._carriers.update((move.ticker, move.target) for move in moves)
        return moves

    def _wanted(self, ticker: str, owner: str, able: Collection[str]) -> str | None:
        """Who is to carry the ticker; None when somebody has to be found."""
        if ticker == WHOLE_MARKET:
            return owner
        if ticker in self._pins:
            return self._pins[ticker]
        if owner in able:
            return owner
        carrier = self._carriers[ticker]
        return carrier if carrier in able else None

    def _taker(self, takers: Sequence[str], loads: Mapping[str, int]) -> str | None:
        roomy = [one for one in takers if loads[one] < self.ticker_limit]
        return min(roomy, key=loads.__getitem__, default=None)

    # -- what is -------------------------------------------------------------------------------------------------

    def tickers(self) -> list[str]:
        """All that are listed."""
        return list(self._owners)

    def owner(self, ticker: str) -> str | None:
        """Which connection lists the ticker."""
        return self._owners.get(ticker)

    def carrier(self, ticker: str) -> str | None:
        """Which connection carries the ticker now."""
        return self._carriers.get(ticker)

    def carried(self, connection_id: str) -> list[str]:
        """The tickers that a connection carries now."""
        return [ticker for ticker, carrier in self._carriers.items() if carrier == connection_id]

    def moved(self) -> dict[str, str]:
        """The tickers that are not with their owners, each with its owner."""
        return {ticker: owner for ticker, owner in self._owners.items() if self._carriers[ticker] != owner}

    def loads(self) -> Counter[str]:
        """How many tickers each connection carries."""
        return Counter(self._carriers.values())

    def owned(self) -> Counter[str]:
        """How many tickers each connection lists (those that a lower number lists too are not counted)."""
        return Counter(self._owners.values())
