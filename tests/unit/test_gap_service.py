"""What may be missing becomes a gap, whatever opened it; a real book of gaps before a recorder that can be away."""

from collections.abc import Sequence

import pytest

from src.core.domain.connection.interruption import Interruption, Listened
from src.core.domain.market.bar_book import BarBook
from src.core.domain.market.gaps import Gap, GapReason
from src.core.errors import DatabaseUnavailableError
from src.core.services.bar_intake import BarIntake
from src.core.services.gap_service import Before, GapService, Heard
from tests.bars import MINUTE, minute, second
from tests.held_clock import HeldClock

_STEP = 60_000
_HISTORY_MS = MINUTE - 86_400_000
_NEW = Before(None, {})


class Table:
    """The table of gaps, in memory; it can be away."""

    def __init__(self) -> None:
        self.gaps: dict[str, Gap] = {}
        self.away = False

    def record(self, gaps: Sequence[Gap]) -> None:
        if self.away:
            raise DatabaseUnavailableError("It is away.")
        self.gaps |= {gap.id: gap for gap in gaps}

    def growing(self) -> list[Gap]:
        if self.away:
            raise DatabaseUnavailableError("It is away.")
        return [gap for gap in self.gaps.values() if gap.to_ms is None]


class Bench:
    """The service of a life that begins at MINUTE + 30 s, by a clock that a test moves."""

    def __init__(self, table: Table, clock: HeldClock, history: bool = True) -> None:
        self.table = table
        self.clock = clock
        self.intake = BarIntake(BarBook(iter(range(1, 10**9)).__next__), clock)
        from_ms = (lambda: _HISTORY_MS) if history else None
        self.service = GapService(table, self.intake, clock, lambda first, last: (first, last), from_ms)

    def hear(self, offset_s: int, behind_ms: int = 1_000) -> None:
        """A second of AAPL comes, so long after its end."""
        self.clock.ms = MINUTE + offset_s * 1000 + 1_000 + behind_ms
        self.intake.merge([second(offset_s)], self.clock.ms)

    def drop(self, *tickers: str, heard_s: int | None, since_s: float = 0.0, goes_on: bool = True) -> None:
        heard_ms = None if heard_s is None else MINUTE + heard_s * 1000
        reason = GapReason.DROP if goes_on else GapReason.FRAME
        told = Interruption("connection_1", tickers, heard_ms, since_s, reason, "It was cut.", goes_on)
        self.service.interrupted(told)

    def gaps(self) -> set[tuple[str, tuple[str, ...] | None, float, float | None]]:
        """All in the table, with minutes after MINUTE."""
        self.service.flush()
        return {
            (gap.reason, gap.symbols, (gap.from_ms - MINUTE) / _STEP, gap.to_ms and (gap.to_ms - MINUTE) / _STEP)
            for gap in self.table.gaps.values()
        }


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def bench(table: Table) -> Bench:
    return Bench(table, HeldClock(MINUTE + 30_000))


def begun(bench: Bench, *universe: str) -> Bench:
    """A life in which all is heard, and nothing missed."""
    accounted = dict.fromkeys(universe, MINUTE)
    bench.service.begin(universe, Before(Heard(MINUTE, MINUTE + 1_000), accounted))
    bench.service.resumed(universe)
    bench.hear(30)
    bench.clock.ms += 2_000
    bench.service.flush()
    bench.hear(30)
    bench.table.gaps.clear()
    return bench


def test_a_drop_opens_a_gap_from_the_minute_before_what_was_heard_last(bench: Bench) -> None:
    begun(bench, "AAPL", "IBM")
    bench.hear(130)
    bench.drop("AAPL", "IBM", heard_s=130)
    assert bench.gaps() == {("drop", ("AAPL", "IBM"), 1, None)}
    bench.clock.ms = MINUTE + 310_000
    bench.service.resumed(["AAPL", "IBM"])
    bench.clock.ms += 2_000_000
    assert bench.gaps() == {("drop", ("AAPL", "IBM"), 1, 5)}


def test_a_connection_that_heard_nothing_lost_what_came_since_it_listened(bench: Bench) -> None:
    begun(bench, "AAPL")
    bench.clock.ms = MINUTE + 600_000
    bench.drop("AAPL", heard_s=None, since_s=bench.clock.monotonic() - 120)
    assert bench.gaps() == {("drop", ("AAPL",), 6, None)}


