"""The page's pure functions, run where they belong: in the browser, as the modules the page loads."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from .scripted_server import ScriptedMarket, ScriptedServer

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
PALETTE = {"up": "u", "upFaint": "uf", "down": "d", "downFaint": "df", "volumeLive": "v", "background": "b"}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A bare page of a server's own origin, so that its modules can be imported; one for all, as they are pure."""
    server = ScriptedServer(ScriptedMarket())
    server.start()
    page = browser.new_page()
    page.goto(f"{server.url}/static/js/format.js")
    yield page
    page.close()
    server.stop()


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """Call an exported function of one of the page's modules."""
    return page.evaluate(
        "async ([module, name, args]) => (await import(`/static/js/${module}.js`))[name](...args)",
        [module, function, list(arguments)],
    )


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


def test_a_repeated_hour_gives_each_chart_time_once(page: Page) -> None:
    end_of_summer_time_ms = 1_793_512_800_000
    bars = [NEW_YEAR_BAR | {"timestamp": end_of_summer_time_ms + i * 600_000} for i in range(-6, 6)]
    times = page.evaluate(
        """async (bars) => {
          const { createBarStore } = await import("/static/js/bars.js");
          const store = createBarStore();
          store.replace(bars);
          return [...store.byChartTime()].map(([time, bar]) => [time, bar.timestamp]);
        }""",
        bars,
    )
    assert [time for time, _ in times] == sorted({time for time, _ in times})
    assert [stamp for _, stamp in times] == [bar["timestamp"] for bar in bars[6:]]


def test_only_bars_that_differ_count_as_changed(page: Page) -> None:
    same, changed = NEW_YEAR_BAR, NEW_YEAR_BAR | {"timestamp": 60_000, "tier": "official"}
    before = [NEW_YEAR_BAR, NEW_YEAR_BAR | {"timestamp": 60_000}]
    answer = page.evaluate(
        """async ([before, after]) => {
          const { createBarStore } = await import("/static/js/bars.js");
          const store = createBarStore();
          store.replace(before);
          return [store.merge(after), store.size];
        }""",
        [before, [same, changed]],
    )
    assert answer == [[changed], 2]


@pytest.mark.parametrize(
    ("tier", "fill", "column"),
    [("live", "b", "v"), ("early", "uf", "v"), ("official", "u", "uf"), ("final", "u", "uf")],
)
def test_what_is_not_official_is_not_filled(page: Page, tier: str, fill: str, column: str) -> None:
    bar = NEW_YEAR_BAR | {"tier": tier}
    candle = call(page, "bars", "toCandle", bar, PALETTE)
    assert (candle["color"], candle["borderColor"], candle["wickColor"]) == (fill, "u", "u")
    assert call(page, "bars", "toColumn", bar, PALETTE)["color"] == column
    assert call(page, "bars", "toCandle", bar | {"close": 1.5}, PALETTE)["borderColor"] == "d"


def test_symbols_are_split_by_what_a_url_carries(page: Page) -> None:
    symbols = [f"SYM{i}" for i in range(1000)]
    chunks = call(page, "api", "chunkSymbols", symbols)
    assert [symbol for chunk in chunks for symbol in chunk] == symbols
    assert [len(",".join(chunk)) <= 3500 for chunk in chunks] == [True, True]
    assert call(page, "api", "chunkSymbols", []) == []


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
    ("polled_ms", "since_ms"),
    [
        (None, 59 * 60_000),
        (60 * 60_000 + 5_000, 59 * 60_000),
        (55 * 60_000 + 5_000, 54 * 60_000),  # nothing of a pause of five minutes is left out
        (1, 39 * 60_000),  # nor is a longer one asked for bar by bar: the chart is loaded anew
    ],
)
def test_a_poll_asks_from_the_minute_before_the_last_poll(page: Page, polled_ms: int | None, since_ms: int) -> None:
    now_ms = 60 * 60_000 + 6_000
    assert call(page, "selection", "pollSinceMs", polled_ms, now_ms) == since_ms


def test_an_older_quote_does_not_undo_a_newer_bar(page: Page) -> None:
    quote = {
        "symbol": "X",
        "timestamp": 60_000,
        "last": 10.0,
        "tier": "live",
        "reference_price": 8.0,
        "reference": "previous_close",
        "change": 2.0,
        "change_percent": 25.0,
        "day_volume": 500,
        "spark": [9.0, 10.0],
    }
    tick = NEW_YEAR_BAR | {"timestamp": 120_000, "close": 12.0}
    first = call(page, "market", "mergeQuote", call(page, "market", "emptyRow", "X"), quote, 1000)
    newer = call(page, "market", "mergeTick", first, tick, 2000)
    assert (newer["last"], newer["change"], newer["changePercent"], newer["spark"]) == (12, 4, 50, [9, 10, 12])
    merged = call(page, "market", "mergeQuote", newer, quote | {"day_volume": 600, "reference_price": 6.0}, 1500)
    assert (merged["last"], merged["change"], merged["dayVolume"], merged["spark"]) == (12, 6, 600, [9, 10, 12])
    assert call(page, "market", "mergeTick", newer, tick | {"timestamp": 60_000}, 3000) is None
    later = call(page, "market", "mergeQuote", newer, quote, 2500)
    assert (later["last"], later["timestampMs"]) == (10, 60_000)


def test_rows_without_a_value_come_last_in_both_directions(page: Page) -> None:
    rows = [{"symbol": symbol, "last": last} for symbol, last in [("C", 2), ("B", None), ("A", 1), ("D", 1)]]
    for descending, order in [(False, "ADCB"), (True, "CADB")]:
        ordered = call(page, "market", "sortRows", rows, "last", descending)
        assert "".join(row["symbol"] for row in ordered) == order
    assert [row["symbol"] for row in call(page, "market", "sortRows", rows, "symbol", True)] == list("DCBA")
