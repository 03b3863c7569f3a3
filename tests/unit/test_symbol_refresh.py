"""The vendor's list of symbols: when it is loaded, and what is made of it."""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from src.core.domain.market.vendor_answer import VendorTicker
from src.core.errors import DatabaseUnavailableError, VendorError
from src.core.ports import Job
from src.core.services.symbol_refresh import SymbolRefresh, take_over
from tests.held_clock import HeldClock
from tests.waiting import wait_for

DAY_MS = 86_400_000
JOB = Job("1", "symbols.refresh", {}, "admin")


def ticker(symbol: str) -> VendorTicker:
    return VendorTicker(symbol, f"{symbol} Inc.", "CS", "XNAS")


class Clock(HeldClock):
    """Waits as little as the test wants."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(0.005)


class Side:
    """The vendor and the database, in memory."""

    def __init__(self) -> None:
        self.pages: list[list[VendorTicker]] = [[ticker("AAPL"), ticker("no ticker")], [ticker("MSFT")]]
        self.asked = 0
        self.failure: Exception | None = None
        self.urgent = False
        self.kept: list[list[str]] = []
        self.refreshed: int | None = None

    def tickers(self) -> Iterator[list[VendorTicker]]:
        self.asked += 1
        for page in self.pages:
            if self.failure is not None:
                raise self.failure
            yield page

    def refreshed_ms(self) -> int | None:
        return self.refreshed

    def refresh(self, tickers: Sequence[VendorTicker]) -> int:
        self.kept.append([one.ticker for one in tickers])
        return len(tickers)


@pytest.fixture
def side() -> Side:
    return Side()


@pytest.fixture
def clock() -> Clock:
    return Clock()


Begin = Callable[..., SymbolRefresh]


@pytest.fixture
def begin(side: Side, clock: Clock) -> Iterator[Begin]:
    begun: list[SymbolRefresh] = []

    def begin_(*, by_itself: bool) -> SymbolRefresh:
        service = SymbolRefresh(side, side, clock, lambda: side.urgent, by_itself=by_itself)
        begun.append(service)
        service.start()
        return service

    yield begin_
    for service in begun:
        service.stop()


def test_with_a_key_it_is_loaded_a_while_after_the_start_and_again_a_day_later(
    begin: Begin, side: Side, clock: Clock
) -> None:
    begin(by_itself=True)
    clock.ms += 59_000
    assert side.kept == []
    clock.ms += 2_000
    wait_for(lambda: side.kept == [["AAPL", "MSFT"]])
    side.refreshed = clock.ms
    clock.ms += DAY_MS // 2
    wait_for(lambda: side.kept == [["AAPL", "MSFT"]])
    clock.ms += DAY_MS
    wait_for(lambda: len(side.kept) == 2)


def test_without_a_key_it_is_loaded_when_asked_for_alone(begin: Begin, side: Side, clock: Clock) -> None:
    service = begin(by_itself=False)
    clock.ms += 2 * DAY_MS
    assert "being loaded" in service.ask(JOB)
    wait_for(lambda: len(side.kept) == 1)
    assert side.asked == 1


def test_a_list_that_is_young_is_not_loaded_by_itself(begin: Begin, side: Side, clock: Clock) -> None:
    side.refreshed = clock.ms
    service = begin(by_itself=True)
    clock.ms += 120_000
    service.ask(JOB)
    wait_for(lambda: len(side.kept) == 1)
    assert side.asked == 1


def test_what_is_urgent_goes_first(begin: Begin, side: Side) -> None:
    side.urgent = True
    service = begin(by_itself=False)
    service.ask(JOB)
    wait_for(lambda: side.asked == 1)
    assert side.kept == []
    side.urgent = False
    wait_for(lambda: len(side.kept) == 1)


@pytest.mark.parametrize(
    "failure", [VendorError("It says no."), DatabaseUnavailableError("It is away."), ValueError("A defect.")]
)
def test_a_failure_is_said_and_ends_nothing(
    begin: Begin, side: Side, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    side.failure = failure
    service = begin(by_itself=False)
    service.ask(JOB)
    wait_for(lambda: "was not loaded" in caplog.text)
    side.failure = None
    service.ask(JOB)
    wait_for(lambda: len(side.kept) == 1)


def test_an_empty_list_is_not_believed(side: Side) -> None:
    with pytest.raises(VendorError, match="empty"):
        take_over([ticker("no ticker")], side)
    assert side.kept == []