def test_a_lost_frame_is_a_gap_at_once(bench: Bench) -> None:
    begun(bench, "AAPL", "IBM")
    bench.hear(130)
    bench.drop("AAPL", "IBM", heard_s=130, goes_on=False)
    assert bench.gaps() == {("unreadable_frame", ("AAPL", "IBM"), 1, 2)}
    assert bench.service.snapshot()["missing"] == []


def test_a_start_misses_what_came_since_the_last_life(bench: Bench) -> None:
    before = Before(Heard(MINUTE - 240_000, MINUTE - 239_000), {"AAPL": 1, "IBM": 1})
    assert bench.service.begin(("AAPL", "IBM"), before) == dict.fromkeys(("AAPL", "IBM"), MINUTE + 29_000)
    assert bench.gaps() == {("restart", ("AAPL", "IBM"), -5, None)}
    bench.service.resumed({"AAPL"})
    bench.clock.ms += 60_000
    bench.service.resumed({"IBM"})
    bench.hear(91)
    bench.clock.ms += 2_000
    assert bench.gaps() == {("restart", ("AAPL",), -5, 0), ("restart", ("IBM",), -5, 1)}


def test_when_a_start_was_heard_again_is_known_once_something_came(bench: Bench) -> None:
    """The wall clock was set back by ten minutes between two lives."""
    bench.service.begin(("AAPL",), Before(Heard(MINUTE, MINUTE), {"AAPL": 1}))
    bench.service.resumed({"AAPL"})
    assert bench.gaps() == {("restart", ("AAPL",), -1, None)}
    bench.clock.ms += 3_000
    bench.intake.merge([second(632)], bench.clock.ms)
    bench.clock.ms += 2_000
    assert bench.gaps() == {("restart", ("AAPL",), -1, 10)}


def test_corrections_of_before_tell_no_time(bench: Bench) -> None:
    """Only seconds that are sent again come after the start, for longer than a distance is remembered."""
    bench.service.begin(("AAPL",), Before(Heard(MINUTE, MINUTE), {"AAPL": 1}))
    bench.service.resumed({"AAPL"})
    for place in range(1, 13):
        bench.clock.ms += 60_000
        bench.intake.merge([second(-900 + place)], bench.clock.ms)
    assert bench.gaps() == {("restart", ("AAPL",), -1, 0)}
    assert bench.intake.behind_ms() == 0


def test_old_seconds_that_come_among_new_ones_are_no_delay(bench: Bench) -> None:
    begun(bench, "AAPL")
    for _ in range(12):
        bench.clock.ms += 60_000
        bench.intake.merge([second(-900)], bench.clock.ms)
    assert bench.intake.behind_ms() == 1_000


def test_a_replay_that_begins_anew_has_its_own_time(bench: Bench) -> None:
    bench.service.begin(("AAPL",), Before(Heard(MINUTE, MINUTE), {"AAPL": 1}))
    for place in range(12):
        bench.clock.ms += 60_000
        bench.intake.merge([second(-36_000 + place * 60)], bench.clock.ms)
    assert bench.intake.behind_ms() > 35_000_000


def test_after_ten_seconds_without_data_the_clock_has_to_do(bench: Bench) -> None:
    bench.service.begin(("AAPL",), Before(Heard(MINUTE, MINUTE), {"AAPL": 1}))
    bench.service.resumed({"AAPL"})
    bench.clock.ms += 9_999
    assert bench.gaps() == {("restart", ("AAPL",), -1, None)}
    bench.clock.ms += 1
    assert bench.gaps() == {("restart", ("AAPL",), -1, 0)}


def test_a_first_start_misses_nothing_if_the_feed_answers(bench: Bench) -> None:
    bench.service.begin(("AAPL", "IBM"), _NEW)
    assert bench.gaps() == {("history", ("AAPL", "IBM"), -1440, 0)}
    bench.service.resumed({"AAPL"})
    bench.hear(31)
    bench.clock.ms = MINUTE + 150_000
    bench.service.resumed({"IBM"})
    bench.service.flush()
    bench.clock.ms += 2_000
    assert bench.gaps() == {
        ("history", ("AAPL", "IBM"), -1440, 0),
        ("restart", ("IBM",), 1, 2),
    }


def test_the_whole_market_is_one_gap(bench: Bench) -> None:
    bench.service.begin(("*",), _NEW)
    assert bench.gaps() == {("history", None, -1440, 0)}


