"""Universes: named lists of symbols, and keys that name one or the union of several."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

GROUP_TYPES = ("UNIVERSE", "ETF", "SECTOR", "THEME", "SEGMENT", "CUSTOM")
_SEPARATOR = ":"


class Universe(NamedTuple):
    """What a key stands for: its symbols, each once and in order, and the parts of the key that nothing is called."""

    symbols: tuple[str, ...]
    unknown: tuple[str, ...]


def union(key: str, names: Collection[str], members: Callable[[str], Iterable[str]]) -> Universe:
    """The universe of `key` when `names` exist and `members` gives the symbols of each.

    A key that is itself a name is that one alone. Otherwise it is a union, its parts separated by colons; since a name
    may hold colons too, the longest name from the left wins (`SPY:market_leaders:top_100` is SPY and
    market_leaders:top_100).
    """
    symbols: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for part in _parts(key, names):
        if part in names:
            symbols.update(dict.fromkeys(members(part)))
        else:
            unknown[part] = None
    return Universe(tuple(symbols), tuple(unknown))


def _parts(key: str, names: Collection[str]) -> list[str]:
    """The key's names, in order and each once; a piece between colons that begins none stands alone."""
    pieces = key.split(_SEPARATOR)
    longest = max((name.count(_SEPARATOR) for name in names), default=0) + 1
    parts: dict[str, None] = {}
    start = 0
    while start < len(pieces):
        candidates = (_SEPARATOR.join(pieces[start:end]) for end in range(start + longest, start, -1))
        part = next((name for name in candidates if name in names), pieces[start])
        parts[part] = None
        start += part.count(_SEPARATOR) + 1
    return list(parts)
