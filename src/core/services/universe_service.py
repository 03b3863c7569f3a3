"""What people do with universes: look at them, compare them, import them, change them."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from src.core.domain.market.universe import near, parts_of, union
from src.core.domain.market.universe_change import (
    NEW_TYPE,
    Outcome,
    Plan,
    Tickers,
    Wish,
    in_use,
    names_of,
    unknown_universe,
)
from src.core.domain.market.universe_definition import (
    Definition,
    Difference,
    Member,
    UniverseBook,
    UniverseEdit,
    difference,
)
from src.core.domain.market.universe_text import Draft, Entry, Problem, read_universes
from src.core.errors import UniverseError
from src.core.history_ports import UniverseStore


class Listed(NamedTuple):
    """A universe in a list. `source` is `group`, or `entry` for one of an older installation, which cannot be changed
    here; `listened` says whether the ingesting half listens to it."""

    name: str
    type: str
    description: str
    size: int
    source: str
    listened: bool


class Shown(NamedTuple):
    """What a key stands for. `definition` has the key as its name; `parts` are the universes that it is made of."""

    definition: Definition
    parts: list[str]
    unknown: list[str]
    source: str  # group, entry or union
    listened: bool


class UniverseService:
    """Any thread may call. Methods raise DatabaseUnavailableError, and UniverseError with a sentence for people."""

    def __init__(self, store: UniverseStore) -> None:
        self._store = store

    # -- looking -------------------------------------------------------------------------------------------------

    def book(self) -> UniverseBook:
        """All that there is."""
        return self._store.book()

    def listed(self, search: str = "") -> tuple[list[Listed], list[str]]:
        """The universes that match `search` (a part of a name or description, or a member's ticker), and where none
        does, names that may be meant."""
        book = self._store.book()
        used = in_use(book)
        found = [_listed(one, source, used) for one, source in _all(book) if _matches(one, search, book)]
        return found, [] if found else near(search, names_of(book))

    def show(self, key: str) -> Shown:
        """What a key stands for, of which at least a part exists; UnknownUniverseError names what may be meant."""
        return shown(self._store.book(), key)

    def export(self, names: Sequence[str]) -> list[Definition]:
        """Universes by name, in that order; without a name all groups."""
        book = self._store.book()
        if not names:
            return list(book.groups.values())
        return [shown(book, name).definition for name in names]

    def compare(self, before: str | bytes, after: str | bytes) -> tuple[Difference, list[Problem], list[str]]:
        """What makes the second universe of the first, each a key or a file's content; what is wrong with the files,
        and what else is to be known of them."""
        book = self._store.book()
        problems: list[Problem] = []
        notes: list[str] = []
        old, new = (self._definition(book, one, problems, notes) for one in (before, after))
        return difference(after if isinstance(after, str) else "the file", old, new), problems, notes

    def _definition(
        self, book: UniverseBook, told: str | bytes, problems: list[Problem], notes: list[str]
    ) -> Definition:
        if isinstance(told, str):
            return shown(book, told).definition._replace(type="", description="")
        reading = read_universes(told)
        symbols = Tickers(book, Wish(unknown=True))
        members = [member for draft in reading.drafts for member in symbols.members(draft.entries)]
        problems += [*reading.problems, *symbols.problems]
        notes += [*reading.notes, *symbols.notes()]
        return Definition("", "", "", tuple(dict.fromkeys(members)))

    # -- changing ------------------------------------------------------------------------------------------------

    def import_file(self, content: bytes, wish: Wish) -> Outcome:
        """Makes universes what a file says. With a problem nothing is done, unless the wish is to skip those."""
        reading = read_universes(content)
        return self._change(
            wish, lambda book: Plan(book, wish).of_drafts(reading.drafts), reading.problems, reading.notes
        )

    def add(self, name: str, symbols: Sequence[str], wish: Wish, *, is_new: bool) -> Outcome:
        """Adds symbols to a universe, at its end; `is_new` makes it. Raises UnknownUniverseError without that."""

        def plan(book: UniverseBook) -> Plan:
            if is_new == (name in names_of(book)):
                raise (
                    UniverseError(f"There is a universe {name} already.") if is_new else unknown_universe([name], book)
                )
            draft = Draft(name, wish.type, wish.description, [Entry(repr(one), one.strip(), None) for one in symbols])
            return Plan(book, wish._replace(keep=True)).of_drafts([draft])

        return self._change(wish, plan)

    def remove(self, name: str, symbols: Sequence[str], wish: Wish) -> Outcome:
        """Takes symbols out of a universe. Raises UnknownUniverseError."""
        return self._change(wish, lambda book: Plan(book, wish).without(name, symbols))

    def delete(self, name: str, wish: Wish) -> Outcome:
        """Removes a universe. Raises UnknownUniverseError."""
        return self._change(wish, lambda book: Plan(book, wish).gone(name))

    def _change(
        self,
        wish: Wish,
        make: Callable[[UniverseBook], Plan],
        problems: Iterable[Problem] = (),
        notes: Iterable[str] = (),
    ) -> Outcome:
        outcomes: list[Outcome] = []

        def edit(book: UniverseBook) -> list[UniverseEdit]:
            plan = make(book)
            found = [*problems, *plan.problems]
            applied = not wish.look and (wish.skip or not found)
            outcomes.append(Outcome(applied, found, [*notes, *plan.notes], plan.changes()))
            return plan.edits() if applied else []

        if wish.look:
            edit(self._store.book())
        else:
            self._store.change(edit)
        return outcomes[-1]


def shown(book: UniverseBook, key: str) -> Shown:
    """What a key stands for; UnknownUniverseError where nothing of it exists."""
    names = names_of(book)
    used = in_use(book)
    if key in names:
        definition, source = next((one, source) for one, source in _all(book) if one.name == key)
        return Shown(definition, [key], [], source, key in used)
    members = {name: one.symbols for name, one in book.groups.items()} | dict(book.entries)
    universe = union(key, names, members.__getitem__)
    parts = [part for part in parts_of(key, names) if part in names]
    if not parts:
        raise unknown_universe(universe.unknown, book)
    definition = Definition(key, "", "", tuple(Member(symbol) for symbol in universe.symbols))
    return Shown(definition, parts, list(universe.unknown), "union", any(part in used for part in parts))


def _all(book: UniverseBook) -> list[tuple[Definition, str]]:
    """All universes by name, each with its source; an entry hides the group of its name."""
    entries = {
        name: Definition(name, NEW_TYPE, "", tuple(Member(symbol) for symbol in dict.fromkeys(symbols)))
        for name, symbols in book.entries.items()
    }
    both = {**book.groups, **entries}
    return [(both[name], "entry" if name in entries else "group") for name in sorted(both, key=str.casefold)]


def _listed(one: Definition, source: str, used: set[str]) -> Listed:
    return Listed(one.name, one.type, one.description, len(one.members), source, one.name in used)


def _matches(one: Definition, search: str, book: UniverseBook) -> bool:
    text = search.strip().casefold()
    if not text or text in one.name.casefold() or text in one.description.casefold():
        return True
    symbols = {symbol.casefold() for symbol in one.symbols}
    return text in symbols or text.replace("-", ".") in symbols
