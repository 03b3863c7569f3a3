"""A server whose source is a test."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from src.simulator.bars import Bar
from src.simulator.clock import Clock
from src.simulator.replay_history import ReplayHistory
from src.simulator.server import SimulatorServer
from src.simulator.source import Publisher, Source
from src.simulator.wire import Event, aggregate
from tests.unit.simulator.feed_client import Element


class Puppet:
    """A source whose events the test sends."""

    def __init__(self) -> None:
        self._publisher: Publisher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.history = ReplayHistory([])
        self.started = threading.Event()

    @property
    def description(self) -> str:
        return "what a test sends"

    async def run(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher, self._loop = publisher, asyncio.get_running_loop()
        self.started.set()
        await asyncio.Event().wait()

    def send(self, *events: Event) -> None:
        """Publish on the server's loop, and return when that was done."""
        assert self._publisher is not None
        assert self._loop is not None
        published = threading.Event()
        self._loop.call_soon_threadsafe(self._publisher.publish, events)
        self._loop.call_soon_threadsafe(published.set)
        assert published.wait(60)


def event(topic: str, text: str = "x") -> Event:
    channel = topic.partition(".")[0]
    return Event(channel, topic, json.dumps({"ev": channel, "topic": topic, "text": text}))


@contextmanager
def serving(source: Source, **options: Any) -> Iterator[SimulatorServer]:
    with SimulatorServer(source, **options) as server:
        yield server


def status(kind: str, message: str) -> Element:
    return {"ev": "status", "status": kind, "message": message}


def bar(channel: str, symbol: str, start_ms: int, **changes: Any) -> Event:
    """An aggregate as the feed sends it."""
    end_ms = start_ms + (60_000 if channel == "AM" else 1_000)
    prices = {"open": 10.0, "high": 10.5, "low": 9.5, "close": 10.25, "vwap": 10.1, "day_vwap": 10.05, "day_open": 9.9}
    volumes = {"volume_micro": 100_500_000, "day_volume_micro": 900_500_000, "trades": 7}
    return aggregate(channel, Bar(symbol, start_ms, end_ms, **(prices | volumes | changes)))
