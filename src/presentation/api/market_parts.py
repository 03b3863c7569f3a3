"""What the answers about market state have in common: their head, figures as lists, and the reasons of absent ones."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from src.core.analytics.breadth import Moves, NewExtremes, Share
from src.core.services.market_state import MarketState

Body = dict[str, Any]


class Asked(NamedTuple):
    """What every question names: the universe's key, the parts of it that nothing is called, and the day as text."""

    universe: str
    unknown: tuple[str, ...]
    as_of: str | None


class Reasons:
    """Sentences, each told once; where a figure is absent its place in the list is told."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, sentence: str | None) -> int | None:
        """The place of a sentence; None where there is nothing to say."""
        return None if sentence is None else self._places.setdefault(sentence, len(self._places))

    def places(self, sentences: Iterable[tuple[str, str | None]]) -> dict[str, int]:
        """By figure, of those that have a reason."""
        found = ((name, self.place(sentence)) for name, sentence in sentences)
        return {name: place for name, place in found if place is not None}

    @property
    def sentences(self) -> list[str]:
        """All of them, in the order of their places."""
        return list(self._places)


def head(view: str, tag: str, asked: Asked, state: MarketState) -> Body:
    """Which symbols, of which time, and how much is known of them."""
    return {
        "view": view,
        "tag": tag,
        "universe": asked.universe,
        "members": len(state.symbols),
        "with_data": state.with_data,
        "unknown": list(asked.unknown),
        "as_of": asked.as_of,
        "date": None if state.date is None else state.date.isoformat(),
        "data_time": state.data_ms,
        "provisional": state.is_provisional,
        "calculated_at": state.calculated_ms,
        "days": state.days,
        "days_with_data": state.days_with_data,
        "notes": _notes(state),
    }


def told(values: NDArray[Any]) -> list[Any]:
    """As JSON has it; NaN, which is what is absent, becomes null in the encoder."""
    found: list[Any] = values.tolist()
    return found


def dates_told(dates: NDArray[np.datetime64]) -> list[str]:
    """As YYYY-MM-DD."""
    return [str(date) for date in dates]


def moves_told(moves: Moves, days: slice) -> Body:
    """Advancers, decliners and what is made of them."""
    names = ("advancers", "decliners", "unchanged", "counted", "up_volume", "down_volume", "unchanged_volume")
    return {name: told(getattr(moves, name)[days]) for name in (*names, "mean_change", "trin")}


def shares_told(shares: Mapping[int, Share], days: slice) -> Body:
    """By the bars of the average."""
    return {
        str(bars): {name: told(getattr(share, name)[days]) for name in ("above", "counted", "share")}
        for bars, share in shares.items()
    }


def extremes_told(extremes: Mapping[int, NewExtremes], days: slice) -> Body:
    """By the bars before."""
    return {
        str(bars): {name: told(getattr(new, name)[days]) for name in ("highs", "lows", "counted")}
        for bars, new in extremes.items()
    }


def sectors_told(state: MarketState) -> list[Body]:
    """How many members each sector has, by its name; those without one are in none."""
    counts = Counter(sector for symbol in state.symbols if (sector := state.sector(symbol)) is not None)
    return [{"sector": sector, "members": counts[sector]} for sector in sorted(counts)]


def named(state: MarketState, symbol: str) -> Body:
    """A symbol, its company's name and its sector."""
    return {"symbol": symbol, "name": state.described.names.get(symbol), "sector": state.sector(symbol)}


def newest(values: Any) -> float | int | None:
    """The last one; None where it is absent, or nothing is there."""
    return None if not len(values) or np.isnan(values[-1]) else values[-1].item()


def _notes(state: MarketState) -> list[str]:
    notes = []
    if not state.symbols:
        notes.append("The universe has no symbols of which anything is stored.")
    elif state.date is None:
        notes.append("No daily bar is stored of any of its symbols.")
    elif state.days_with_data < state.days:
        notes.append(f"Of the last {state.days} trading days {state.days_with_data} are stored.")
    if state.unsettled:
        notes.append(
            f"The day of {state.unsettled} symbols is made of their minutes; the vendor's own bar of it is not there."
        )
    return notes
