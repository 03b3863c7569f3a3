"""The page's pure functions, run where they belong: in the browser, as the modules the page loads."""

from typing import Any

import pytest
from playwright.sync_api import Page

from .pure_calls import call

NEW_YEAR_BAR = {
    "symbol": "X",
    "timestamp": 0,
    "open": 2,
    "high": 3,
    "low": 1,
    "close": 2,
    "volume": 10,
    "vwap": None,
    "tier": "live",
}


def test_numbers_are_written_as_people_read_them(page: Page) -> None:
    written = {
        ("formatPrice", 150.4): "150.40",
        ("formatPrice", 0.1234): "0.1234",
        ("formatPrice", 1e-7): "0.0000001",
        ("formatPrice", 5234): "5,234.00",
        ("formatPrice", None): "–",
        ("formatChange", 1.4): "+1.40",
        ("formatChange", -0.0125): "−0.0125",
        ("formatChange", 0): "0.00",
        ("formatPercent", -0.9412): "−0.94%",
        ("formatPercent", -0.001): "0.00%",
        ("formatVolume", 1_234_567): "1.2M",
        ("formatVolume", 5_000_000): "5.0M",
        ("formatVolume", 950): "950",
        ("formatExact", 1_234_567.25): "1,234,567.25",
        ("formatAge", -300): "0 s",
        ("formatAge", 59_999): "59 s",
        ("formatAge", 60_000): "1 min",
        ("formatAge", 3 * 3_600_000): "3 h",
        ("formatAge", 72 * 3_600_000): "3 d",
    }
    assert {key: call(page, "format", *key) for key in written} == written


@pytest.mark.parametrize(
    ("time_ms", "offset_h"),
    [
        (1_795_188_680_000, -5),  # 20 November 2026: winter time
        (1_782_000_000_000, -4),  # 21 June 2026: summer time
        (1_772_953_199_999, -5),  # 8 March 2026, the last millisecond before summer time began
        (1_772_953_200_000, -4),
        (1_793_512_799_999, -4),  # 1 November 2026, the last millisecond before it ended
        (1_793_512_800_000, -5),
    ],
)
def test_new_york_is_behind_utc_by_what_its_calendar_says(page: Page, time_ms: int, offset_h: int) -> None:
    assert call(page, "time", "newYorkOffsetMs", time_ms) == offset_h * 3_600_000
    assert call(page, "time", "chartTime", time_ms) == time_ms // 1000 + offset_h * 3600


def test_the_server_s_clock_is_followed_in_whole_milliseconds(page: Page) -> None:
    now_ms = page.evaluate(
        """async () => {
          const { createServerClock } = await import("/static/js/time.js");
          const clock = createServerClock(() => 5000);
          clock.observe(9000, 4997, 5000);
          return clock.nowMs();
        }"""
    )
    assert now_ms == 9002, "the API refuses a time with a fraction"


def test_a_url_carries_some_hundred_symbols(page: Page) -> None:
    for symbols, fit in [([], True), (["AAPL"] * 500, True), (["AAPL"] * 501, False)]:
        assert call(page, "api", "fitUrl", symbols) is fit


@pytest.mark.parametrize(
    ("failures", "hidden", "delay_ms"),
    [
        (0, False, 3000),
        (0, True, 15_000),
        (1, False, 2000),
        (2, False, 4000),
        (9, False, 15_000),
        (1, True, 15_000),
    ],
)
def test_the_pause_grows_with_failures_to_a_cap(page: Page, failures: int, hidden: bool, delay_ms: int) -> None:
    question = {"intervalMs": 3000, "failures": failures, "hidden": hidden, "random": 0}
    assert call(page, "poll", "nextDelayMs", question) == delay_ms


