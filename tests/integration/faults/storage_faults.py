"""Rows of the table: what happens to the database and to the disk."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from src.core.domain.market.gaps import GapReason
from tests.integration.faults.databases import DistantDatabase, PostgresDatabase, SqliteDatabase
from tests.integration.faults.market import MINUTE, Market
from tests.integration.faults.oracle import gap_rows
from tests.integration.faults.program import Room
from tests.integration.faults.scene import BUSY_SPEED, Event, Scene
from tests.integration.faults.table import AT_S, Fault, Window, drop, during
from tests.waiting import wait_for

_POSTGRES = ("postgresql",)
_LITTLE = Room(spool_rows=4, memory_bars=6)


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
    """Rows of a symbol that are to come are refused, for three minutes and until one was."""

    def poison(scene: Scene) -> Callable[[], None]:
        minute_ms = (scene.clock.now_ms() // 60_000 + 1) * 60_000
        heal = scene.database.poison(scene.market.symbols[1], minute_ms)

        def heal_when_refused() -> None:
            wait_for(lambda: _was_refused(scene) or scene.clock.now_ms() > scene.market.end_ms)
            heal()

        return heal_when_refused

    return during(at_s, 180, poison)


def _was_refused(scene: Scene) -> bool:
    return "a row that this database does not take" in scene.logged()


def _away(for_s: float) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: during(at_s, for_s, lambda scene: scene.database.take_away())


def _slowed(seconds_a_statement: float, for_s: float) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: during(at_s, for_s, lambda scene: scene.slow_down(seconds_a_statement))


def _delayed(at_s: float) -> Sequence[Event]:
    """For five minutes all that is said takes six seconds on its way, each way."""

    def delay(scene: Scene) -> Callable[[], None]:
        assert isinstance(scene.database, DistantDatabase)
        return scene.database.delay(6 / BUSY_SPEED)

    return during(at_s, 300, delay)


def _storm(at_s: float) -> Sequence[Event]:
    """A drop every two seconds while the database is away."""
    return [*_away(360)(at_s), *(drop(at_s + 10 + 2 * number) for number in range(100))]


# -- one in five thousand --------------------------------------------------------------------------------------------

_CROWD = 5_000


def _crowded(market: Market) -> Market:
    """With thousands of symbols more in one of the minutes, all of whose bars come at once."""
    minute_ms = market.minute(3)
    (line,) = [
        line
        for line in market.lines
        if (line.channel, line.symbol, line.start_ms) == (MINUTE, market.symbols[0], minute_ms)
    ]
    assert line.bar is not None
    names = [_name(number) for number in range(_CROWD)]
    crowd = [line._replace(symbol=name, bar=line.bar._replace(symbol=name)) for name in names]
    return market._replace(lines=(*market.without_past().lines, *crowd))


def _name(number: int) -> str:
    return f"Q{number:04d}"


def _poisoned_in_a_crowd(at_s: float) -> Sequence[Event]:
    def poison(scene: Scene) -> Callable[[], None]:
        heal = scene.database.poison(_name(_CROWD // 2), scene.market.minute(3))

        def heal_when_refused() -> None:
            wait_for(lambda: _was_refused(scene))
            heal()

        return heal_when_refused

    return during(at_s, 200, poison)


def _refused_one(scene: Scene) -> None:
    """One gap, of the one row, and no other."""
    assert gap_rows(scene.database.url, GapReason.WRITE) == [
        (f'["{_name(_CROWD // 2)}"]', scene.market.minute(3), scene.market.minute(3))
    ]
    assert _was_refused(scene)


# -- no room ---------------------------------------------------------------------------------------------------------


def _told_of_losses(scene: Scene) -> None:
    """What the program says while it lasts."""
    wait_for(lambda: _storage(scene).get("lost_bars"))
    storage = _storage(scene)
    assert storage["spooled_bars"] == _LITTLE.spool_rows
    assert "There is no room left on disk for bars that wait." in storage["reason"]


def _storage(scene: Scene) -> dict[str, Any]:
    """What the program says of what waits, in the file that it writes while the database does not take its status."""
    with suppress(FileNotFoundError):
        told: dict[str, Any] = json.loads((scene.data_dir / "status.json").read_text())["writer"]["storage"]
        return told
    return {}


def _had_no_room(scene: Scene) -> None:
    logged = scene.logged()
    assert "There is no room left on disk for bars that wait. Bars that wait stay in memory." in logged
    assert "bars were given up: there is no room left in memory." in logged


# -- a damaged spool -------------------------------------------------------------------------------------------------


_WORTH_HURTING = 6


def _spool_hurt(hurt: Callable[[Path], None]) -> Callable[[float], Sequence[Event]]:
    """The database is away, the program is killed, and its spool is damaged before it starts again."""

    def act(scene: Scene) -> None:
        wait_for(lambda: _storage(scene).get("spooled_bars", 0) >= _WORTH_HURTING)
        scene.program.kill()
        hurt(scene.data_dir / "spool.db")
        scene.program.start()

    return lambda at_s: [*_away(200)(at_s), Event(at_s + 120, act)]


def _flip(path: Path) -> None:
    """Some bits of what stands between the first pages and the last bytes."""
    content = bytearray(path.read_bytes())
    for place in range(len(content) * 3 // 4, len(content), 199):
        content[place] ^= 1 << place % 8
    path.write_bytes(content)


def _tear(path: Path) -> None:
    """The last third was never written."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def _was_damaged(scene: Scene) -> None:
    assert "The spool was damaged." in scene.logged()


def _restart_by_kill(scene: Scene) -> None:
    scene.program.kill()
    scene.program.start()


FAULTS = [
    Fault("another process holds the lock for 50 s", _locked(50), fast="sqlite"),
    Fault("another process holds the lock for 4 min", _locked(240)),
    Fault("locked while a drop is repaired", lambda at_s: [drop(at_s), *_locked(120)(at_s + 5)]),
    Fault("a row that is refused", _poisoned, opens=(GapReason.WRITE,)),
    Fault(
        "one row in 5,000 that is refused",
        _poisoned_in_a_crowd,
        alters=_crowded,
        settings={"SYMBOLS": "*", "BACKFILL_DAYS": "0"},
        # The whole market is silent from then on, which it may be when it is closed.
        window=Window("15:52", 8, "2025-11-20", "2025-11-19", at="19:52"),
        alone=True,
        opens=(GapReason.WRITE,),
        shows=_refused_one,
    ),
    Fault("each statement takes 3 s, for 4 min", _slowed(3, 240)),
    Fault(
        "each statement takes 10 s, while a drop is repaired", lambda at_s: [drop(at_s), *_slowed(10, 300)(at_s + 5)]
    ),
    Fault("the line to it takes 6 s, for 5 min", _delayed, kinds=("distant",), alone=True),
    Fault("dropped every 2 s, 100 times, while it is away for 6 min", _storm, opens=(GapReason.DROP,)),
    Fault(
        "away, and neither on disk nor in memory there is room",
        lambda at_s: [*_away(240)(at_s), Event(at_s + 230, _told_of_losses)],
        room=_LITTLE,
        alone=True,
        opens=(GapReason.WRITE,),
        shows=_had_no_room,
    ),
    *[
        Fault(name, _spool_hurt(hurt), alone=True, opens=(GapReason.WRITE,), shows=_was_damaged)
        for name, hurt in (("away, and bits of the spool flip", _flip), ("away, and the spool is torn", _tear))
    ],
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
