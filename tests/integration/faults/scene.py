"""One run of the program against a script: the simulator, the database, the clock, and what goes wrong when."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from src.simulator.script import ScriptSource
from src.simulator.server import SimulatorServer
from tests.clocks import RacingClock
from tests.integration.faults.databases import Database
from tests.integration.faults.market import Market
from tests.integration.faults.oracle import Verdict, judged
from tests.integration.faults.program import SLOW, Program, Room
from tests.integration.faults.relay import GOOD, TlsRelay

# While the market is on, and while nothing but repairs is.
BUSY_SPEED, QUIET_SPEED = 60.0, 400.0
_LEAD_MS = 30_000
# How long the last repair may take, in the market's time and in the machine's.
_REPAIRED_WITHIN_MS = 9_000_000
_REPAIRED_WITHIN_S = 180.0
_GRANT_S, _GRANT_EVERY_S = 0.02, 0.004


class Event(NamedTuple):
    """Something that is done to a scene `at_s` seconds after the market's start."""

    at_s: float
    act: Callable[["Scene"], object]


class Scene:
    """The parts of one run. Used in a `with` block, which ends what is left."""

    def __init__(
        self,
        market: Market,
        database: Database,
        folder: Path,
        settings: Mapping[str, str],
        programs: int = 1,
        *,
        tls: bool = False,
        room: Room | None = None,
    ) -> None:
        self._room = room
        self.market = market
        self.database = database
        self.folder = folder
        self.clock = RacingClock(market.start_ms - _LEAD_MS, 1.0, folder / "clock")
        self.source = ScriptSource(market.lines)
        self.simulator = SimulatorServer(self.source, clock=self.clock)
        self.relay: TlsRelay | None = None
        self._settings = settings
        self._tls = tls
        self.programs = [self._program(slot) for slot in range(programs)]
        self._ended = threading.Event()
        self._pacer = threading.Thread(target=self._pace, name="pacer", daemon=True)

    @property
    def program(self) -> Program:
        """The first program."""
        return self.programs[0]

    def __enter__(self) -> "Scene":
        self.simulator.start()
        if self._tls:
            self.relay = TlsRelay(self.simulator.port)
            self.relay.start()
        for program in self.programs:
            program.environment |= self._environment()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        if self._pacer.is_alive():
            self._pacer.join()
        for program in self.programs:
            program.kill()
        if self.relay is not None:
            self.relay.stop()
        self.simulator.stop()

    def run(self, events: Sequence[Event]) -> None:
        """Plays the script from the start to its end, with the events at their times; those of before the market's
        start happen before the programs are started."""
        self._pacer.start()
        early = [event for event in events if event.at_s < 0]
        for event in early:
            event.act(self)
        self.program.start()
        self._wait(lambda: bool(early) or self._listens())
        for program in self.programs[1:]:
            program.start()
        self.clock.race(BUSY_SPEED)
        for event in sorted(set(events) - set(early), key=lambda event: event.at_s):
            self.wait_until(self.market.start_ms + round(event.at_s * 1000))
            event.act(self)
        self.wait_until(max([self.market.end_ms, *(line.at_ms for line in self.market.lines)]))
        self.clock.race(QUIET_SPEED)

    def settle(self) -> Verdict:
        """What the oracle says as soon as all is well, or when repairs have had their time."""
        until_ms, until_s = self.clock.now_ms() + _REPAIRED_WITHIN_MS, time.monotonic() + _REPAIRED_WITHIN_S
        verdict = None
        while self.clock.now_ms() < until_ms and time.monotonic() < until_s:
            self._mind()
            verdict = judged(self.database.url, self.source.history.official(self.clock.now_ms()))
            if verdict is not None and verdict.is_well:
                break
            time.sleep(0.2)
        assert verdict is not None, "the database did not answer in time"
        return verdict

    def slow_down(self, seconds_a_statement: float) -> Callable[[], None]:
        """Each of the programs' statements takes so long, until it is ended by what this gives."""
        told = self.folder / SLOW
        told.write_text(str(seconds_a_statement))
        return told.unlink

    @property
    def data_dir(self) -> Path:
        """The programs' folder."""
        return self.database.data_dir or self.folder

    def wait_until(self, when_ms: int) -> None:
        """Returns when the clock shows `when_ms`."""
        while self.clock.now_ms() < when_ms:
            self._mind()
            time.sleep(self.clock.real_s(when_ms))

    def logged(self) -> str:
        """All that the programs logged."""
        return "\n".join(program.log_path.read_text() for program in self.programs)

    def tail(self) -> str:
        """The end of what the programs logged."""
        return "\n".join(program.log_path.read_text()[-4000:] for program in self.programs)

    def tracebacks(self) -> str:
        """What the programs logged as errors of their own; empty when there is nothing."""
        texts = [program.log_path.read_text() for program in self.programs if program.log_path.exists()]
        return "\n".join(text[text.index("Traceback") - 500 :] for text in texts if "Traceback" in text)

    def _listens(self) -> bool:
        return any(shown["topics"] for shown in self.simulator.faults.state()["connections"])

    def _wait(self, holds: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 120
        while not holds():
            assert time.monotonic() < until_s, f"the program did not come up: {self.program.log_path.read_text()}"
            time.sleep(0.005)

    def _mind(self) -> None:
        for program in self.programs:
            program.mind()

    def _program(self, slot: int) -> Program:
        return Program({}, self.folder / "clock", self.folder / f"program-{slot}.log", slot, self._room)

    def _environment(self) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database.configured_url,
            "MASSIVE_API_KEY": "key",
            "MASSIVE_WS_URL": f"wss://localhost:{self.relay.port}/stocks" if self.relay else self.simulator.url,
            "SSL_CERT_FILE": str(GOOD) if self.relay else "",
            "MASSIVE_REST_URL": self.simulator.rest_url,
            "MASSIVE_REST_RATE": "100/second",
            "SYMBOLS": ",".join(self.market.symbols),
            **{key: value.format(*self.market.symbols) for key, value in self._settings.items()},
        }

    def _pace(self) -> None:
        """Lets time pass while the programs live on; on a busy machine it stands still in between."""
        seen = self.clock.beats()
        while not self._ended.wait(_GRANT_EVERY_S):
            beats = self.clock.beats()
            if all(beats[program.slot] > seen[program.slot] for program in self.programs if program.lives):
                self.clock.grant(_GRANT_S)
                seen = beats