@pytest.mark.parametrize(
    ("date", "now_ms", "start_ms"),
    [
        ("2026-11-20", 1_795_188_680_000, 1_795_165_200_000),  # 04:00 in winter is 09:00 UTC
        ("2026-06-22", 1_782_000_000_000, 1_782_115_200_000),  # in summer 08:00 UTC
        ("2026-03-09", 1_773_100_000_000, 1_773_043_200_000),  # the day after summer time began
        (None, 1_795_188_680_000, 1_795_150_800_000),  # midnight
        (None, 1_772_960_000_000, 1_772_946_000_000),  # midnight of the day on which it begins
    ],
)
def test_a_trading_day_begins_at_four_in_new_york(page: Page, date: str | None, now_ms: int, start_ms: int) -> None:
    assert call(page, "time", "tradingDayStartMs", date, now_ms) == start_ms


def test_volumes_are_exchanged_in_millionths(page: Page) -> None:
    assert call(page, "market", "exchangeVolume", 0.1, 0, 0.2) == 0.3
    assert call(page, "market", "exchangeVolume", 123_456_789.3, 0.3, 0.000001) == 123_456_789.000001
    assert call(page, "market", "exchangeVolume", None, 0, 5) is None


QUOTE = {
    "symbol": "X",
    "timestamp": 180_000,
    "last": 10.0,
    "tier": "live",
    "reference_price": 8.0,
    "reference": "previous_close",
    "change": 2.0,
    "change_percent": 25.0,
    "day_volume": 500,
    "spark": [7.0, 8.0, 9.0, 10.0],
    "recent": [[60_000, 20], [120_000, 30], [180_000, 40.5]],
}


def merge(page: Page, row: dict[str, Any], *, day_start_ms: int = 0, **values: Any) -> dict[str, Any]:
    """A row with a bar merged into it."""
    tick = NEW_YEAR_BAR | values
    merged: dict[str, Any] = call(page, "market", "mergeTick", row, tick, 2000, day_start_ms)
    return merged


@pytest.fixture
def quoted(page: Page) -> dict[str, Any]:
    """The row of a quote."""
    row: dict[str, Any] = call(page, "market", "quotedRow", QUOTE, 1000)
    return row


def test_a_newer_bar_is_appended(page: Page, quoted: dict[str, Any]) -> None:
    row = merge(page, quoted, timestamp=240_000, close=12.0, volume=0.7, tier="official")
    assert (row["last"], row["change"], row["changePercent"], row["tier"]) == (12, 4, 50, "official")
    assert (row["dayVolume"], row["timestampMs"], row["asOfMs"]) == (500.7, 240_000, 2000)
    assert (row["spark"], row["recent"][-1], row["stale"]) == ([7, 8, 9, 10, 12], [240_000, 0.7], False)


def test_a_revision_of_the_newest_bar_changes_the_row(page: Page, quoted: dict[str, Any]) -> None:
    row = merge(page, quoted, timestamp=180_000, close=9.5, volume=41, tier="official")
    assert (row["last"], row["change"], row["tier"], row["dayVolume"]) == (9.5, 1.5, "official", 500.5)
    assert (row["spark"], row["recent"]) == ([7, 8, 9, 9.5], [[60_000, 20], [120_000, 30], [180_000, 41]])


def test_a_revision_of_a_known_bar_changes_trend_and_volume_alone(page: Page, quoted: dict[str, Any]) -> None:
    row = merge(page, quoted, timestamp=120_000, close=9.25, volume=29)
    changed = {"spark": [7, 8, 9.25, 10], "dayVolume": 499, "recent": [[60_000, 20], [120_000, 29], [180_000, 40.5]]}
    assert row == quoted | changed


def test_a_bar_that_says_nothing_new_leaves_the_row_as_it_is(page: Page, quoted: dict[str, Any]) -> None:
    same = page.evaluate(
        """async ([row, ticks]) => {
          const { mergeTick } = await import("/static/js/market.js");
          return ticks.map((tick) => mergeTick(row, tick, 2000, 0) === row);
        }""",
        [
            quoted,
            [
                NEW_YEAR_BAR | {"timestamp": 180_000, "close": 10, "volume": 40.5, "tier": "live"},
                NEW_YEAR_BAR | {"timestamp": 120_000, "close": 9, "volume": 30, "tier": "official"},
            ],
        ],
    )
    assert same == [True, True]


