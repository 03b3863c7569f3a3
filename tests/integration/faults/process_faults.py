"""Rows of the table: what happens to the process, and to the machine's clock."""

from collections.abc import Callable, Sequence

from src.core.domain.market.gaps import GapReason
from tests.integration.faults.market import torn
from tests.integration.faults.scene import Event, Scene
from tests.integration.faults.table import Fault, Window, drop, during

_RESTARTED = (GapReason.RESTART,)


def _killed(for_s: float) -> Callable[[float], Sequence[Event]]:
    def kill(scene: Scene) -> Callable[[], None]:
        scene.program.kill()
        return scene.program.start

    return lambda at_s: during(at_s, for_s, kill)


def _stopped(for_s: float) -> Callable[[float], Sequence[Event]]:
    def stop(scene: Scene) -> Callable[[], None]:
        scene.program.stop()
        return scene.program.start

    return lambda at_s: during(at_s, for_s, stop)


def _stepped(hours: int) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: [Event(at_s, lambda scene: scene.program.set_clock(hours))]


def _first_killed(at_s: float) -> Sequence[Event]:
    return [Event(at_s, lambda scene: scene.programs[0].kill())]


def _first_held(at_s: float) -> Sequence[Event]:
    """The first process stands still, as by a power cut, and comes back when another one has taken over."""

    def hold(scene: Scene) -> Callable[[], None]:
        scene.programs[0].hold()
        return scene.programs[0].go_on

    return during(at_s, 620, hold)


def _over_the_weekend(name: str, friday: str, thursday: str, monday: str) -> Fault:
    """Ends on a Friday before a minute has become official, and starts on the Monday, with the session going on."""

    def sleep(scene: Scene) -> None:
        scene.program.kill()
        scene.clock.jump_to(scene.market.end_ms - 5 * 60_000)
        scene.program.start()

    return Fault(
        name,
        lambda _at_s: [Event(235, sleep)],
        alters=lambda market: torn(market, 4, monday, "09:30"),
        window=Window("15:56", 8, friday, thursday),
        alone=True,
        opens=_RESTARTED,
    )


FAULTS = [
    Fault("killed, and started at once", _killed(1), fast="sqlite", opens=_RESTARTED),
    Fault("killed for 3 min", _killed(180), opens=_RESTARTED),
    Fault("killed three times", lambda at_s: [e for n in range(3) for e in _killed(5)(at_s + 40 * n)]),
    Fault("killed while a drop is repaired", lambda at_s: [drop(at_s), *_killed(5)(at_s + 75)]),
    Fault("told to stop, and started at once", _stopped(1)),
    Fault("told to stop for 3 min", _stopped(180), opens=_RESTARTED),
    _over_the_weekend("away over the weekend when clocks go forward", "2025-03-07", "2025-03-06", "2025-03-10"),
    _over_the_weekend("away over the weekend when clocks go back", "2025-10-31", "2025-10-30", "2025-11-03"),
    Fault("the wall clock set back by an hour", _stepped(-1), alone=True),
    Fault("the wall clock set forward by an hour", _stepped(1), alone=True),
    Fault("a standby takes over from one that is killed", _first_killed, programs=2, alone=True, opens=_RESTARTED),
    Fault(
        "a standby takes over from one that stands still",
        _first_held,
        programs=2,
        alone=True,
        kinds=("postgresql",),
        opens=_RESTARTED,
    ),
]
