"""Universes: named lists of symbols, and keys that name one or the union of several."""

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

GROUP_TYPES = ("UNIVERSE", "ETF", "SECTOR", "THEME", "SEGMENT", "CUSTOM")
_SEPARATOR = ":"
_MOST_NAMED = 30
_MOST_HELPED = 5  # unknown parts of a key


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
    for part in parts_of(key, names):
        if part in names:
            symbols.update(dict.fromkeys(members(part)))
        else:
            unknown[part] = None
    return Universe(tuple(symbols), tuple(unknown))


def parts_of(key: str, names: Collection[str]) -> list[str]:
    """The names that a key is made of, in order and each once; a piece between colons that begins none stands alone."""
    if key in names:
        return [key]
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


def near(typed: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names that may be meant by one that does not exist, the likeliest first: alike but for case and marks
    (`S&P 500` is not far from sp500), beginning alike, or spelled alike."""
    plain = _plain(typed)
    if not plain:
        return []
    by_plain: dict[str, list[str]] = {}
    for name in sorted(names):
        by_plain.setdefault(_plain(name), []).append(name)
    begun = [one for one in by_plain if one and min(len(one), len(plain)) > 2 and _begin_alike(one, plain)]
    alike = difflib.get_close_matches(plain, by_plain, n=most)
    found = dict.fromkeys([*([plain] if plain in by_plain else []), *sorted(begun, key=len), *alike])
    return [name for one in found for name in by_plain[one]][:most]


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold()[:80] if character.isalnum())


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def hint(unknown: Iterable[str], names: Sequence[str]) -> str:
    """The sentence that helps who named universes that do not exist: what may be meant, else what there is."""
    meant = dict.fromkeys(name for part in islice(unknown, _MOST_HELPED) for name in near(part, names))
    if meant:
        return f"Did you mean {' or '.join(list(meant)[:3])}?"
    return f"There are {', '.join(names[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else '.'}"
