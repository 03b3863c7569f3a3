"""Rows of the table: what happens to the database and to the disk."""

from collections.abc import Callable, Sequence

from tests.integration.faults.databases import PostgresDatabase, SqliteDatabase
from tests.integration.faults.scene import Event, Scene
from tests.integration.faults.table import AT_S, Fault, drop, during

_POSTGRES = ("postgresql",)


def _postgres(scene: Scene) -> PostgresDatabase:
    assert isinstance(scene.database, PostgresDatabase)
    return scene.database


def _sqlite(scene: Scene) -> SqliteDatabase:
    assert isinstance(scene.database, SqliteDatabase)
    return scene.database


def _locked(for_s: float) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: during(at_s, for_s, lambda scene: scene.database.hold_lock())


def _killed(for_s: float, times: int = 1) -> Callable[[float], Sequence[Event]]:
    """Killed with -9, wherever its commits are, and started again after `for_s`."""
    return lambda at_s: [
        event
        for number in range(times)
        for event in during(at_s + 2.5 * for_s * number, for_s, lambda scene: _postgres(scene).kill())
    ]


def _stopped(for_s: float) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: during(at_s, for_s, lambda scene: _postgres(scene).stop())


def _poisoned(at_s: float) -> Sequence[Event]:
    """One row of those that are to come is refused, for two minutes."""

    def poison(scene: Scene) -> Callable[[], None]:
        minute_ms = (scene.clock.now_ms() // 60_000 + 1) * 60_000
        return scene.database.poison(scene.market.symbols[1], minute_ms)

    return during(at_s, 180, poison)


def _restart_by_kill(scene: Scene) -> None:
    scene.program.kill()
    scene.program.start()


FAULTS = [
    Fault("another process holds the lock for 50 s", _locked(50), fast="sqlite"),
    Fault("another process holds the lock for 4 min", _locked(240)),
    Fault("locked while a drop is repaired", lambda at_s: [drop(at_s), *_locked(120)(at_s + 5)]),
    Fault("a row that is refused", _poisoned),
    Fault("locked at the start", lambda _at_s: _locked(200)(-1), at_s=-1, alone=True),
    Fault("killed in the middle of commits", _killed(20), kinds=_POSTGRES, fast="postgresql"),
    Fault("killed three times", _killed(15, times=3), kinds=_POSTGRES),
    Fault("stopped for 4 min", _stopped(240), kinds=_POSTGRES),
    Fault("away at the start", lambda _at_s: _stopped(200)(-1), kinds=_POSTGRES, at_s=-1, alone=True),
    Fault(
        "its connections ended, as by a fail-over",
        lambda at_s: [Event(at_s + 7 * n, lambda scene: _postgres(scene).end_connections()) for n in range(5)],
        kinds=_POSTGRES,
    ),
    Fault(
        "the disk is full, so that there is no spool either",
        lambda at_s: during(at_s, 120, lambda scene: _sqlite(scene).fill_disk()),
        kinds=("small_disk",),
        alone=True,
    ),
    Fault(
        "killed, and back at another port",
        lambda at_s: [Event(at_s, lambda scene: _postgres(scene).move())],
        kinds=_POSTGRES,
        alone=True,
    ),
    Fault(
        "away, and the program is killed meanwhile",
        lambda at_s: [*_stopped(150)(at_s), Event(at_s + 100, _restart_by_kill)],
        kinds=_POSTGRES,
        at_s=AT_S,
    ),
    Fault(
        "locked, and the program is killed meanwhile",
        lambda at_s: [*_locked(150)(at_s), Event(at_s + 100, _restart_by_kill)],
    ),
]
