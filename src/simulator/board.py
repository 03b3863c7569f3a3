"""The standing faults of a server, as long as they are in force."""

from typing import NamedTuple, TypeVar

from src.simulator.clock import Clock
from src.simulator.faults import OnConnections, Standing

_Kind = TypeVar("_Kind", bound=Standing)


class Entry(NamedTuple):
    """A fault in force, its number, and when it ends by itself (epoch milliseconds of the server's clock)."""

    number: int
    fault: Standing
    until_ms: int | None


class Board:
    """Holds what is in force. Lives on the server's event loop; time is that of `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[int, Entry] = {}
        self._last_number = 0

    def put(self, fault: Standing) -> int:
        """Put a fault in force; its number."""
        self._last_number += 1
        until_ms = None if fault.for_s is None else self._clock.now_ms() + round(fault.for_s * 1000)
        self._entries[self._last_number] = Entry(self._last_number, fault, until_ms)
        return self._last_number

    def remove(self, number: int) -> bool:
        """End a fault; False when it is not in force."""
        return any(entry.number == number for entry in self.entries()) and bool(self._entries.pop(number))

    def clear(self) -> None:
        """End all faults."""
        self._entries.clear()

    def entries(self) -> list[Entry]:
        """What is in force now, the oldest first."""
        if self._entries:
            now_ms = self._clock.now_ms()
            self._entries = {
                number: entry
                for number, entry in self._entries.items()
                if entry.until_ms is None or now_ms < entry.until_ms
            }
        return list(self._entries.values())

    def of_kind(self, kind: type[_Kind]) -> list[_Kind]:
        """The faults of one kind, on whatever connections."""
        return [entry.fault for entry in self.entries() if isinstance(entry.fault, kind)]

    def on(self, connection: int) -> list[OnConnections]:
        """What is in force on one connection."""
        return [
            entry.fault
            for entry in self.entries()
            if isinstance(entry.fault, OnConnections)
            and (not entry.fault.connections or connection in entry.fault.connections)
        ]


class View:
    """The board as one connection sees it."""

    def __init__(self, board: Board, connection: int) -> None:
        self._board = board
        self._connection = connection

    def faults(self) -> list[OnConnections]:
        """What is in force on the connection."""
        return self._board.on(self._connection)

    def has(self, kind: type[OnConnections]) -> bool:
        """Whether a fault of that kind is in force on the connection."""
        return any(isinstance(fault, kind) for fault in self.faults())
