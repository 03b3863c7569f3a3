"""The lock that decides who ingests into an SQLite file."""

from pathlib import Path

from src.infrastructure.database.ownership import FileLock


def test_one_at_a_time_has_it(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert (first.acquire(), second.acquire(), first.acquire()) == (True, False, True)
    first.release()
    assert second.acquire()
    second.release()


def test_an_owner_whose_file_was_deleted_locks_the_next_or_is_owner_no_more(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    (tmp_path / "lock").unlink()
    assert (first.acquire(), second.acquire()) == (True, False), "it was here first"
    (tmp_path / "lock").unlink()
    assert (second.acquire(), first.acquire()) == (True, False), "the other one was"
    first.release()
    second.release()
