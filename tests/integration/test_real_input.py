"""Whole sessions through a real WebSocket into the database: what is stored equals the official bars, exactly."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from src.app import build_runtime
from src.config.settings import Settings, parse_settings
from src.core.domain.market.bar import Bar, Tier
from src.simulator.replay import ReplaySource
from src.simulator.schedule import Disorder
from src.simulator.server import SimulatorServer
from tests.bars import stored_bars
from tests.market_data import Session, make_session, minutes_of_seconds, rows

Values = tuple[float, float, float, float, float]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return make_session(tmp_path_factory.mktemp("session"))


def replay(source: ReplaySource, database_url: str, symbols: tuple[str, ...], channels: str) -> list[Bar]:
    """Runs the whole ingesting half against `source`; gives what is stored when all was sent."""
    with SimulatorServer(source) as server:
        settings = _settings(database_url, server.port, symbols, channels)
        service = build_runtime(settings)
        assert service is not None
        service.start()
        assert source.finished.wait(90), "the replay did not end in time"
        sent = source.counts.second_events * ("A" in channels.split(",")) + source.counts.minute_events * (
            "AM" in channels
        )
        _wait_until_received(service.snapshot, sent)
        service.stop()
    return stored_bars(settings.database_url)


def _settings(database_url: str, port: int, symbols: tuple[str, ...], channels: str) -> Settings:
    return parse_settings(
        {
            "DATABASE_URL": database_url,
            "SIMULATOR_PORT": str(port),
            "SYMBOLS": ",".join(symbols),
            "MASSIVE_CHANNELS": channels,
            "BACKFILL_DAYS": "0",
        }
    )


def _wait_until_received(snapshot: Callable[[], dict[str, Any]], sent: int) -> None:
    deadline = time.monotonic() + 90
    while (received := snapshot()["ticks"]) < sent:
        assert time.monotonic() < deadline, f"{received} of {sent} events were received"
        time.sleep(0.05)


def values(bar: Bar) -> Values:
    return (bar.open, bar.high, bar.low, bar.close, bar.volume)


def official(session: Session) -> dict[tuple[str, int], Values]:
    """The bars of the minute files, number by number as the text there says."""
    return {
        (symbol, row.start_ms): (float(row.open), float(row.high), float(row.low), float(row.close), float(row.volume))
        for symbol, path in zip(session.symbols, session.files("minute"), strict=True)
        for row in rows(path)
    }


def test_the_stored_minutes_equal_the_official_ones_through_duplicates_and_reordering(
    session: Session, postgresql_database_url: str
) -> None:
    source = ReplaySource(session.files("second", "minute"), disorder=Disorder(duplicate=0.1, reorder_s=60, seed=1))
    stored = replay(source, postgresql_database_url, session.symbols, "A,AM")
    expected = official(session)
    assert source.counts.duplicates > 1000
    assert {(bar.symbol, bar.timestamp): values(bar) for bar in stored} == expected
    assert {bar.tier for bar in stored} == {Tier.OFFICIAL}


def test_with_seconds_alone_the_stored_minutes_are_what_merging_them_gives(
    session: Session, sqlite_database_url: str
) -> None:
    source = ReplaySource(session.files("second"), disorder=Disorder(duplicate=0.1, reorder_s=60, seed=2))
    stored = replay(source, sqlite_database_url, session.symbols, "A")
    expected = {
        (symbol, start_ms): merged
        for symbol, path in zip(session.symbols, session.files("second"), strict=True)
        for start_ms, merged in minutes_of_seconds(path).items()
    }
    assert {(bar.symbol, bar.timestamp): values(bar) for bar in stored} == expected
    assert {bar.tier for bar in stored} == {Tier.LIVE}


def test_minutes_alone_give_no_bar_too_many(session: Session, sqlite_database_url: str) -> None:
    source = ReplaySource(session.files("minute"))
    stored = replay(source, sqlite_database_url, session.symbols, "AM")
    assert {(bar.symbol, bar.timestamp): values(bar) for bar in stored} == official(session)
