"""What a row of the table of faults is, and how rows are put together."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from src.core.domain.market.gaps import GapReason
from src.simulator.faults import Action, Drop, Standing
from tests.integration.faults.market import Market
from tests.integration.faults.program import Room
from tests.integration.faults.scene import Event, Scene

BOTH = ("sqlite", "postgresql")
# In the middle of the third minute: the first two are official, and some are still to come.
AT_S = 150.0


class Window(NamedTuple):
    """Which minutes of the session are played; `day` (YYYY-MM-DD) moves them to another one, where they begin at the
    hour `at` (New York) if that is given, and `past` what was before them."""

    first: str = "15:56"
    minutes: int = 8
    day: str = ""
    past: str = ""
    at: str = ""


class Fault(NamedTuple):
    """A row: what goes wrong, and all that has to be known to let it happen.

    `events` gives what is done, for the time at which it begins (seconds after the market's start); `alters` makes
    another script; with `tls` the feed is behind TLS; `room` is what may wait for the database. `fast`: the database
    with which it is in the default run; `alone`: it is not combined with others.

    That it did go wrong is seen, where nothing else does, by the reasons of the gaps that it `opens`, no other ones but
    history where that is empty and None for whatever, and by what `shows` looks at in the end.
    """

    name: str
    events: Callable[[float], Sequence[Event]] = lambda _at_s: ()
    alters: Callable[[Market], Market] = lambda market: market
    settings: Mapping[str, str] = {}
    kinds: tuple[str, ...] = BOTH
    window: Window = Window()
    programs: int = 1
    tls: bool = False
    room: Room | None = None
    at_s: float = AT_S
    fast: str = ""
    alone: bool = False
    opens: tuple[GapReason, ...] | None = None
    shows: Callable[[Scene], object] = lambda _scene: None


def act(at_s: float, action: Action) -> Event:
    """Something happens to all connections that stand."""
    return Event(at_s, lambda scene: scene.simulator.faults.do(action))


def begin(at_s: float, fault: Standing) -> Event:
    """A fault of the simulator is in force from then on, for as long as it says itself."""
    return Event(at_s, lambda scene: scene.simulator.faults.begin(fault))


def during(at_s: float, for_s: float, start: Callable[[Scene], Callable[[], object]]) -> tuple[Event, Event]:
    """Something goes wrong, and is made well again by what it gives."""
    ends: list[Callable[[], object]] = []
    return (
        Event(at_s, lambda scene: ends.append(start(scene))),
        Event(at_s + for_s, lambda _scene: ends.pop()()),
    )


def drop(at_s: float) -> Event:
    """All connections end without a close frame."""
    return act(at_s, Drop())
