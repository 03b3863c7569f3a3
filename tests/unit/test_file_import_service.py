"""Imports beside the feed: what is asked for, interrupted, ended, and what becomes of a process that fails."""

import threading
from collections.abc import Iterator

import pytest

from src.core.domain.market.history import Load, LoadState, Timespan
from src.core.errors import ActionRefusedError
from src.core.history_ports import STOPPED_STATUS
from src.core.ports import Job
from src.core.services import file_import_service
from src.core.services.file_import_service import FileImportService
from tests.held_clock import HeldClock
from tests.waiting import wait_for

RUNNING = Load("old", "files", Timespan.MINUTE, None, ("/a",), None, None, "somebody", LoadState.RUNNING, 1)


class Log:
    """Loads, in memory."""

    def __init__(self, *loads: Load) -> None:
        self.loads = {load.id: load for load in loads}

    def begin(self, load: Load) -> None:
        self.loads[load.id] = load

    save = begin

    def find(self, load_id: str) -> Load | None:
        return self.loads.get(load_id)

    def unfinished(self) -> list[Load]:
        return [load for load in self.loads.values() if not load.has_ended]


class Process:
    """Ends when it is told to, or with a status that a test sets."""

    def __init__(self, load_id: str) -> None:
        self.load_id = load_id
        self.status: int | None = None
        self.ended = threading.Event()

    def wait(self, timeout_s: float) -> int:
        if self.status is None:
            self.ended.wait(min(timeout_s, 0.01))
            raise TimeoutError
        return self.status

    def end(self) -> None:
        self.ended.set()


class Bench:
    """A service on a log, and the processes that it began."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.begun: list[Process] = []
        self.service = FileImportService(log, self._begin, lambda path: int(path == "/a"), HeldClock())  # type: ignore[arg-type]  # the part of a log that it uses

    def _begin(self, load_id: str) -> Process:
        self.begun.append(Process(load_id))
        return self.begun[-1]

    def process(self, place: int) -> Process:
        wait_for(lambda: len(self.begun) > place)
        return self.begun[place]

    def state(self, load_id: str) -> LoadState:
        return self.log.loads[load_id].state


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(Log(RUNNING))
    bench.service.start()
    yield bench
    bench.service.stop()


def asked(load_id: str, *files: str) -> Job:
    return Job(load_id, "history.import", {"id": load_id, "files": list(files)}, "somebody")


def test_what_was_interrupted_goes_on_and_what_is_asked_for_comes_after(bench: Bench) -> None:
    first = bench.process(0)
    assert first.load_id == "old"
    assert bench.service.ask(asked("new", "/a")) == "It will be imported beside the feed, after 1 others."
    assert bench.state("new") is LoadState.WAITING
    bench.log.save(RUNNING.ended(5))
    first.status = 0
    assert bench.process(1).load_id == "new"
    assert bench.state("old") is LoadState.DONE
    assert not bench.service.knows("old")


def test_a_process_that_ends_before_its_time_fails_its_import_and_no_other(bench: Bench) -> None:
    bench.service.ask(asked("new", "/a"))
    bench.process(0).status = 1
    assert bench.process(1).load_id == "new"
    assert bench.state("old") is LoadState.FAILED
    assert bench.log.loads["old"].detail.startswith("The process that imports ended before it was done (status 1)")


def test_a_process_that_another_one_stopped_is_begun_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_import_service, "_RETRY_S", 0.0)
    bench.process(0).status = STOPPED_STATUS
    assert bench.process(1).load_id == "old"
    assert bench.state("old") is LoadState.RUNNING


def test_an_import_that_a_command_began_is_gone_on_with(bench: Bench) -> None:
    begun = Load("new", "files", Timespan.MINUTE, None, ("/a",), None, None, "somebody", LoadState.RUNNING, 1)
    bench.log.begin(begun.with_unit(5, 5))
    bench.service.ask(asked("new", "/a"))
    bench.service.ask(asked("new", "/a"))
    bench.log.save(RUNNING.ended(5))
    bench.process(0).status = 0
    assert bench.process(1).load_id == "new"
    assert bench.log.loads["new"].units_done == 1, "it is not begun anew"
    bench.log.save(begun.ended(5))
    bench.process(1).status = 0
    wait_for(lambda: not bench.service.knows("new"))
    assert len(bench.begun) == 2


def test_an_import_that_is_ended_by_somebody_ends(bench: Bench) -> None:
    first = bench.process(0)
    assert bench.service.knows("old")
    bench.service.cancel(Job("job", "history.cancel", {"id": "old"}, "admin"))
    assert first.ended.wait(60)
    wait_for(lambda: bench.state("old") is LoadState.FAILED)
    assert bench.log.loads["old"].detail == "It was ended by admin."


def test_a_stop_ends_the_process_and_leaves_the_import_to_the_next_start(bench: Bench) -> None:
    first = bench.process(0)
    bench.service.stop()
    assert first.ended.is_set()
    assert bench.state("old") is LoadState.RUNNING
    bench.service.start()
    assert bench.process(1).load_id == "old"


def test_a_file_that_is_not_there_is_refused(bench: Bench) -> None:
    with pytest.raises(ActionRefusedError, match="finds no file /b on its machine"):
        bench.service.ask(asked("new", "/a", "/b"))
    assert "new" not in bench.log.loads
