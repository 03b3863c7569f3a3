"""What a wish of people makes of universes: what is right of a file, what is wrong with it, and what changes. Pure."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from src.core.domain.market.symbol import Spellings, is_symbol
from src.core.domain.market.universe import hint, near, parts_of
from src.core.domain.market.universe_definition import (
    Definition,
    Difference,
    Member,
    UniverseBook,
    UniverseEdit,
    check_new_name,
    count,
    difference,
    merged,
    named,
)
from src.core.domain.market.universe_text import Draft, Entry, Problem
from src.core.errors import UniverseError, UnknownUniverseError

# How a ticker looks that is not known: a preferred share's small letter, a class, a unit, a warrant.
_LIKELY = re.compile(r"[A-Z]{1,6}([a-z][A-Z]{0,2})?([./][A-Z]{1,4}){0,2}")
_LONGEST_TICKER = 6  # what is longer may be a company's name
_MOST_HELPED = 20  # tickers that are not known get near matches, which cost some milliseconds each
NEW_TYPE = "CUSTOM"
_LISTENED = (
    "The ingesting process listens to it: it would go on with what it has, but the next start would find nothing."
)


class Wish(NamedTuple):
    """How an import or a change is meant.

    `name`, `type` and `description` stand for those of a file that says none; `keep` adds to what a universe has in
    the place of replacing it; `skip` applies what is right where something is wrong; `look` applies nothing; `unknown`
    takes tickers that the vendor's list does not have; `force` changes what is listened to, until nothing is left.
    """

    name: str = ""
    type: str | None = None
    description: str | None = None
    keep: bool = False
    skip: bool = False
    look: bool = False
    unknown: bool = False
    force: bool = False


class Outcome(NamedTuple):
    """What came of it: whether it is done, what was wrong where, what else is to be known, and what changed."""

    applied: bool
    problems: list[Problem]
    notes: list[str]
    changes: list[Difference]


def in_use(book: UniverseBook) -> set[str]:
    """The universes that the ingesting half listens to, or did when it ran last."""
    keys = [] if book.listening is None else book.listening.get("keys", [book.listening["key"]])
    names = names_of(book)
    return {part for key in keys for part in parts_of(key, names) if part in names}


def unknown_universe(unknown: Sequence[str], book: UniverseBook) -> UnknownUniverseError:
    """The error of names that do not exist, with what may be meant."""
    told = ", ".join(repr(part)[:60] for part in islice(unknown, 5))
    return UnknownUniverseError(f"There is no universe {told}. {hint(unknown, sorted(names_of(book)))}")


def names_of(book: UniverseBook) -> set[str]:
    return {*book.groups, *book.entries}


class Tickers:
    """Looks tickers up as people type them; keeps what is wrong with them, and what is worth telling."""

    def __init__(self, book: UniverseBook, wish: Wish) -> None:
        self._known = Spellings(book.symbols)
        self._symbols = book.symbols
        self._companies = {facts.name: symbol for symbol, facts in book.symbols.items() if facts.name}
        self._is_complete = book.refreshed is not None and not wish.unknown
        self.problems: list[Problem] = []
        self._respelled: list[str] = []
        self._new: list[str] = []
        self._twice: list[str] = []
        self._helped = 0

    def members(self, entries: Iterable[Entry]) -> list[Member]:
        """Those that are right, each once, in order."""
        found: dict[str, Member] = {}
        places: dict[str, str] = {}
        for where, typed, weight in entries:
            symbol = self._find(where, typed)
            if symbol is None:
                continue
            if symbol in found:
                self._twice.append(f"{symbol} ({places[symbol]} and {where})")
                continue
            found[symbol], places[symbol] = Member(symbol, weight), where
        return list(found.values())

    def _find(self, where: str, typed: str) -> str | None:
        symbol = self._known.find(typed)
        if symbol is None:
            return self._find_new(where, typed)
        if symbol != typed:
            self._respelled.append(f"{typed} as {symbol}")
        return symbol

    def _find_new(self, where: str, typed: str) -> str | None:
        symbol = typed.upper() if typed.islower() else typed
        if not is_symbol(symbol) or not _LIKELY.fullmatch(symbol):
            self._fail(where, f"{typed!r:.60} is not a ticker.{self._help(typed)}")
        elif self._is_complete:
            self._fail(where, f"The vendor's list has no ticker {symbol}.{self._help(symbol)}")
        else:
            self._new.append(f"{symbol} ({where}){self._help(symbol)}")
            return symbol
        return None

    def _fail(self, where: str, words: str) -> None:
        self.problems.append(Problem(where, words))

    def _help(self, typed: str) -> str:
        self._helped += 1
        if self._helped > _MOST_HELPED:
            return ""
        company = near(typed, self._companies, 1) if len(typed) > _LONGEST_TICKER else []
        meant = [self._companies[name] for name in company] or near(typed, self._symbols)
        return f" Did you mean {' or '.join(meant)}?" if meant else ""

    def notes(self) -> list[str]:
        """What is worth telling, a sentence a kind."""
        kinds = (
            (self._new, "not known to this database yet, and taken as spelled"),
            (self._respelled, "spelled in another way than by the feed, and taken"),
            (self._twice, "named more than once, of which the first counts"),
        )
        return [f"{_tickers(len(told))} {words}: {named(told)}" for told, words in kinds if told]


def _tickers(number: int) -> str:
    return f"{number:,} ticker{' is' if number == 1 else 's are'}"


class Plan:
    """What universes are to become, by a wish and the book as it is."""

    def __init__(self, book: UniverseBook, wish: Wish) -> None:
        self._book = book
        self._wish = wish
        self._names = names_of(book)
        self._after: dict[str, Definition | None] = {}
        self._tickers = Tickers(book, wish)
        self._problems: list[Problem] = []
        self._notes: list[str] = []

    @property
    def problems(self) -> list[Problem]:
        """What is wrong, in the order of its lines where it has some."""
        return sorted([*self._problems, *self._tickers.problems], key=_line)

    @property
    def notes(self) -> list[str]:
        """What is worth telling."""
        return [*self._notes, *self._tickers.notes()]

    def changes(self) -> list[Difference]:
        """What differs, by universe; those that stay as they are, too."""
        return [difference(name, self._book.groups.get(name), after) for name, after in self._after.items()]

    def edits(self) -> list[UniverseEdit]:
        """What is to be written."""
        return [UniverseEdit(one.name, self._after[one.name]) for one in self.changes() if not one.is_nothing]

    def of_drafts(self, drafts: Sequence[Draft]) -> "Plan":
        """Universes of a file."""
        if self._wish.name and len(drafts) > 1:
            raise UniverseError("The file has several universes; a name can be given for one alone.")
        for draft in drafts:
            try:
                self._take(draft)
            except UniverseError as error:
                self._problems.append(Problem(draft.name or "the name", str(error)))
        return self

    def _take(self, draft: Draft) -> None:
        name = self._wish.name or draft.name
        if not name:
            raise UniverseError("The file does not name its universe; give a name for it.")
        if name in self._after:
            raise UniverseError("The file has it more than once; put its tickers together.")
        before = self._changeable(name, may_be_new=True)
        members = self._tickers.members(draft.entries)
        type_ = draft.type or self._wish.type or (before.type if before else NEW_TYPE)
        told = draft.description if draft.description is not None else self._wish.description
        description = told if told is not None else (before.description if before else "")
        after = Definition(name, type_, description, tuple(members))
        if before is not None and self._wish.keep:
            after = merged(after._replace(members=before.members), members)
        self._set(name, after)

    def without(self, name: str, symbols: Sequence[str]) -> "Plan":
        """A universe without some of its members."""
        before = self._changeable(name)
        assert before is not None  # noqa: S101  it is no new one
        known = Spellings(before.symbols)
        gone = set()
        for typed in symbols:
            symbol = known.find(typed.strip())
            if symbol is None:
                meant = near(typed, before.symbols)
                help_ = f" Did you mean {' or '.join(meant)}?" if meant else ""
                self._problems.append(Problem(repr(typed)[:60], f"{name} does not have it.{help_}"))
            else:
                gone.add(symbol)
        left = tuple(member for member in before.members if member.symbol not in gone)
        self._set(name, before._replace(members=left))
        return self

    def gone(self, name: str) -> "Plan":
        """No such universe any more."""
        self._changeable(name)
        self._set(name, None)
        return self

    def _changeable(self, name: str, *, may_be_new: bool = False) -> Definition | None:
        """The group of that name; None for one that may be made."""
        if name in self._book.entries:
            raise UniverseError(
                f"{name} is an entry of the table cache_entries, which an older version or you put there; it is not "
                "changed here. Export it, and import it by another name."
            )
        if name in self._book.groups:
            return self._book.groups[name]
        if not may_be_new:
            raise unknown_universe([name], self._book)
        check_new_name(name, {*self._names, *self._after})
        return None

    def _set(self, name: str, after: Definition | None) -> None:
        before = self._book.groups.get(name)
        had_some, has_some = (one is not None and bool(one.members) for one in (before, after))
        if had_some and not has_some and name in in_use(self._book):
            if not self._wish.force:
                self._problems.append(
                    Problem(name, f"{_LISTENED} It is left as it is, unless that is asked for by force.")
                )
                return
            self._notes.append(f"{name}: {_LISTENED}")
        self._after[name] = after


def _line(problem: Problem) -> tuple[int, int]:
    number = re.fullmatch(r"line ([0-9]+)", problem.where)
    return (1, int(number[1])) if number else (0, 0)


def summary(outcome: Outcome) -> str:
    """One sentence that says what was done."""
    done = [one for one in outcome.changes if not one.is_nothing]
    if not outcome.applied:
        return "Nothing was changed."
    if not done:
        return "Nothing was to be changed."
    added, removed = sum(len(one.added) for one in done), sum(len(one.removed) for one in done)
    universes = f"{len(done)} universe{'' if len(done) == 1 else 's'}"
    return f"{universes} changed: {count(added)} added, {removed:,} removed."