def test_what_the_row_cannot_tell_has_its_quote_asked_for_again(page: Page, quoted: dict[str, Any]) -> None:
    unknown = merge(page, quoted, timestamp=0, volume=9)
    assert unknown == quoted | {"stale": True}
    # A bar of the day before has no part in the day's volume, but the close of that day may depend on it.
    before = merge(page, quoted, timestamp=60_000, close=8.0, volume=25, day_start_ms=120_000)
    assert (before["dayVolume"], before["stale"]) == (500, True)
    first = merge(page, call(page, "market", "emptyRow", "X"), timestamp=240_000, volume=9)
    assert (first["last"], first["dayVolume"], first["stale"]) == (2, None, True)


def test_a_withdrawn_bar_takes_its_volume_and_its_place_with_it(page: Page, quoted: dict[str, Any]) -> None:
    newest_ms, volume = quoted["recent"][-1]
    row = merge(page, quoted, timestamp=newest_ms, withdrawn=True)
    assert (row["recent"], row["spark"]) == (quoted["recent"][:-1], quoted["spark"][:-1])
    assert (row["timestampMs"], row["last"]) == (quoted["recent"][-2][0], quoted["spark"][-2])
    assert row["dayVolume"] == pytest.approx(quoted["dayVolume"] - volume)
    assert row["stale"]
    # Of one that is no longer known one by one, the quote tells.
    older = merge(page, quoted, timestamp=newest_ms - 90 * 60_000, withdrawn=True)
    assert older == quoted | {"stale": True}
    alone = quoted | {"recent": quoted["recent"][-1:], "spark": quoted["spark"][-1:]}
    gone = merge(page, alone, timestamp=newest_ms, withdrawn=True)
    assert (gone["timestampMs"], gone["last"], gone["change"]) == (None, None, None)


def test_a_row_is_meant_by_the_beginning_of_its_symbol_or_a_part_of_its_company_s_name(page: Page) -> None:
    berkshire = {"symbol": "BRK.B", "name": "Berkshire Hathaway"}
    for typed, meant in [("", True), (" brk", True), ("BRK-B", True), ("KB", False), ("hath", True), ("Inc", False)]:
        assert call(page, "market", "matches", berkshire, typed) is meant, typed
    assert call(page, "market", "matches", {"symbol": "BACpL", "name": None}, "bacpl") is True


def test_rows_without_a_value_come_last_in_both_directions(page: Page) -> None:
    rows = [{"symbol": symbol, "last": last} for symbol, last in [("C", 2), ("B", None), ("A", 1), ("D", 1)]]
    for descending, order in [(False, "ADCB"), (True, "CADB")]:
        ordered = call(page, "market", "sortRows", rows, "last", descending)
        assert "".join(row["symbol"] for row in ordered) == order
    assert [row["symbol"] for row in call(page, "market", "sortRows", rows, "symbol", True)] == list("DCBA")


def test_the_axis_of_a_plot_has_round_numbers_and_labels_that_have_room(page: Page) -> None:
    marks = {
        (0, 100): [0, 25, 50, 75, 100],
        (-14.2, 10.3): [-10, 0, 10],
        (0.93, 1.12): [0.95, 1, 1.05, 1.1],
        (-3, 60_000): [0, 20_000, 40_000, 60_000],
    }
    assert {ends: call(page, "views/plot_scale", "roundMarks", ends, 4) for ends in marks} == marks
    assert call(page, "views/plot_scale", "labelPlaces", 10, 420, 84) == [1, 3, 5, 7, 9]
    assert call(page, "views/plot_scale", "labelPlaces", 3, 420, 84) == [0, 1, 2]
    assert call(page, "views/plot_scale", "extent", [[1, None, 5], [None, -2]], [0]) == [-2, 5]
    assert call(page, "views/plot_scale", "extent", [[None]]) is None
    assert call(page, "views/plot_scale", "widened", [3, 3]) == pytest.approx([2.85, 3.15])
