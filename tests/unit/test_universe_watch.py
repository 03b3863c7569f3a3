"""A universe that changes while it is listened to."""

import pytest

from src.core.domain.market.universe import Universe, union
from src.core.services.listening import Listener, look
from src.core.services.universe_watch import UniverseWatch, say

ONE, TWO = "connection_1", "connection_2"


class Definitions:
    """Universes that a test defines."""

    def __init__(self, **members: str) -> None:
        self.members = {name: list(symbols) for name, symbols in members.items()}

    def resolve(self, key: str) -> Universe:
        return union(key, self.members, self.members.__getitem__)

    def names(self) -> list[str]:
        return sorted(self.members)


def listener(key: str, connection_id: str = ONE, symbols: tuple[str, ...] = ()) -> Listener:
    return Listener(connection_id, key, symbols, "SYMBOL_UNIVERSE_KEY")


def watched(universes: Definitions, *listeners: Listener) -> UniverseWatch:
    watch = UniverseWatch(listeners, universes)
    found = look(listeners, universes)
    watch.begin(found, found)
    return watch


def test_what_stays_the_same_is_no_change() -> None:
    universes = Definitions(a="ABC")
    watch = watched(universes, listener("a"))
    assert watch.look() is None
    universes.members["other"] = ["X"]
    assert watch.look() is None


def test_what_is_new_and_what_is_gone_is_told_until_it_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    universes = Definitions(a="ABC", b="C")
    watch = watched(universes, listener("a:b"))
    universes.members["a"] = ["B", "D"]
    change = watch.look()
    assert change is not None
    assert (change.listening.symbols, change.added, change.removed) == (("B", "D", "C"), ("D",), ("A",))
    assert watch.look() == change
    watch.take(change)
    assert watch.look() is None
    caplog.set_level("INFO")
    say(change)
    assert "The universe a:b has changed: D is new; A is not listened to any more." in caplog.text


def test_a_universe_of_which_nothing_is_left_is_listened_to_on(caplog: pytest.LogCaptureFixture) -> None:
    universes = Definitions(a="AB", b="C")
    watch = watched(universes, listener("a"), listener("b", TWO))
    del universes.members["a"]
    universes.members["b"] = ["D"]
    change = watch.look()
    assert change is not None
    assert change.listening.lists == {ONE: ("A", "B"), TWO: ("D",)}
    assert (change.listening.unknown, change.added, change.removed) == (("a",), ("D",), ("C",))
    assert f"The universe of {ONE} has no symbols any more; its 2 symbols are listened to" in caplog.text
    watch.take(change)
    universes.members["a"] = ["A"]
    again = watch.look()
    assert again is not None
    assert (again.listening.lists[ONE], again.removed) == (("A",), ("B",))


def test_a_universe_that_comes_to_be_takes_the_place_of_the_eight(caplog: pytest.LogCaptureFixture) -> None:
    universes = Definitions()
    listeners = (listener("mine"),)
    watch = UniverseWatch(listeners, universes)
    found = look(listeners, universes)
    watch.begin(found, found._replace(key="fallback", lists={ONE: ("X", "Y")}))
    assert watch.look() is None
    assert caplog.text == ""
    universes.members["mine"] = ["A"]
    change = watch.look()
    assert change is not None
    assert (change.listening.key, change.added, change.removed) == ("mine", ("A",), ("X", "Y"))


def test_listed_symbols_stand_for_a_universe_that_is_gone() -> None:
    universes = Definitions(a="AB")
    watch = watched(universes, listener("a", symbols=("S",)))
    universes.members["a"] = []
    change = watch.look()
    assert change is not None
    assert (change.listening.symbols, change.removed) == (("S",), ("A", "B"))
