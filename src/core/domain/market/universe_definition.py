"""A universe as people define it, and what a change of it comes to."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from src.core.domain.market.universe import GROUP_TYPES, parts_of
from src.core.errors import UniverseError

MOST_MEMBERS = 50_000
LONGEST_DESCRIPTION = 500
_MOST_NAMED = 8
# Names with a meaning of their own: what is listened to, whatever it is.
RESERVED_NAMES = ("listening", "fallback")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._&+\-]{0,47}(:[A-Za-z0-9][A-Za-z0-9 ._&+\-]{0,47}){0,3}")


class Member(NamedTuple):
    """A symbol as the feed spells it; `weight` is what the source says, in its unit, None where it says none."""

    symbol: str
    weight: float | None = None


class Definition(NamedTuple):
    """A universe: `type` is one of GROUP_TYPES, `description` one line; the members are in order, each symbol once."""

    name: str
    type: str
    description: str
    members: tuple[Member, ...]

    @property
    def symbols(self) -> list[str]:
        """The members' symbols, in order."""
        return [member.symbol for member in self.members]


class SymbolFacts(NamedTuple):
    """What is told of a symbol; None where unknown. `type` is as the vendor's reference data spell it (CS, ETF)."""

    name: str | None
    type: str | None
    exchange: str | None
    sector: str | None
    active: bool


class UniverseBook(NamedTuple):
    """All universes as of one moment: groups, and entries of older installations, which win over groups of their names;
    the symbols that are known; what the ingesting half listens to, and what came of the last refresh of the symbols,
    None before the first one."""

    groups: Mapping[str, Definition]
    entries: Mapping[str, tuple[str, ...]]
    symbols: Mapping[str, SymbolFacts]
    listening: Mapping[str, Any] | None
    refreshed: Mapping[str, Any] | None


class UniverseEdit(NamedTuple):
    """A group as it is to become; None: it is to go."""

    name: str
    after: Definition | None


class Difference(NamedTuple):
    """What a change of one universe comes to; symbols in order. `reordered` is of those that stay."""

    name: str
    is_new: bool
    is_gone: bool
    added: tuple[str, ...]
    removed: tuple[str, ...]
    reweighted: tuple[str, ...]
    reordered: bool
    described: bool  # type or description differ

    @property
    def is_nothing(self) -> bool:
        """Whether both are the same."""
        return not any(self[1:])


def difference(name: str, before: Definition | None, after: Definition | None) -> Difference:
    """What makes `after` of `before`; None is a universe that is not there."""
    old, new = _weights(before), _weights(after)
    stay = [symbol for symbol in old if symbol in new]
    return Difference(
        name,
        before is None and after is not None,
        before is not None and after is None,
        tuple(symbol for symbol in new if symbol not in old),
        tuple(symbol for symbol in old if symbol not in new),
        tuple(symbol for symbol in stay if old[symbol] != new[symbol]),
        stay != [symbol for symbol in new if symbol in old],
        before is not None and after is not None and before[1:3] != after[1:3],
    )


def _weights(definition: Definition | None) -> Mapping[str, float | None]:
    return {} if definition is None else dict(definition.members)


def words(one: Difference) -> str:
    """A difference as a sentence for people."""
    if one.is_nothing:
        return f"{one.name} stays as it is."
    if one.is_gone:
        return f"{one.name} is removed; it had {count(len(one.removed))}."
    parts = [
        *([f"is new, with {count(len(one.added))}"] if one.is_new else []),
        *([f"gets {named(one.added)}"] if one.added and not one.is_new else []),
        *([f"loses {named(one.removed)}"] if one.removed else []),
        *([f"weighs {named(one.reweighted)} anew"] if one.reweighted else []),
        *(["has another order"] if one.reordered else []),
        *(["has another type or description"] if one.described else []),
    ]
    return f"{one.name} {', '.join(parts)}."


def count(symbols: int) -> str:
    """So many symbols, in words."""
    return f"{symbols:,} symbol{'' if symbols == 1 else 's'}"


def named(symbols: Sequence[str]) -> str:
    """Symbols by name, of many the first and how many they are."""
    if len(symbols) <= _MOST_NAMED:
        return ", ".join(symbols)
    return f"{', '.join(symbols[:_MOST_NAMED])} and {len(symbols) - _MOST_NAMED:,} more"


def merged(before: Definition, added: Iterable[Member]) -> Definition:
    """A universe with members added at its end; those that it has get the weights that are told."""
    members = dict(before.members)
    for symbol, weight in added:
        members[symbol] = members.get(symbol) if weight is None else weight
    return before._replace(members=tuple(Member(*item) for item in members.items()))


def check_new_name(name: str, names: Collection[str]) -> str:
    """The name of a universe that is to be made beside those of `names`; UniverseError says what is wrong with it."""
    if name in RESERVED_NAMES:
        raise UniverseError(f"{name} has a meaning of its own; choose another name for the universe.")
    if _NAME.fullmatch(name) is None:
        raise UniverseError(
            f"{name!r:.60} cannot be the name of a universe: allowed are letters, digits, blanks and . _ & + - (at "
            "most 48, beginning with a letter or digit), and up to three colons between such parts."
        )
    alike = [one for one in names if one.casefold() == name.casefold()]
    if alike:
        raise UniverseError(f"There is {alike[0]} already, which differs by case alone; choose another name.")
    parts = parts_of(name, names)
    if len(parts) > 1 and all(part in names for part in parts):
        raise UniverseError(
            f"{name} means the universes {' and '.join(parts)} together; one of that name would hide it. Choose "
            "another name."
        )
    return name


def check_type(text: str) -> str:
    """A type of universe, in any case; UniverseError names those that there are."""
    if text.strip().upper() not in GROUP_TYPES:
        raise UniverseError(f"{text!r:.40} is not a type of universe; there are {', '.join(GROUP_TYPES)}.")
    return text.strip().upper()


def one_line(text: str | None) -> str:
    """A description as it is kept: one line, without what no database takes as text (NUL, halves of surrogates)."""
    kept = (text or "").encode("utf-8", "ignore").decode().replace("\0", "")
    return " ".join(kept.split())[:LONGEST_DESCRIPTION]
