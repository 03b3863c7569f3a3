"""When market state is calculated: for whom, how often, and until when. The database is not real; the arrays are."""

import datetime as dt
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from src.core.analytics.panel import Floats
from src.core.domain.market.cursor import Changes, Cursor
from src.core.domain.market.session import TradingDay
from src.core.errors import DatabaseUnavailableError
from src.core.market_ports import DayCells, Described, PanelMark
from src.core.ports import Seen
from src.core.services.market_book import MarketStores
from src.core.services.market_state_service import MarketStateService
from src.core.services.usual_volume import UsualVolume
from tests.bars import bar
from tests.held_clock import HeldClock
from tests.market_site import OPENED, SESSIONS, trading_days
from tests.waiting import wait_for

TODAY = dt.date(2025, 11, 20)
MINUTE_MS = 60_000


class Clock(HeldClock):
    """Stands at 10:30 New York until it is set; who rests looks again soon."""

    def __init__(self) -> None:
        super().__init__(OPENED + 60 * MINUTE_MS)
        self.rests: list[float] = []

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.rests.append(timeout_s)
        return event.wait(0.001)


class Stores:
    """What a database tells: a day's close of every symbol, and changes of minutes that a test makes."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.reads: list[tuple[str, ...]] = []
        self.revision = 1
        self.changed: list[str] = []
        self.minute = 59
        self.takes_s = 0.0
        self.is_away = False
        self.said = Described({}, {}, {})

    def seen(self, at_least: int = 0) -> Seen:
        return Seen("d" * 32, self.revision, self.clock.ms, 1, 0, None, None, None, None)

    def changes(self, symbols: Sequence[str], cursor: Cursor, limit: int, seen: Seen) -> Changes:
        told = [] if cursor.revision == seen.revision else [one for one in self.changed if one in symbols]
        minute = OPENED + self.minute * MINUTE_MS
        return Changes(
            [bar(symbol, minute, close=7.0) for symbol in told], cursor._replace(revision=seen.revision), False
        )

    def minutes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        return np.full((5, len(symbols), 390), np.nan)

    def volumes(self, symbols: Sequence[str], day: TradingDay) -> Floats:
        return np.full((len(symbols), 390), np.nan)

    def described(self) -> Described:
        return self.said

    def settled(self, symbols: Sequence[str], date: dt.date) -> frozenset[str]:
        return frozenset()


class Days:
    """Stored days, on the same database."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores

    def mark(self) -> PanelMark:
        return PanelMark("d" * 32, self.stores.revision, 1)

    def days(self, symbols: Sequence[str], dates: Sequence[dt.date]) -> Floats:
        self.stores.reads.append(tuple(symbols))
        self.stores.clock.ms += round(self.stores.takes_s * 1000)
        return np.full((5, len(symbols), len(dates)), 5.0)

    def changes(self, symbols: Sequence[str], dates: Sequence[dt.date], since: PanelMark) -> DayCells:
        if self.stores.is_away:  # after the minutes were taken
            raise DatabaseUnavailableError("It is away.")
        self.stores.clock.ms += round(self.stores.takes_s * 1000)
        nothing = np.array([], dtype=np.intp)
        return DayCells(nothing, nothing, np.empty((5, 0)))

    def splits(self, symbols: Sequence[str]) -> list[object]:
        return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores(clock: Clock) -> Stores:
    return Stores(clock)


@pytest.fixture
def service(stores: Stores, clock: Clock) -> Iterator[MarketStateService]:
    parts = MarketStores(stores, Days(stores), stores, stores, SESSIONS.known_or_usual)  # type: ignore[arg-type]  # a part of the ports
    service = MarketStateService(parts, clock)
    yield service
    service.stop()


def settle(clock: Clock) -> None:
    """Lets some turns of the thread pass."""
    seen = len(clock.rests)
    wait_for(lambda: len(clock.rests) > seen + 3)


def threads() -> set[threading.Thread]:
    """Those of this and of other tests."""
    return {thread for thread in threading.enumerate() if thread.name == "market-state"}


def test_it_calculates_once_for_all_who_ask_and_again_only_when_a_bar_of_theirs_changed(
    service: MarketStateService, stores: Stores, clock: Clock
) -> None:
    first = service.state(["A", "B"])
    assert first is not None
    assert service.state(("A", "B")) is first
    assert stores.reads == [("A", "B", "SPY")]
    stores.changed, stores.revision = ["OTHER"], 2
    clock.ms += 1_000
    settle(clock)
    assert service.peek(["A", "B"]) is first
    stores.changed, stores.minute, stores.revision = ["A"], -1, 3  # before the session
    clock.ms += 1_000
    settle(clock)
    assert service.peek(["A", "B"]) is first
    stores.minute, stores.revision = 59, 4
    settle(clock)
    assert service.peek(["A", "B"]) is first  # not twice within a second
    clock.ms += 1_000
    wait_for(lambda: service.peek(["A", "B"]) is not first)
    second = service.peek(["A", "B"])
    assert second is not None
    assert second.rankings.figures["price"].tolist() == [7.0, 5.0]
    assert first.rankings.figures["price"].tolist() == [5.0, 5.0]  # who has it keeps what it was
    assert second.tag != first.tag
    assert len(stores.reads) == 1