def test_symbols_that_were_not_listened_to_are_asked_for_from_then_on(table: Table) -> None:
    bench = Bench(table, HeldClock(MINUTE + 30_000), history=False)
    history = {"AAPL": MINUTE - 60_000, "IBM": MINUTE - 600_000, "GONE": MINUTE - 900_000}
    accounted = bench.service.begin(("AAPL", "IBM", "NEW"), Before(Heard(MINUTE, MINUTE), history))
    assert accounted == dict.fromkeys(("AAPL", "IBM", "NEW"), MINUTE + 30_000) | {"GONE": MINUTE - 900_000}
    assert bench.gaps() == {("restart", ("AAPL", "IBM", "NEW"), -1, None), ("history", ("IBM",), -10, 0)}


def test_an_installation_of_before_is_asked_for_since_it_was_filled(bench: Bench) -> None:
    bench.service.begin(("AAPL", "IBM"), Before(None, {"AAPL": MINUTE - 300_000, "IBM": MINUTE - 300_000}))
    assert bench.gaps() == {("restart", ("AAPL", "IBM"), -5, None)}


def test_what_grew_in_an_earlier_life_ends_with_its_symbols(bench: Bench, table: Table) -> None:
    old = Gap("old", "connection_2", ("GONE", "IBM"), MINUTE - 600_000, None, GapReason.DROP, "Cut.", 1)
    table.gaps["old"] = old
    before = Before(Heard(MINUTE, MINUTE), dict.fromkeys(("AAPL", "GONE", "IBM"), 1))
    bench.service.begin(("AAPL", "IBM"), before)
    bench.service.resumed(("AAPL", "IBM"))
    bench.hear(31)
    bench.clock.ms += 2_000
    assert bench.gaps() == {("drop", ("IBM",), -10, 0), ("drop", ("GONE",), -10, 0), ("restart", ("AAPL",), -1, 0)} or (
        bench.gaps() == {("drop", ("GONE", "IBM"), -10, 0), ("restart", ("AAPL",), -1, 0)}
    )


def test_a_database_that_is_away_at_the_start_is_asked_again(bench: Bench, table: Table) -> None:
    table.away = True
    bench.service.lost([("IBM", MINUTE)], "The disk was full.")
    before = Before(Heard(MINUTE, MINUTE), {"AAPL": 1})
    with pytest.raises(DatabaseUnavailableError):
        bench.service.begin(("AAPL",), before)
    table.away = False
    bench.service.begin(("AAPL",), before)
    assert bench.gaps() == {("restart", ("AAPL",), -1, None), ("failed_write", ("IBM",), 0, 0)}


def test_nothing_is_taken_as_heard_while_a_gap_is_not_written(bench: Bench, table: Table) -> None:
    begun(bench, "AAPL")
    assert bench.service.heard() == Heard(MINUTE + 30_000, MINUTE + 31_000, MINUTE + 30_000)
    table.away = True
    bench.drop("AAPL", heard_s=30)
    with pytest.raises(DatabaseUnavailableError):
        bench.service.flush()
    assert bench.service.heard() is None
    table.away = False
    bench.service.flush()
    assert bench.service.heard() is not None


def test_a_connection_that_may_be_mute_is_not_taken_as_heard(bench: Bench) -> None:
    begun(bench, "AAPL")
    now_s = bench.clock.monotonic()
    quiet_ms = MINUTE - 7 * _STEP + 30_000
    for one, expected_ms in (
        (Listened(quiet_ms, 0.0), quiet_ms),
        (Listened(None, now_s - 120), MINUTE + 30_000 - 120_000 + 1_000),
        (Listened(MINUTE - 9 * 86_400_000, 0.0), MINUTE + 30_000 - 4 * 86_400_000),
    ):
        heard = bench.service.heard([Listened(MINUTE + 30_000, 0.0), one])
        assert heard == Heard(MINUTE + 30_000, MINUTE + 31_000, expected_ms)


def test_after_a_restart_what_a_mute_connection_missed_is_a_gap(bench: Bench) -> None:
    bench.service.begin(("AAPL",), Before(Heard(MINUTE, MINUTE, MINUTE - 7 * _STEP), {"AAPL": 1}))
    assert bench.gaps() == {("restart", ("AAPL",), -8, None)}


def test_nothing_is_heard_where_nothing_came(bench: Bench) -> None:
    bench.service.begin(("AAPL",), _NEW)
    assert bench.service.heard() is None


def test_what_the_bars_hint_at_is_a_gap(bench: Bench) -> None:
    begun(bench, "AAPL")
    bench.intake.merge([second(300), minute(9), second(60)], bench.clock.ms)
    bench.clock.ms = MINUTE + 3_600_000
    bench.intake.seal(bench.clock.ms)
    bench.intake.merge([second(60)], bench.clock.ms)
    bench.service.doubt(bench.intake.take_doubts())
    assert bench.gaps() == {("no_official_bar", ("AAPL",), 0, 5), ("late_second", ("AAPL",), 1, 1)}


