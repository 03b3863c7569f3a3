"""Daily bars beside the feed: made of minutes as they change, replaced by the vendor's, over restarts."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence

import pytest

from src.config.settings import PROJECT_ROOT
from src.core.domain.market import daily_plan
from src.core.domain.market.adjustment import ActionKind, ActionSource, CorporateAction
from src.core.domain.market.aggregation import DayOf
from src.core.domain.market.bar import MINUTE_MS, Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.session import usual_day
from src.core.errors import ActionRefusedError, KeyRefusedError, VendorUnavailableError
from src.core.ports import Job
from src.core.services.daily_service import DailyService, MakingParts
from src.core.services.vendor_days import Urgency, VendorParts
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.day_maker import DatabaseDayMaker
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, day, stored_days
from tests.reconciling import StoppedClock
from tests.unit.test_aggregation import at
from tests.waiting import wait_for

CALENDAR = load_session_table(PROJECT_ROOT / "data/sessions.csv")
THURSDAY, FRIDAY = dt.date(2025, 11, 20), dt.date(2025, 11, 21)
NOON = at(THURSDAY, "12:00")
DAY = dt.timedelta(days=1)
PAST = 19  # trading days before the present one
LIVE, OFFICIAL, FINAL = Tier.LIVE, Tier.OFFICIAL, Tier.FINAL


class Vendor:
    """The vendor's whole market: `days`, or an error."""

    def __init__(self) -> None:
        self.days: list[DailyBar] = []
        self.error: Exception | None = None
        self.asked: list[dt.date] = []
        self.at_asked: Callable[[], object] = lambda: None
        self.told_splits: list[CorporateAction] = []
        self.asked_splits: list[tuple[dt.date, dt.date]] = []

    def splits(self, from_date: dt.date, to_date: dt.date) -> Iterator[CorporateAction]:
        if self.error is not None:
            raise self.error
        self.asked_splits.append((from_date, to_date))
        yield from self.told_splits

    def market_day(self, date: dt.date) -> list[DailyBar]:
        self.asked.append(date)
        self.at_asked()
        if self.error is not None:
            raise self.error
        return [one for one in self.days if one.date == date]


