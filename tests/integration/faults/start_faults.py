"""Rows of the table: the program is started while its database is away, and listens all the same."""

from collections.abc import Callable, Sequence
from pathlib import Path

from src.infrastructure.database.engines import sqlite_file
from tests.integration.faults.databases import PostgresDatabase, SqliteDatabase
from tests.integration.faults.scene import Event, Scene
from tests.integration.faults.table import AT_S, Fault, during
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


def _hears(scene: Scene) -> None:
    wait_for(lambda: any(shown["topics"] for shown in scene.simulator.faults.state()["connections"]))


FAULTS = [
    Fault(
        "started while another process holds the lock",
        _away(lambda scene: scene.database.hold_lock()),
        fast="sqlite",
        alone=True,
    ),
    Fault(
        "started while the folder of the database is away",
        _away(_take_folder),
        kinds=("elsewhere",),
        at_s=AT_S - 60,
        alone=True,
    ),
    Fault(
        "started while the disk is full",
        _away(_fill_disk),
        kinds=("small_disk",),
        alone=True,
    ),
    Fault(
        "started while the server is stopped",
        _away(_stop),
        kinds=_POSTGRES,
        fast="postgresql",
        alone=True,
    ),
    Fault(
        "killed and started twice while the server is stopped",
        _away(_stop, times=2),
        kinds=_POSTGRES,
        alone=True,
    ),
]