def test_a_gap_that_anybody_opens(bench: Bench) -> None:
    begun(bench, "AAPL")
    bench.service.open(("AAPL",), MINUTE, MINUTE + 61_000, GapReason.WRITE, "AAPL", "The database refused a bar.")
    assert bench.gaps() == {("failed_write", ("AAPL",), 0, 1)}


def test_the_snapshot_names_who_is_not_heard(bench: Bench) -> None:
    begun(bench, "AAPL", "IBM")
    bench.drop("AAPL", "IBM", heard_s=30)
    assert bench.service.snapshot() == {
        "missing_symbols": 2, "missing": ["AAPL", "IBM"], "unwritten": 0, "behind_ms": 1_000,
    }  # fmt: skip


def test_bars_that_could_not_be_kept_become_gaps_those_of_one_span_together(bench: Bench, table: Table) -> None:
    begun(bench, "AAPL", "IBM", "MSFT")
    table.gaps.clear()
    bench.service.lost(
        [
            ("AAPL", MINUTE),
            ("IBM", MINUTE),
            ("AAPL", MINUTE + 2 * _STEP),
            ("IBM", MINUTE + 2 * _STEP),
            ("MSFT", MINUTE),
        ],
        "There was no room.",
    )
    assert bench.gaps() >= {(GapReason.WRITE, ("AAPL", "IBM"), 0, 2), (GapReason.WRITE, ("MSFT",), 0, 0)}


def apart(bench: Bench, *universe: str) -> Bench:
    """A life that begins while the database is away, half a minute after MINUTE by the feed."""
    bench.table.away = True
    bench.service.begin_apart(universe, Heard(MINUTE - 9 * _STEP, MINUTE - 9 * _STEP))
    return bench


def test_what_is_heard_while_the_database_is_away_is_no_gap(bench: Bench) -> None:
    apart(bench, "AAPL", "IBM").service.resumed(("AAPL", "IBM"))
    bench.hear(95)
    bench.clock.ms += 2_000
    bench.hear(3_600)
    assert bench.service.heard() is None  # the next life is not to rely on this one, until it is written
    bench.table.away = False
    before = Before(Heard(MINUTE - 9 * _STEP, MINUTE - 9 * _STEP), {"AAPL": MINUTE - 900_000, "IBM": MINUTE - 900_000})
    accounted = bench.service.begin(("AAPL", "IBM"), before)
    both = ("AAPL", "IBM")
    assert bench.gaps() == {("restart", both, -10, 0), ("restart", both, 0, 0)}
    assert accounted == {"AAPL": MINUTE, "IBM": MINUTE}
    assert bench.service.heard() is not None


def test_what_is_missed_while_the_database_is_away_is_a_gap(bench: Bench) -> None:
    apart(bench, "AAPL", "IBM").service.resumed(("AAPL", "IBM"))
    bench.hear(60)
    bench.clock.ms += 2_000
    bench.drop("AAPL", "IBM", heard_s=600)
    bench.hear(720)
    bench.service.resumed(("AAPL",))
    bench.clock.ms += 60_000
    bench.hear(780)
    bench.table.away = False
    bench.service.begin(("AAPL", "IBM"), _NEW)
    found = {gap for gap in bench.gaps() if gap[0] == "drop"}
    assert found == {("drop", ("AAPL",), 9, 12), ("drop", ("IBM",), 9, None)}


def test_what_grew_in_an_earlier_life_ends_where_that_life_heard_last(bench: Bench, table: Table) -> None:
    table.gaps["old"] = Gap("old", "c1", ("AAPL",), MINUTE - 12 * _STEP, None, GapReason.DROP, "Cut.", MINUTE)
    apart(bench, "AAPL").service.resumed(("AAPL",))
    bench.hear(60)
    bench.table.away = False
    bench.service.begin(("AAPL",), Before(Heard(MINUTE - 9 * _STEP, MINUTE), {"AAPL": MINUTE - 900_000}))
    assert ("drop", ("AAPL",), -12, -9) in bench.gaps()
    assert all(to is not None for *_, to in bench.gaps())


