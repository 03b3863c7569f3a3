"""The command `python -m src.simulator`: serve a simulated feed, replay recordings, or write a day to files."""

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Sequence
from math import isinf
from pathlib import Path

from src.simulator.arguments import HOURS, parse
from src.simulator.control import CONTROL_PATH
from src.simulator.faults import MaxConnections
from src.simulator.flat_files import write_flat_file
from src.simulator.habits import RestHabits
from src.simulator.hours import Hours
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.recorder import write_session
from src.simulator.recordings import RecordingError
from src.simulator.replay import ReplaySource
from src.simulator.schedule import Disorder
from src.simulator.server import SimulatorServer
from src.simulator.universe import Instrument, default_universe, invented_universe, select

_POLL_S = 0.1
_DEMO_HABITS = RestHabits(lag_s=2.0, contradict=0.002, cancel=0.0005)


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit status."""
    options = parse(arguments, __doc__)
    try:
        if options.write_session is not None:
            return _write_session(options)
        if options.write_flat_file is not None:
            return _write_flat_file(options)
        source = _source(options)
    except (RecordingError, ValueError, OSError) as problem:
        return _complain(str(problem))
    return _serve(source, options)


def _source(options: argparse.Namespace) -> LiveSource | ReplaySource:
    if options.replay is None:
        return LiveSource(SyntheticMarket(options.seed, _universe(options), hours=_hours(options)), _habits(options))
    disorder = Disorder(options.duplicate or 0.0, options.reorder or 0.0, options.seed)
    speed = 1.0 if options.speed is None else options.speed
    return ReplaySource(options.replay, speed=None if isinf(speed) else speed, disorder=disorder)


def _universe(options: argparse.Namespace) -> list[Instrument]:
    return default_universe() + invented_universe(options.extra_symbols or 0)


def _hours(options: argparse.Namespace) -> Hours:
    return HOURS[options.hours or "always"]()


def _habits(options: argparse.Namespace) -> RestHabits:
    """What is not said is as the demonstration has it: some of everything, and little of it."""
    given = (options.rest_lag, options.rest_contradict, options.rest_cancel)
    return RestHabits(*(usual if one is None else one for one, usual in zip(given, _DEMO_HABITS, strict=True)))


def _serve(source: LiveSource | ReplaySource, options: argparse.Namespace) -> int:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    faults = [] if options.max_connections is None else [MaxConnections(limit=options.max_connections)]
    server = SimulatorServer(
        source,
        options.host,
        options.port,
        key=options.key,
        faults=faults,
        control=options.control,
        rest_rate=options.rest_rate,
        actions=options.rest_actions,
    )
    try:
        server.start()
    except OSError as problem:
        return _complain(_why_not_listening(problem, options))
    _say(f"Simulated feed, not the real market: {server.url} serves {source.description}. Ctrl+C ends it.")
    if options.control:
        _say(f"Faults are commanded at {server.rest_url}{CONTROL_PATH}.")
    replay = source if isinstance(source, ReplaySource) else None
    while server.running and not stopped.wait(_POLL_S):
        if replay is not None and replay.finished.is_set():
            _say(_counts(replay))
            replay = None
    server.stop()
    return 0


def _why_not_listening(problem: OSError, options: argparse.Namespace) -> str:
    if problem.errno == errno.EADDRINUSE:
        return (
            f"Port {options.port} on {options.host} is taken: choose another with --port, "
            "or end the program that listens there."
        )
    return f"Cannot listen on {options.host}, port {options.port} ({problem}): choose others with --host and --port."


def _counts(replay: ReplaySource) -> str:
    counts = replay.counts
    return (
        f"Replay finished: {counts.second_events} A and {counts.minute_events} AM events were sent "
        f"(symbols: {len(replay.symbols)}, duplicates: {counts.duplicates})."
    )


def _write_session(options: argparse.Namespace) -> int:
    written = write_session(
        options.write_session, options.symbols, options.date, seed=options.seed, hours=_hours(options)
    )
    _say(f"Wrote {len(written)} files of simulated bars of {options.date} below {options.write_session}.")
    return 0


def _write_flat_file(options: argparse.Namespace) -> int:
    kind, path = options.write_flat_file
    universe = _universe(options)
    rows = write_flat_file(
        Path(path),
        kind,
        options.date,
        select(options.symbols, universe) if options.symbols else universe,
        seed=options.seed,
        hours=_hours(options),
        habits=_habits(options),
    )
    _say(f"Wrote {rows} rows of simulated bars of {options.date} to {path}.")
    return 0


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def _complain(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
