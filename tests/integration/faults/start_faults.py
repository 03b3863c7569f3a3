"""Rows of the table: the program is started while its database is away, and listens all the same."""

from collections.abc import Callable, Sequence
from pathlib import Path

from src.core.domain.market.gaps import GapReason
from src.infrastructure.database.engines import sqlite_file
from tests.integration.faults.databases import PostgresDatabase, SqliteDatabase
from tests.integration.faults.oracle import gap_reasons
from tests.integration.faults.scene import Event, Scene
from tests.integration.faults.table import Fault, during
from tests.waiting import wait_for

_POSTGRES = ("postgresql",)
# How long it is away before the program is killed, and after that.
_BEFORE_S, _AFTER_S = 40.0, 170.0


class ElsewhereDatabase(SqliteDatabase):
    """A file that is not in the program's folder."""

    def __init__(self, url: str, data_dir: Path) -> None:
        super().__init__(url)
        self.data_dir = data_dir


def _take_folder(scene: Scene) -> Callable[[], None]:
    """The database's folder gets another name, and nothing can be made in its place."""
    folder = sqlite_file(scene.database.url).parent
    moved = folder.rename(folder.with_name("moved"))
    folder.write_text("no folder")

    def give_back() -> None:
        folder.unlink()
        moved.rename(folder)

    return give_back


def _fill_disk(scene: Scene) -> Callable[[], None]:
    assert isinstance(scene.database, SqliteDatabase)
    return scene.database.fill_disk()


def _stop(scene: Scene) -> Callable[[], None]:
    assert isinstance(scene.database, PostgresDatabase)
    return scene.database.stop()


def _restart(scene: Scene) -> None:
    scene.program.kill()
    scene.program.start()


def _away(start: Callable[[Scene], Callable[[], object]], times: int = 1) -> Callable[[float], Sequence[Event]]:
    """The program is killed and started again, so many times, while the database is away, and hears the feed each time
    before that is back."""

    def at(at_s: float) -> Sequence[Event]:
        away, back = during(at_s, _BEFORE_S + times * _AFTER_S, start)
        kills = [Event(at_s + _BEFORE_S + _AFTER_S * number, _restart) for number in range(times)]
        heard = [Event(kill.at_s + _AFTER_S - 1, _hears) for kill in kills]
        return [away, *kills, *heard, back]

    return at


def _listened(times: int) -> Callable[[Scene], None]:
    """Each start listened without the database, and went on with it when that was back."""

    def shows(scene: Scene) -> None:
        assert scene.logged().count("Listening begins without it") == times
        assert scene.program.restarts == 0
        assert GapReason.RESTART in gap_reasons(scene.database.url)  # others too, where a busy machine loses the feed

    return shows


def _hears(scene: Scene) -> None:
    wait_for(lambda: any(shown["topics"] for shown in scene.simulator.faults.state()["connections"]))


FAULTS = [
    Fault(
        "started while another process holds the lock",
        _away(lambda scene: scene.database.hold_lock()),
        fast="sqlite",
        alone=True,
        shows=_listened(1),
    ),
    Fault(
        "started while the folder of the database is away",
        _away(_take_folder),
        kinds=("elsewhere",),
        alone=True,
        shows=_listened(1),
    ),
    Fault(
        "started while the disk is full",
        _away(_fill_disk),
        kinds=("small_disk",),
        alone=True,
        shows=_listened(1),
    ),
    Fault(
        "started while the server is stopped",
        _away(_stop),
        kinds=_POSTGRES,
        fast="postgresql",
        alone=True,
        shows=_listened(1),
    ),
    Fault(
        "killed and started twice while the server is stopped",
        _away(_stop, times=2),
        kinds=_POSTGRES,
        alone=True,
        shows=_listened(2),
    ),
]
