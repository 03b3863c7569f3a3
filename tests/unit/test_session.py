"""The trading calendar: its table, its file, and the committed data against exchange-calendars."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import exchange_calendars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.core.domain.market.session import CalendarRangeError, DayKind, Phase, SessionTable, TradingDay
from src.infrastructure.calendar.session_table import SessionTableError, load_session_table

SESSIONS_CSV = Path(__file__).resolve().parents[2] / "data" / "sessions.csv"
THANKSGIVING = dt.date(2026, 11, 26)
TABLE = SessionTable(
    {
        THANKSGIVING: DayKind.HOLIDAY,
        dt.date(2026, 11, 27): DayKind.EARLY_CLOSE,
        dt.date(2026, 12, 25): DayKind.HOLIDAY,
    },
    covered_from=dt.date(2026, 1, 2),
    covered_to=dt.date(2026, 12, 31),
)
INSTANTS_MS = st.integers(
    min_value=int(dt.datetime(2026, 1, 3, tzinfo=dt.UTC).timestamp() * 1000),
    max_value=int(dt.datetime(2026, 12, 31, tzinfo=dt.UTC).timestamp() * 1000),
)
DATES = st.dates(dt.date(2026, 1, 3), dt.date(2026, 12, 30))


def utc_ms(text: str) -> int:
    """Epoch ms of `YYYY-MM-DD HH:MM` read as UTC."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp() * 1000)


def new_york_ms(text: str) -> int:
    """Epoch ms of `YYYY-MM-DD HH:MM` read as New York time."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


def bounds(date: str, *utc_times: str) -> TradingDay:
    """A trading day whose four bounds are times of `date` in UTC; `24:00` is the next midnight."""
    midnight_ms = utc_ms(f"{date} 00:00")
    times = [tuple(int(part) for part in time.split(":")) for time in utc_times]
    return TradingDay(
        dt.date.fromisoformat(date), *(midnight_ms + (hour * 60 + minute) * 60_000 for hour, minute in times)
    )


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(bounds("2026-07-15", "08:00", "13:30", "20:00", "24:00"), id="summer"),
        pytest.param(bounds("2026-03-06", "09:00", "14:30", "21:00", "25:00"), id="friday before clocks go forward"),
        pytest.param(bounds("2026-03-09", "08:00", "13:30", "20:00", "24:00"), id="monday after clocks went forward"),
        pytest.param(bounds("2026-10-30", "08:00", "13:30", "20:00", "24:00"), id="friday before clocks go back"),
        pytest.param(bounds("2026-11-02", "09:00", "14:30", "21:00", "25:00"), id="monday after clocks went back"),
        pytest.param(bounds("2026-11-27", "09:00", "14:30", "18:00", "22:00"), id="early close"),
    ],
)
def test_bounds_of_a_trading_day(day: TradingDay) -> None:
    assert TABLE.trading_day(day.date) == day


@pytest.mark.parametrize(
    "date",
    [
        pytest.param(THANKSGIVING, id="holiday"),
        pytest.param(dt.date(2026, 11, 28), id="saturday"),
        pytest.param(dt.date(2026, 3, 8), id="sunday on which clocks go forward"),
        pytest.param(dt.date(2026, 11, 1), id="sunday on which clocks go back"),
    ],
)
def test_days_without_a_session(date: dt.date) -> None:
    assert TABLE.trading_day(date) is None


@pytest.mark.parametrize(
    ("new_york", "phase"),
    [
        ("2026-11-20 03:59", Phase.CLOSED),
        ("2026-11-20 04:00", Phase.PRE),
        ("2026-11-20 09:29", Phase.PRE),
        ("2026-11-20 09:30", Phase.REGULAR),
        ("2026-11-20 15:59", Phase.REGULAR),
        ("2026-11-20 16:00", Phase.POST),
        ("2026-11-20 19:59", Phase.POST),
        ("2026-11-20 20:00", Phase.CLOSED),
        ("2026-11-26 11:00", Phase.CLOSED),
        ("2026-11-27 12:59", Phase.REGULAR),
        ("2026-11-27 13:00", Phase.POST),
        ("2026-11-27 17:00", Phase.CLOSED),
        ("2026-11-28 11:00", Phase.CLOSED),
        ("2026-03-08 11:00", Phase.CLOSED),
        ("2026-03-09 09:30", Phase.REGULAR),
        ("2026-11-01 11:00", Phase.CLOSED),
        ("2026-11-02 09:29", Phase.PRE),
    ],
)
def test_phase(new_york: str, phase: Phase) -> None:
    assert TABLE.phase(new_york_ms(new_york)) is phase


def test_a_phase_changes_at_its_millisecond() -> None:
    open_ms = new_york_ms("2026-11-20 09:30")
    assert (TABLE.phase(open_ms - 1), TABLE.phase(open_ms)) == (Phase.PRE, Phase.REGULAR)


@pytest.mark.parametrize(
    ("now", "date"),
    [
        ("2026-11-20 04:00", "2026-11-20"),
        ("2026-11-20 03:59", "2026-11-19"),
        ("2026-11-20 23:59", "2026-11-20"),
        ("2026-11-23 01:00", "2026-11-20"),
        ("2026-11-26 12:00", "2026-11-25"),
    ],
)
def test_trading_date(now: str, date: str) -> None:
    assert TABLE.trading_date(new_york_ms(now)) == dt.date.fromisoformat(date)


def test_the_latest_days_are_trading_days_newest_first() -> None:
    days = TABLE.latest_days(new_york_ms("2026-11-27 12:00"), 3)  # Thanksgiving is the day before
    assert [day.date.isoformat() for day in days] == ["2026-11-27", "2026-11-25", "2026-11-24"]
    assert days[0].close_ms == new_york_ms("2026-11-27 13:00")


@settings(deadline=None)  # the machine may be busy
@given(DATES)
def test_phases_partition_the_day(date: dt.date) -> None:
    """By the minute, New York's day is closed, pre, regular, post, closed, each as long as it should be."""
    start_ms = new_york_ms(f"{date} 00:00")
    end_ms = new_york_ms(f"{date + dt.timedelta(days=1)} 00:00")
    phases = [TABLE.phase(minute_ms) for minute_ms in range(start_ms, end_ms, 60_000)]
    runs = [phase for index, phase in enumerate(phases) if index == 0 or phase is not phases[index - 1]]
    if TABLE.trading_day(date) is None:
        assert runs == [Phase.CLOSED]
        return
    early = TABLE.exceptions.get(date) is DayKind.EARLY_CLOSE
    assert runs == [Phase.CLOSED, Phase.PRE, Phase.REGULAR, Phase.POST, Phase.CLOSED]
    assert [phases.count(phase) for phase in (Phase.PRE, Phase.REGULAR, Phase.POST)] == [
        330,
        210 if early else 390,
        240,
    ]