def test_it_rests_four_times_as_long_as_it_worked(service: MarketStateService, stores: Stores, clock: Clock) -> None:
    stores.takes_s = 2.0
    service.state(["A"])
    settle(clock)
    assert 7.9 < max(clock.rests) <= 8.0
    stores.takes_s = 0.0
    stores.changed, stores.revision = ["A"], 2
    before = service.peek(["A"])
    clock.ms += 7_000
    settle(clock)
    assert service.peek(["A"]) is before
    assert service.state(["B"]) is not None  # a question that is new does not wait for the end of the rest
    assert service.peek(["A"]) is before
    clock.ms += 1_100
    wait_for(lambda: service.peek(["A"]) is not before)


def test_it_works_only_while_somebody_asks(service: MarketStateService, stores: Stores, clock: Clock) -> None:
    others = threads()
    service.state(["A"])
    (thread,) = threads() - others
    clock.ms += 59_000
    settle(clock)
    assert thread.is_alive()
    clock.ms += 1_000
    wait_for(lambda: not thread.is_alive())
    assert service.peek(["A"]) is None  # it is forgotten, and begun anew
    assert service.state(["A"]) is not None
    assert len(stores.reads) == 2


def test_it_follows_eight_questions_at_most(service: MarketStateService, stores: Stores) -> None:
    for number in range(10):
        service.state([f"S{number}"])
    assert service.peek(["S0"]) is None
    assert service.peek(["S9"]) is not None


def test_while_the_database_is_away_whoever_asks_is_told_and_what_was_missed_is_made_up(
    service: MarketStateService, stores: Stores, clock: Clock
) -> None:
    before = service.state(["A"])
    stores.is_away, stores.changed, stores.revision = True, ["A"], 2
    clock.ms += 1_000
    wait_for(lambda: is_away(service))
    stores.is_away = False
    clock.ms += 10_000
    wait_for(lambda: not is_away(service) and service.peek(["A"]) is not before)


def is_away(service: MarketStateService) -> bool:
    try:
        service.peek(["A"])
    except DatabaseUnavailableError:
        return True
    return False


def test_another_day_begins_with_its_session_and_a_day_that_is_over_is_no_more_provisional(
    service: MarketStateService, stores: Stores, clock: Clock
) -> None:
    state = service.state(["A"])
    assert state is not None
    assert (state.date, state.is_provisional) == (TODAY, True)
    clock.ms = OPENED + 390 * MINUTE_MS
    wait_for(lambda: (found := service.peek(["A"])) is not None and not found.is_provisional)
    clock.ms = OPENED + 24 * 60 * MINUTE_MS - 1
    assert (service.state(["A"]) or state).date == TODAY
    clock.ms += 1_001
    wait_for(lambda: (found := service.peek(["A"])) is not None and found.date == TODAY + dt.timedelta(days=1))


def test_the_usual_volume_is_the_mean_of_twenty_whole_days_by_the_time_of_day() -> None:
    days = trading_days(dt.date(2025, 12, 5), 25)  # the day after Thanksgiving closes at 13:00
    stores = Stores(Clock())
    asked: list[dt.date] = []

    def volumes(symbols: Sequence[str], day: TradingDay) -> Floats:
        asked.append(day.date)
        found = np.full((len(symbols), 390), 2.0)
        found[0, 1::2] = np.nan
        found[1, :] = np.nan if len(asked) > 17 else 2.0
        return found * (0.5 if day.date == TODAY else 1.0)

    stores.volumes = volumes  # type: ignore[method-assign]  # a port's method
    usual = UsualVolume(["A", "B"], days)
    factors = {TODAY: np.array([2.0, 2.0, 1.0])}
    while not usual.is_known:
        assert usual.mean() is None
        usual.read_piece(stores, lambda date: factors.get(date, np.ones(3)))
    assert len(asked) == 20
    assert dt.date(2025, 11, 28) not in asked
    mean = usual.mean()
    assert mean is not None
    assert mean[0, 0] == pytest.approx(6.0)
    assert mean[0, -1] == pytest.approx(390.0)
    assert np.isnan(mean[1]).all()  # 17 days are too few
