"""Reading flat files beside the process that stores them: two cores do what one could not.

`python -m src.infrastructure.data_sources.flat_file_process DATABASE ROWS [STAMP PATH]...` reads the files, one after
the other, and writes to its output what `core.domain.market.flat_file` names: each message as MessagePack after its
length. DATABASE is the kind of database that the bars are encoded for, ROWS how many of them make a batch at most.
The output's pipe bounds what waits there: when it is full, reading waits.
"""

import contextlib
import fcntl
import gc
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from src.core.domain.market.flat_file import DayBatch, FileBegun, FileEnded, Message, MinuteBatch, MinuteRow
from src.core.domain.market.history import Timespan
from src.core.errors import FlatFileError
from src.infrastructure.data_sources.flat_file_rows import BarRows, line_groups, outline_of
from src.infrastructure.database.file_batches import encode_rows

_LENGTH_BYTES = 4
_PIPE_BYTES = 1 << 20  # two batches of 5,000 bars: the most that an unprivileged process may ask for
_AHEAD = 8  # batches, which are 4 MB
_LOOK_S = 0.01
_ENDS_WITHIN_S = 5.0


# -- the process that reads ------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> None:
    """Reads the files that the command line names, and tells of them on the standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who listens
    gc.disable()  # rows by the thousand, and nothing in a circle: looking for one takes a tenth of the time
    database, rows, *files = arguments
    encoder = msgspec.msgpack.Encoder()
    with contextlib.suppress(BrokenPipeError):  # who listened has ended
        for stamp, path in zip(files[::2], files[1::2], strict=True):
            for message in messages_of(path, int(stamp), database, int(rows)):
                data = encoder.encode(message)
                sys.stdout.buffer.write(len(data).to_bytes(_LENGTH_BYTES, "big"))
                sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def messages_of(path: str, stamp: int, database: str, most_rows: int) -> Iterator[Message]:
    """What there is to tell of one file; nothing of it when it turns out not to be whole."""
    try:
        outline = outline_of(path)
        yield FileBegun(path, Path(path).stat().st_size, outline.rows, outline.timespan)
        made = BarRows(outline.columns, stamp)
        for first_line, lines in line_groups(path, most_rows):
            first = int(first_line == 1)  # the names of the columns
            yield _batch(made, outline.timespan, first_line + first, lines[first:], stamp, database)
    except FlatFileError as error:
        yield FileEnded(path, trouble=str(error))
    else:
        yield FileEnded(path, made.bad_rows, tuple(made.named))


def _batch(
    made: BarRows, timespan: Timespan, first_line: int, lines: Sequence[str], stamp: int, database: str
) -> MinuteBatch | DayBatch:
    if timespan is Timespan.DAY:
        return DayBatch(made.days(first_line, lines), len(lines))
    rows = made.minutes(first_line, lines)
    first, last = _bounds(rows)
    encoded = encode_rows(database, rows)
    return MinuteBatch(encoded, len(rows), len(lines), stamp, list(first), list(first.values()), list(last.values()))


def _bounds(rows: Sequence[MinuteRow]) -> tuple[dict[str, int], dict[str, int]]:
    """The first and the last minute of each symbol; `rows` are ordered."""
    last = {row[0]: row[1] for row in rows}
    first = {row[0]: row[1] for row in reversed(rows)}
    return dict(sorted(first.items())), last


# -- the process that listens ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def reading(files: Sequence[tuple[str, int]], database: str, rows: int, folder: Path) -> Iterator[Iterator[Message]]:
    """What is told of `files` (paths and evidence stamps) by a process of its own, which ends with the context.

    `folder` is the project's. FlatFileError while iterating when that process ended before it was done.
    """
    named = [text for path, stamp in files for text in (str(stamp), path)]
    command = [sys.executable, "-m", __name__, database, str(rows), *named]
    process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)  # noqa: S603  ours, and no shell
    assert process.stdout is not None  # noqa: S101  it was asked for
    with contextlib.suppress(OSError):  # a machine may allow less, which only lets one wait for the other more often
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    with process.stdout as output:
        ahead = _Ahead(_messages(output, process))
        try:
            yield iter(ahead)
        finally:
            process.kill()
            process.wait(_ENDS_WITHIN_S)
            ahead.end()


class _Ahead:
    """What `messages` gives, read by a thread of its own while what came before is stored: storing takes now longer and
    now shorter than reading, and neither is to wait for the other. At most `_AHEAD` wait."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self._messages = messages
        self._read: queue.Queue[Message | FlatFileError | None] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._run, name="flat-file-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for message in self._messages:
                self._read.put(message)
            self._read.put(None)
        except FlatFileError as error:
            self._read.put(error)

    def __iter__(self) -> Iterator[Message]:
        while (message := self._read.get()) is not None:
            if isinstance(message, FlatFileError):
                raise message
            yield message

    def end(self) -> None:
        """Once the other process has ended: lets go of what was not asked for."""
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):
                self._read.get(timeout=_LOOK_S)


def _messages(output: IO[bytes], process: "subprocess.Popen[bytes]") -> Iterator[Message]:
    decoder = msgspec.msgpack.Decoder(Message)
    while head := output.read(_LENGTH_BYTES):
        length = int.from_bytes(head, "big")
        data = output.read(length)
        if len(data) < length:
            break
        yield decoder.decode(data)
    if process.wait(_ENDS_WITHIN_S):
        raise FlatFileError(f"The process that reads the files ended before it was done (status {process.returncode}).")


if __name__ == "__main__":
    main(sys.argv[1:])