class Bench:
    """Services on one database, one after the other, by a clock that stands."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = StoppedClock(NOON)
        self.vendor = Vendor()
        self.database = TickStockDatabase(write_engine(url), self.clock.now_us)
        self._engine = read_engine(url)
        self.kept: frozenset[str] | None = None
        self.urgent = False
        self.past_of: frozenset[str] | None = frozenset()  # whose past is wanted: it waits while nobody's is
        self.day_of: DayOf = CALENDAR.known_or_usual
        self.splits: list[tuple[dt.date, dt.date, Sequence[CorporateAction]]] = []

    def keep_splits(self, first: dt.date, last: dt.date, splits: Sequence[CorporateAction]) -> None:
        self.splits.append((first, last, splits))

    def service(self, lag_ms: int = 0) -> DailyService:
        parts = MakingParts(DatabaseDayMaker(self._engine), self.database, self.clock, lambda: lag_ms)
        urgency = Urgency(lambda: self.urgent, lambda: self.urgent or self.past_of == frozenset(), 600.0)
        vendor = VendorParts(self.vendor, lambda: self.past_of, lambda _date: self.kept, self.keep_splits, urgency)
        return DailyService(parts, vendor, self.day_of)

    def trade(self, symbol: str = "AAPL", minute: int = MINUTE, **values: object) -> None:
        self.database.merge([bar(symbol, minute, observed_at=self.database.clock.stamp(), **values)])  # type: ignore[arg-type]  # as given

    def days(self) -> list[tuple[str, str, int, float, int, bool]]:
        """Symbol, date, tier, close, shares and whether partial, of what is stored and counts."""
        return [
            (one.symbol, str(one.date), one.tier, one.close, int(one.volume), bool(one.partial))
            for one in stored_days(self.url)
            if not one.withdrawn
        ]

    def pass_ms(self, passed_ms: int) -> None:
        self.clock.ms += passed_ms

    def close(self) -> None:
        self.database.close()
        self._engine.dispose()


@pytest.fixture
def bench(sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(daily_plan, "HISTORY_DAYS", PAST + 1)
    bench = Bench(sqlite_database_url)
    yield bench
    bench.close()


def job(*symbols: str, first: dt.date = THURSDAY, last: dt.date = THURSDAY) -> Job:
    arguments = {"symbols": list(symbols), "from_date": first.isoformat(), "to_date": last.isoformat()}
    return Job("job", "daily.rebuild", arguments, "admin")


def test_the_present_day_grows_with_its_minutes(bench: Bench) -> None:
    service = bench.service()
    bench.trade()
    bench.trade("IBM", MINUTE - MINUTE_MS)  # before the open: no day yet
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 150.25, 100, True)]
    bench.trade(minute=MINUTE + MINUTE_MS, close=151.0)
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 151.0, 200, True)]
    bench.clock.ms = at(THURSDAY, "16:00")
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 151.0, 200, False)]


def test_what_did_not_change_is_not_written_again(bench: Bench) -> None:
    service = bench.service()
    bench.trade()
    service.turn()
    revision = bench.database.merge([bar("IBM")]).revision
    service.turn()
    service.turn()
    later = bench.database.merge([bar("IBM", close=1.0, observed_at=2)]).revision
    assert (revision, later) == (revision, (revision or 0) + 2)  # IBM's day was written once, Apple's not again


def test_minutes_that_come_last_are_in_the_day_although_no_note_tells_of_them(bench: Bench) -> None:
    service = bench.service()
    bench.trade()
    bench.clock.ms = at(THURSDAY, "16:00")
    service.turn()
    bench.trade(minute=at(THURSDAY, "15:59"), close=149.0)
    bench.clock.ms = at(THURSDAY, "16:30")
    service.turn()
    assert bench.days()[0][3:] == (149.0, 200, False)


def test_of_the_present_day_the_newest_minutes_alone_are_read_again_and_those_that_changed(bench: Bench) -> None:
    service = bench.service()
    bench.trade(close=150.0)
    bench.trade(minute=NOON - 60 * MINUTE_MS, close=160.0)
    bench.trade(minute=NOON, close=155.0)
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 155.0, 300, True)]
    # What is not noted is not read again: as nobody changes a bar without a note.
    engine = write_engine(bench.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE ohlcv_1min SET volume = 7 WHERE timestamp = {MINUTE}")
    engine.dispose()
    bench.trade(minute=NOON, volume=50.0, close=154.0)
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 154.0, 250, True)]
    bench.trade(minute=MINUTE, volume=1000.0, close=150.0)
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 154.0, 1150, True)]
    bench.trade(minute=NOON + 30 * MINUTE_MS, close=153.0)  # so that what was new is settled now
    bench.clock.ms = NOON + 31 * MINUTE_MS
    service.turn()
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", LIVE, 153.0, 1250, True)]


def test_a_day_of_before_is_made_anew_when_a_repair_changes_it(bench: Bench) -> None:
    service = bench.service()
    bench.trade()
    service.turn()
    monday = at(dt.date(2025, 11, 17), "10:00")
    bench.trade(minute=monday, close=9.0)
    bench.trade("IBM", minute=monday - 5 * 86_400_000 - 2 * 86_400_000)
    service.turn()
    assert [(symbol, date) for symbol, date, *_ in bench.days()] == [
        ("AAPL", "2025-11-17"),
        ("AAPL", "2025-11-20"),
        ("IBM", "2025-11-10"),
    ]


def test_a_new_start_goes_on_from_the_last_change_that_was_seen(bench: Bench) -> None:
    bench.trade()
    bench.service().turn()
    bench.trade(minute=MINUTE - 30 * 86_400_000)  # while nothing runs
    service = bench.service()
    service.turn()
    assert [date for _symbol, date, *_ in bench.days()] == ["2025-10-21", "2025-11-20"]


def test_a_first_start_makes_the_last_trading_days(bench: Bench) -> None:
    for back in (0, 1, 2, 5, 6, 7, 8, 9):
        bench.trade(minute=MINUTE - back * 86_400_000)
    bench.service().turn()
    assert [date[-2:] for _symbol, date, *_ in bench.days()] == ["13", "14", "18", "19", "20"]


def test_a_provisional_day_without_minutes_any_more_is_withdrawn(bench: Bench) -> None:
    service = bench.service()
    bench.trade()
    service.turn()
    bench.trade(withdrawn=True)
    service.turn()
    assert bench.days() == []
    assert [one.withdrawn for one in stored_days(bench.url)] == [True]


def test_the_simulated_market_trades_on_saturdays(bench: Bench) -> None:
    saturday = dt.date(2025, 11, 22)
    bench.clock.ms = at(saturday, "12:00")
    bench.trade(minute=at(saturday, "10:00"))
    bench.service().turn()
    assert bench.days() == []
    bench.day_of = usual_day
    service = bench.service()
    service.rebuild(job("AAPL", first=saturday, last=saturday))
    service.turn()
    assert [date for _symbol, date, *_ in bench.days()] == ["2025-11-22"]


# -- the vendor's own ----------------------------------------------------------------------------------------------


def test_the_vendors_day_replaces_the_provisional_one_in_the_evening_and_the_next_morning(bench: Bench) -> None:
    service = bench.service()
    bench.kept = frozenset({"AAPL"})
    bench.trade()
    bench.vendor.days = [
        day("AAPL", close=150.5, volume=120.0, tier=OFFICIAL, observed_at=10),
        day("ZZZ", tier=OFFICIAL, observed_at=10),
    ]
    bench.clock.ms = at(THURSDAY, "20:19")
    service.turn()
    assert THURSDAY not in bench.vendor.asked
    bench.clock.ms = at(THURSDAY, "20:20")
    service.turn()
    service.turn()
    assert bench.vendor.asked.count(THURSDAY) == 1
    assert bench.days() == [("AAPL", "2025-11-20", OFFICIAL, 150.5, 120, False)]
    bench.vendor.days = [day("AAPL", close=150.75, volume=121.0, tier=FINAL, observed_at=20)]
    bench.clock.ms = at(FRIDAY, "10:59")
    service.turn()
    assert bench.vendor.asked.count(THURSDAY) == 1
    bench.clock.ms = at(FRIDAY, "11:00")
    service.turn()
    service.turn()
    assert bench.vendor.asked.count(THURSDAY) == 2
    assert bench.days() == [("AAPL", "2025-11-20", FINAL, 150.75, 121, False)]
    # A minute that changes later makes no provisional day of it again.
    bench.trade(close=1.0)
    service.turn()
    assert bench.days() == [("AAPL", "2025-11-20", FINAL, 150.75, 121, False)]
    snapshot = {"waiting_symbols": 0, "rebuilding": False, "vendor_date": "2025-11-20", "vendor_dates": 1}
    assert service.snapshot() == {**snapshot, "last_error": None}


def test_the_vendor_is_asked_for_the_last_trading_days_once_and_not_again_after_a_restart(bench: Bench) -> None:
    bench.clock.ms = at(FRIDAY, "12:00")
    for back in range(1, 9):
        bench.trade(minute=at(FRIDAY, "10:00") - back * 86_400_000)
    bench.database.merge_daily([day("IBM", date=FRIDAY - dt.timedelta(days=2), tier=FINAL)])
    bench.service().turn()
    dates = [str(date) for date in bench.vendor.asked]
    assert dates == ["2025-11-20", "2025-11-19", "2025-11-18", "2025-11-17", "2025-11-14"]
    bench.service().turn()
    assert len(bench.vendor.asked) == 5


def test_the_vendor_is_not_asked_for_days_of_which_all_are_final_or_none_is_there(bench: Bench) -> None:
    bench.clock.ms = at(FRIDAY, "12:00")
    bench.database.merge_daily([day("IBM", date=THURSDAY, tier=FINAL)])
    bench.service().turn()
    assert bench.vendor.asked == []
    bench.database.merge_daily([day("AAPL", date=THURSDAY, tier=OFFICIAL)])
    bench.service().turn()
    assert bench.vendor.asked == [THURSDAY]


def test_a_start_leaves_the_vendor_alone_for_ten_minutes(bench: Bench) -> None:
    bench.database.merge_daily([day("AAPL", date=dt.date(2025, 11, 19))])
    service = bench.service()
    service.start()
    wait_for(lambda: len(bench.clock.waits) > 5)
    assert bench.vendor.asked == []
    bench.clock.ms += 600_000
    wait_for(lambda: bench.vendor.asked)
    service.stop()


def test_repairs_come_before_days(bench: Bench) -> None:
    bench.urgent = True
    bench.database.merge_daily([day(date=dt.date(2025, 11, 19))])
    bench.service().turn()
    assert bench.vendor.asked == []


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [(VendorUnavailableError("It is away."), 600), (KeyRefusedError("It refuses the key."), 6 * 3_600)],
)
def test_a_vendor_that_fails_is_asked_again_later(bench: Bench, error: Exception, wait_s: int) -> None:
    service = bench.service()
    bench.database.merge_daily([day(date=dt.date(2025, 11, number)) for number in (18, 19)])
    bench.vendor.error = error
    service.turn()
    service.turn()
    assert len(bench.vendor.asked) == 1
    assert service.snapshot()["last_error"] == str(error)
    bench.vendor.error = None
    bench.clock.ms += wait_s * 1000
    service.turn()
    assert len(bench.vendor.asked) == 3
    assert service.snapshot()["last_error"] is None


def test_splits_are_asked_for_once_a_day_also_over_a_restart_and_an_empty_answer_is_not_believed(bench: Bench) -> None:
    split = CorporateAction("1", "AAPL", THURSDAY, ActionKind.SPLIT, 1.0, 4.0, None, None, ActionSource.REST)
    dates = (THURSDAY - 450 * DAY, THURSDAY + 31 * DAY)
    bench.vendor.told_splits = [split]
    bench.service().turn()
    bench.service().turn()
    assert bench.vendor.asked_splits == [dates]
    assert bench.splits == [(*dates, [split])]
    bench.vendor.told_splits = []
    bench.pass_ms(86_400_000)
    bench.service().turn()
    assert len(bench.vendor.asked_splits) == 2
    assert len(bench.splits) == 1


def test_splits_wait_for_repairs_and_for_a_vendor_that_fails(bench: Bench) -> None:
    service = bench.service()
    bench.urgent = True
    service.turn()
    bench.urgent, bench.vendor.error = False, VendorUnavailableError("It is away.")
    service.turn()
    assert service.snapshot()["last_error"] == "It is away."
    bench.vendor.error = None
    service.turn()
    assert bench.vendor.asked_splits == []
    bench.pass_ms(600_000)
    service.turn()
    assert len(bench.vendor.asked_splits) == 1


def past(count: int = PAST) -> list[dt.date]:
    """The trading days before Thursday, newest first."""
    dates = (THURSDAY - back * DAY for back in range(1, 500))
    return list(itertools.islice((date for date in dates if CALENDAR.known_or_usual(date) is not None), count))


def test_the_past_is_300_trading_days_with_the_present_one() -> None:
    assert daily_plan.past_of_vendor(NOON, CALENDAR.known_or_usual, ()) == past(299)
    evening = at(THURSDAY, "20:20")
    assert daily_plan.past_of_vendor(evening, CALENDAR.known_or_usual, past(200)) == [THURSDAY, *past(299)[200:]]


def test_the_past_is_asked_for_once_day_by_day_newest_first(bench: Bench) -> None:
    bench.past_of = bench.kept = frozenset({"AAPL"})
    first, last = past()[0], past()[-1]
    bench.vendor.days = [
        day(symbol, date=date, tier=FINAL) for symbol in ("AAPL", "ZZZ") for date in (last, first, last - DAY)
    ]
    bench.service().turn()
    assert bench.vendor.asked == past()  # and the present day, which is not over
    assert [(symbol, date) for symbol, date, *_ in bench.days()] == [("AAPL", str(last)), ("AAPL", str(first))]
    bench.service().turn()
    assert len(bench.vendor.asked) == PAST


def test_the_past_goes_on_where_it_was_left_and_leaves_time_for_the_present_day(bench: Bench) -> None:
    bench.past_of = frozenset({"AAPL"})
    bench.vendor.at_asked = lambda: bench.pass_ms(25_000)
    service = bench.service()
    assert service.turn() == 0.0
    assert len(bench.vendor.asked) == 3
    bench.vendor.at_asked = lambda: None
    assert bench.service().turn() > 0
    assert bench.vendor.asked == past()
    assert service.snapshot()["vendor_dates"] == 3


def test_the_past_of_more_symbols_is_asked_for_anew_and_of_fewer_not(bench: Bench) -> None:
    bench.past_of = frozenset({"AAPL", "IBM"})
    bench.service().turn()
    bench.past_of = frozenset({"IBM"})
    bench.service().turn()
    assert len(bench.vendor.asked) == PAST
    bench.past_of = frozenset({"IBM", "SPY"})
    bench.service().turn()
    assert len(bench.vendor.asked) == 2 * PAST
    bench.past_of = None
    service = bench.service()
    service.turn()
    bench.service().turn()
    assert bench.vendor.asked == 3 * past()


def test_the_past_waits_for_everything_else(bench: Bench) -> None:
    bench.service().turn()  # the splits of the day are known then
    bench.past_of = frozenset({"AAPL"})
    bench.urgent = True
    bench.service().turn()
    bench.urgent, bench.vendor.error = False, VendorUnavailableError("It is away.")
    bench.service().turn()
    assert len(bench.vendor.asked) == 1


def test_days_are_those_of_the_feeds_time(bench: Bench) -> None:
    bench.trade()
    bench.trade(minute=MINUTE - 86_400_000)
    bench.clock.ms = NOON + 400 * 86_400_000
    bench.service(lag_ms=400 * 86_400_000).turn()
    assert [date for _symbol, date, *_ in bench.days()] == ["2025-11-19", "2025-11-20"]
    assert bench.vendor.asked == [dt.date(2025, 11, 19)]


# -- on command, and its life --------------------------------------------------------------------------------------


def test_days_are_rebuilt_on_command(bench: Bench) -> None:
    service = bench.service()
    service.turn()
    engine = write_engine(bench.url)
    bench.trade(minute=MINUTE - 30 * 86_400_000)
    bench.trade("IBM", minute=MINUTE - 31 * 86_400_000)
    service.turn()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ohlcv_daily")
    engine.dispose()
    said = service.rebuild(job("AAPL", "IBM", first=dt.date(2025, 10, 1), last=THURSDAY))
    assert said == "The days of 2 symbols will be made anew, beside the feed and at its leisure."
    assert (service.snapshot()["waiting_symbols"], service.snapshot()["rebuilding"]) == (2, True)
    service.turn()
    assert service.snapshot()["rebuilding"] is False
    assert [(symbol, date) for symbol, date, *_ in bench.days()] == [("AAPL", "2025-10-21"), ("IBM", "2025-10-20")]
    with pytest.raises(ActionRefusedError, match="No symbol is named"):
        service.rebuild(job())


def test_it_rests_longer_than_it_works(bench: Bench) -> None:
    class Working(StoppedClock):
        def monotonic(self) -> float:
            self.looked = getattr(self, "looked", 0.0) + 0.1
            return self.looked

    bench.clock = Working(NOON)
    bench.trade()
    bench.service().turn()
    assert any(1.0 < rest <= 2.5 for rest in bench.clock.waits)  # less the time of asking the vendor meanwhile


def test_the_thread_lives_from_start_to_stop_and_outlives_a_database_that_is_away(bench: Bench) -> None:
    engine = write_engine(bench.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE bar_changes RENAME TO elsewhere")
    service = bench.service()
    service.start()
    wait_for(lambda: 5.0 in bench.clock.waits)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO bar_changes")
    engine.dispose()
    bench.trade()
    wait_for(bench.days)
    service.stop()
