"""Recorded sessions as a feed: the digits of the files, at a chosen speed, in order or as on a bad day."""

import threading
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from src.simulator import recordings
from src.simulator.clock import Clock
from src.simulator.replay_history import ReplayHistory
from src.simulator.schedule import Disorder, Scheduled, schedule
from src.simulator.source import Publisher
from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL

# At full speed so many events are handed over before the clients' queues are looked at again.
_BATCH_EVENTS = 400


class ReplayCounts(NamedTuple):
    """What a replay has sent so far; duplicates are counted among the events."""

    second_events: int
    minute_events: int
    duplicates: int


class ReplaySource:
    """Replays recordings once, from when the first client has subscribed, whoever may listen.

    `paths` are folders with `second` and `minute` in them, or files. `speed` is a multiple of real time, None for
    as fast as the clients read. `finished` is set once everything was written to the sockets.
    `recordings.RecordingError` names what is wrong with a file.
    """

    def __init__(self, paths: Sequence[Path], *, speed: float | None = None, disorder: Disorder | None = None) -> None:
        files = recordings.find(paths)
        self._schedule = schedule(chain.from_iterable(map(recordings.read, files)), disorder or Disorder())
        self._speed = speed
        self._sent: Counter[str] = Counter()
        self._duplicates = 0
        self.history = ReplayHistory(self.symbols)
        self.finished = threading.Event()

    @property
    def symbols(self) -> list[str]:
        """The tickers that the recordings hold."""
        return sorted({item.bar.symbol for item in self._schedule})

    @property
    def counts(self) -> ReplayCounts:
        """What was sent so far."""
        return ReplayCounts(self._sent[SECOND_CHANNEL], self._sent[MINUTE_CHANNEL], self._duplicates)

    @property
    def description(self) -> str:
        """For people: what is served, as the end of a sentence."""
        pace = "full speed" if self._speed is None else f"{self._speed:g} times real time"
        return f"a replay of {len(self._schedule)} recorded events (symbols: {len(self.symbols)}) at {pace}"

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        """Wait for a subscription, send everything, and return."""
        await publisher.subscribed()
        if self._speed is None:
            await self._run_at_full_speed(publisher)
        else:
            await self._run_timed(publisher, clock, self._speed)
        await publisher.flushed()
        self.finished.set()

    async def _run_at_full_speed(self, publisher: Publisher) -> None:
        for first in range(0, len(self._schedule), _BATCH_EVENTS):
            self._send(publisher, self._schedule[first : first + _BATCH_EVENTS])
            await publisher.room()

    async def _run_timed(self, publisher: Publisher, clock: Clock, speed: float) -> None:
        started_ms, sent = clock.now_ms(), 0
        while sent < len(self._schedule):
            first_ms = self._schedule[0].send_at_ms
            await clock.sleep_until(started_ms + int((self._schedule[sent].send_at_ms - first_ms) / speed))
            until_ms = first_ms + (clock.now_ms() - started_ms) * speed
            due = sent + 1
            while due < len(self._schedule) and self._schedule[due].send_at_ms <= until_ms:
                due += 1
            self._send(publisher, self._schedule[sent:due])
            sent = due

    def _send(self, publisher: Publisher, batch: list[Scheduled]) -> None:
        publisher.publish([item.event for item in batch])
        for item in batch:
            self._sent[item.bar.channel] += 1
            self._duplicates += item.duplicate
            if item.bar.channel == MINUTE_CHANNEL:
                self.history.add(item.bar)