@settings(deadline=None)
@given(INSTANTS_MS)
def test_the_trading_date_encloses_the_instant_or_lies_before_it(now_ms: int) -> None:
    day = TABLE.trading_day(TABLE.trading_date(now_ms))
    assert day is not None
    assert day.pre_open_ms <= now_ms
    if TABLE.phase(now_ms) is not Phase.CLOSED:
        assert now_ms < day.post_close_ms


@pytest.mark.parametrize("date", [dt.date(2026, 1, 1), dt.date(2027, 1, 1)])
def test_a_day_that_is_not_covered_is_refused(date: dt.date) -> None:
    with pytest.raises(CalendarRangeError, match=rf"covers 2026-01-02 to 2026-12-31, and not {date}"):
        TABLE.trading_day(date)


def test_questions_that_lead_out_of_the_covered_days_are_refused() -> None:
    with pytest.raises(CalendarRangeError, match="2026-01-01"):
        TABLE.trading_date(new_york_ms("2026-01-02 03:59"))
    with pytest.raises(CalendarRangeError, match="2027-01-01"):
        TABLE.phase(new_york_ms("2027-01-01 00:00"))


# The library uses what pandas will drop one day; its pinned version is not ours to mend.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
def test_the_committed_table_is_the_exchange_calendar() -> None:
    table = load_session_table(SESSIONS_CSV)
    days = (table.covered_to - table.covered_from).days + 1
    calendar = exchange_calendars.get_calendar("XNYS", start=str(table.covered_from), end=str(table.covered_to))
    expected = {
        session.date(): (int(opens.timestamp() * 1000), int(closes.timestamp() * 1000))
        for session, opens, closes in zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
    }
    ours = {}
    for offset in range(days):
        day = table.trading_day(table.covered_from + dt.timedelta(days=offset))
        if day:
            ours[day.date] = (day.open_ms, day.close_ms)
    assert ours == expected
    assert table.covered_from <= dt.date(2003, 9, 10), "the vendor's history begins there"


HEADER = ["# made by hand", "# covers: 2026-01-01 to 2026-12-31", "date,kind"]


def load(tmp_path: Path, *lines: str) -> SessionTable:
    path = tmp_path / "sessions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_session_table(path)


def test_a_table_is_loaded(tmp_path: Path) -> None:
    table = load(tmp_path, *HEADER, "2026-11-26,holiday", "2026-11-27,early_close")
    assert table == SessionTable(
        {THANKSGIVING: DayKind.HOLIDAY, dt.date(2026, 11, 27): DayKind.EARLY_CLOSE},
        dt.date(2026, 1, 1),
        dt.date(2026, 12, 31),
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            [*HEADER, "2026-11-26,holliday"],
            "line 4: 'holliday' is not a kind of day; allowed is holiday or early_close",
        ),
        ([*HEADER, "26.11.2026,holiday"], "line 4: '26.11.2026' is not a date; a date is written YYYY-MM-DD"),
        ([*HEADER, "2026-11-31,holiday"], "line 4: '2026-11-31' is not a date"),
        ([*HEADER, "20261126,holiday"], "line 4: '20261126' is not a date"),
        ([*HEADER, "2026-11-26"], "line 4: '2026-11-26' is not a row"),
        ([*HEADER, "2026-11-26,holiday", ""], "line 5: '' is not a row"),
        ([*HEADER, "2026-11-28,holiday"], "line 4: 2026-11-28 is a weekend day"),
        ([*HEADER, "2026-11-26,holiday", "2026-11-26,holiday"], "line 5: 2026-11-26 is out of order"),
        (
            [*HEADER, "2027-01-01,holiday"],
            "line 4: 2027-01-01 is out of order or outside of the days covered",
        ),
        (
            [*HEADER, "2025-12-31,holiday"],
            "line 4: 2025-12-31 is out of order or outside of the days covered",
        ),
        (["# nothing", "date,kind"], "line 2: no comment above says '# covers: "),
        ([], "line 1: no comment above says '# covers: "),
        (
            ["# covers: 2026-12-31 to 2026-01-01", "date,kind"],
            "line 1: the days covered end before they begin",
        ),
        (["# covers: 2026 to 2027", "date,kind"], "line 1: '2026' is not a date"),
        (HEADER[:2], "line 3: the columns are missing"),
        ([*HEADER[:2], "kind,date"], "line 3: the columns are missing"),
    ],
)
def test_a_wrong_table_is_refused_by_line(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(SessionTableError) as raised:
        load(tmp_path, *lines)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionTableError, match=r"absent\.csv cannot be read"):
        load_session_table(tmp_path / "absent.csv")
