"""What the search for patterns needs of the world outside, as small protocols."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from src.core.domain.market.bar import Bar
from src.core.domain.market.pattern_event import PatternChanges, PatternEvent, Span, Wanted


class Position(NamedTuple):
    """All bars up to a revision were looked at; `newest_ms` is the newest minute of the database then (epoch ms)."""

    revision: int
    newest_ms: int


class ChangedMinutes(NamedTuple):
    """Minutes of a symbol that changed, from the first to the last (epoch ms), and their newest revision; live ones are
    left out."""

    symbol: str
    from_ms: int
    to_ms: int
    revision: int


class Split(NamedTuple):
    """`split_from` shares became `split_to` on a New York date."""

    symbol: str
    date: dt.date
    split_from: float
    split_to: float


class PatternStore(Protocol):
    """Bars to look at, and the events found. Raises DatabaseUnavailableError while the database is away."""

    def position(self) -> Position | None: ...
    def remember(self, position: Position) -> None: ...
    def changed(
        self, since: Position, symbols: Sequence[str] | None = None
    ) -> tuple[Position, list[ChangedMinutes]] | None: ...
    def present(self) -> Position: ...
    def symbols_between(self, from_ms: int, to_ms: int) -> list[str]: ...
    def minutes(self, spans: Sequence[Span]) -> Mapping[str, list[Bar]]: ...
    def events(self, spans: Sequence[Span]) -> list[PatternEvent]: ...
    def write(self, events: Sequence[PatternEvent]) -> None: ...
    def splits(self, since: dt.date) -> list[Split]: ...
    def prune(self, before_ms: int) -> int: ...


class PatternReader(Protocol):
    """Events as pages read them. Raises DatabaseUnavailableError while the database is away."""

    def newest(self, wanted: Wanted, limit: int) -> list[PatternEvent]: ...
    def since(self, wanted: Wanted, since_ms: int, limit: int) -> list[PatternEvent]: ...
    def changes(self, wanted: Wanted, after: int, until: int, limit: int) -> PatternChanges: ...