def test_a_database_that_goes_away_again_gets_each_gap_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    apart(bench, "AAPL").service.resumed(("AAPL",))
    bench.hear(3_600)
    bench.table.away = False
    monkeypatch.setattr(bench.table, "growing", lambda: setattr(bench.table, "away", True) or [])
    before = Before(Heard(MINUTE - 90 * _STEP, MINUTE - 90 * _STEP), {"AAPL": MINUTE - 99 * _STEP})
    for _ in range(3):
        with pytest.raises(DatabaseUnavailableError):
            bench.service.begin(("AAPL",), before)
    bench.table.away = False
    assert bench.service.begin(("AAPL",), before) == {"AAPL": MINUTE}
    assert bench.gaps() == {("restart", ("AAPL",), -91, 0), ("restart", ("AAPL",), 0, 0)}
    assert len(bench.table.gaps) == 2


def test_symbols_that_are_new_get_their_history_up_to_when_listening_began(bench: Bench) -> None:
    apart(bench, "AAPL", "NEW").service.resumed(("AAPL", "NEW"))
    bench.hear(3_600)
    bench.table.away = False
    bench.service.begin(("AAPL", "NEW"), Before(Heard(MINUTE, MINUTE), {"AAPL": MINUTE}))
    assert ("history", ("NEW",), -1440, 0) in bench.gaps()


# -- a universe that changes meanwhile -----------------------------------------------------------------------------


def test_a_symbol_that_is_added_lacks_its_history_until_it_is_heard(bench: Bench) -> None:
    begun(bench, "AAPL")
    bench.hear(130)
    history = bench.service.relist(("AAPL", "IBM"), ("IBM",), (), {"AAPL": MINUTE})
    assert history == dict.fromkeys(("AAPL", "IBM"), MINUTE + 131_000)
    assert bench.gaps() == {("history", ("IBM",), -1440, None)}
    bench.service.resumed({"IBM"})
    bench.hear(190)
    bench.clock.ms += 2_000
    assert bench.gaps() == {("history", ("IBM",), -1440, 2)}


def test_a_symbol_that_is_removed_ends_what_grew_and_is_missed_since_when_it_returns(bench: Bench) -> None:
    begun(bench, "AAPL", "IBM")
    bench.hear(130)
    bench.drop("AAPL", "IBM", heard_s=130)
    bench.clock.ms = MINUTE + 310_000
    history = bench.service.relist(("AAPL",), (), ("IBM",), dict.fromkeys(("AAPL", "IBM"), MINUTE))
    assert history["IBM"] < history["AAPL"]
    bench.clock.ms += 2_000
    assert bench.gaps() == {("drop", ("AAPL",), 1, None), ("drop", ("IBM",), 1, 5)}
    bench.clock.ms = MINUTE + 600_000
    bench.service.relist(("AAPL", "IBM"), ("IBM",), (), history)
    assert ("history", ("IBM",), 4, None) in bench.gaps()


def test_a_change_while_the_database_is_away_is_made_again(bench: Bench) -> None:
    begun(bench, "AAPL")
    bench.table.away = True
    with pytest.raises(DatabaseUnavailableError):
        bench.service.relist(("AAPL", "IBM"), ("IBM",), (), {"AAPL": MINUTE})
    bench.table.away = False
    bench.service.relist(("AAPL", "IBM"), ("IBM",), (), {"AAPL": MINUTE})
    assert bench.gaps() == {("history", ("IBM",), -1440, None)}


def test_what_was_added_and_what_was_let_go_is_known_to_the_next_start(bench: Bench) -> None:
    begun(bench, "AAPL", "IBM")
    before = dict.fromkeys(("AAPL", "IBM"), MINUTE)
    history = bench.service.relist(("AAPL", "GE"), ("GE",), ("IBM",), before)
    bench.service.resumed({"GE"})
    bench.hear(190)
    bench.clock.ms += 2_000
    bench.service.flush()
    bench.table.gaps.clear()
    heard = bench.service.heard()
    again = Bench(bench.table, bench.clock)
    again.service.begin(("AAPL", "GE", "IBM"), Before(heard, history))
    reasons = {(reason, symbols) for reason, symbols, _from, _to in again.gaps()}
    assert reasons == {("restart", ("AAPL", "GE", "IBM")), ("history", ("IBM",))}


def test_without_history_a_symbol_that_is_added_lacks_the_minute_in_which_it_is(table: Table) -> None:
    bench = begun(Bench(table, HeldClock(MINUTE + 30_000), history=False), "AAPL")
    bench.hear(130)
    bench.service.relist(("AAPL", "IBM"), ("IBM",), (), {"AAPL": MINUTE})
    assert bench.gaps() == {("move", ("IBM",), 2, None)}
