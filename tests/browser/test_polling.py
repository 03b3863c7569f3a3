"""How the page asks: one question at a time and a turn, from a cursor on, slower when hidden, anew when it must."""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Error, Page, expect

from tests.waiting import wait_for

from .conftest import Open, Watch, candles_changed, remember_candles
from .scripted_server import MINUTE_MS, Bar, ScriptedMarket

POLLS = "/api/ticks/recent?universe=listening&"
QUOTES = "/api/quotes?universe=listening"
DAY_MS = 24 * 60 * MINUTE_MS


def set_visibility(page: Page, *, hidden: bool) -> None:
    """Make the page believe that its tab is hidden, or looked at again."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def loaded(opened: Watch) -> Page:
    """Wait until the page shows bars, and the pause before the next poll has begun."""
    page = opened.page
    expect(page.locator("#chart-legend")).to_contain_text("New York")
    page.wait_for_timeout(200)
    return page


def stopped(page: Page) -> Page:
    """Stop the clock of a page that has loaded: from here on nothing is asked but by pass_time."""
    for _ in range(9):
        with suppress(Error):  # the clock goes on while we ask for it: on a busy machine past where it shall stop
            page.clock.pause_at(page.evaluate("Date.now()") + 300)
            break
    settle(page)
    return page


def settle(page: Page) -> None:
    """Leave room for answers, and some frames of the page's own time for drawing them."""
    wait_for(lambda: page.evaluate("window.unanswered") == 0)
    page.clock.run_for(50)
    wait_for(lambda: page.evaluate("window.unanswered") == 0)


def pass_time(page: Page, seconds: float) -> None:
    """Let the page's own clock jump, each timer that is due firing once, and settle."""
    page.clock.fast_forward(round(seconds * 1000))
    settle(page)


def pass_time_until_asked(page: Page, market: ScriptedMarket) -> None:
    """Let time pass until the next poll was asked and answered; it is due a second after the page had taken in the
    answer before, which on a busy machine is a moment later than that answer has come."""
    before = len(market.asked(POLLS))

    def asked() -> bool:
        pass_time(page, 0.5)
        return len(market.asked(POLLS)) > before

    wait_for(asked)


def asked_since(market: ScriptedMarket, act: Callable[[], None]) -> list[str]:
    """The API's paths that were asked for while ``act`` ran, each without a cursor."""
    before = len(market.asked("/api/"))
    act()
    return [path.split("&cursor=")[0] for path in market.asked("/api/")[before:]]


def volume_of(page: Page, symbol: str) -> str:
    """The day's volume of a row, exact, as its hint says it."""
    return page.locator(f'tr[data-symbol="{symbol}"] .col-volume').get_attribute("title") or ""


def shares(market: ScriptedMarket, symbol: str) -> str:
    """The same by the market's own bars."""
    return f"{market.day_volume(symbol):,.6f}".rstrip("0").rstrip(".") + " shares"


def late_bar(market: ScriptedMarket, symbol: str, age_minutes: int, **values: float) -> Bar:
    """A bar of the past that no one has been told of, at its place among the symbol's bars."""
    newest = market.bars[symbol][-1]
    bar = newest | {"timestamp": newest["timestamp"] - age_minutes * MINUTE_MS, "tier": "official"} | values
    kept = [other for other in market.bars[symbol] if other["timestamp"] != bar["timestamp"]]
    market.bars[symbol] = sorted([*kept, bar], key=lambda bar: int(bar["timestamp"]))
    return bar


def test_a_page_asks_for_what_it_needs_and_then_at_most_one_question_a_second(
    open_page: Open, market: ScriptedMarket
) -> None:
    page = loaded(open_page(own_clock=True))
    chart = ["/api/calendar?", "/api/bars?limit=20000&symbol=AAPL&timeframe=1m"]
    start = ["/api/status?", QUOTES, "/api/universes?", *chart]
    assert [path.split("&from=")[0] for path in market.asked("/api/")[:5]] == start
    stopped(page)
    market.requests.clear()
    for _ in range(40):  # a quarter of a second each, so that an answer is there before the next poll could be due
        page.clock.run_for(200)
        settle(page)  # another 50 ms
    assert 5 <= len(market.requests) <= 10
    assert {path.split("cursor=")[0] for path in market.requests} == {POLLS}


def test_a_poll_goes_on_from_the_cursor_of_the_answer_before(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    market.bars["TSLA"][-1]["close"] += 1
    pass_time_until_asked(page, market)
    cursor = market.cursor()
    pass_time_until_asked(page, market)
    poll = parse_qs(urlsplit(market.asked(POLLS)[-1]).query)
    flags = {"status": ["true"], "patterns": ["true"]}
    assert poll == {"universe": ["listening"], "cursor": [cursor], "limit": ["10"]} | flags


def test_a_slow_server_is_never_asked_twice_at_once(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page())
    market.delay_s = 0.5
    for symbol in ("TSLA", "MSFT"):
        page.locator(f'tr[data-symbol="{symbol}"]').click()
        page.wait_for_timeout(200)
    expect(page.locator("#chart-legend")).to_contain_text(f"C {market.bars['MSFT'][-1]['close']:.2f}")
    assert market.most_at_once == 1


def test_a_hidden_tab_asks_rarely_and_at_once_when_looked_at_again(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    set_visibility(page, hidden=True)
    pass_time(page, 1)  # the pause that had begun ends with one more request
    before = len(market.asked("/api/"))
    pass_time(page, 14)
    assert len(market.asked("/api/")) == before
    pass_time(page, 1)
    assert len(market.asked("/api/")) == before + 1
    set_visibility(page, hidden=False)
    settle(page)
    assert len(market.asked("/api/")) == before + 2
    pass_time(page, 1)
    assert len(market.asked("/api/")) == before + 3


def test_the_interval_is_chosen_and_remembered(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    select = page.get_by_label("Update every")
    expect(select).to_have_value("1000")
    select.select_option("5 s")
    settle(page)
    before = len(market.asked(POLLS))
    pass_time(page, 4)
    assert len(market.asked(POLLS)) == before
    pass_time(page, 1)
    assert len(market.asked(POLLS)) == before + 1
    page.reload()
    expect(select).to_have_value("5000")


def test_a_correction_of_any_age_is_drawn_by_the_next_poll(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    for age in (1, 50):  # both on the screen; bars are 7 pixels wide
        remember_candles(page)
        revised = market.bars["AAPL"][-1 - age]
        revised.update(high=revised["high"] * 1.01, volume=revised["volume"] * 9)
        assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]
        assert candles_changed(page)


def test_a_bar_that_comes_between_others_is_drawn_between_them(open_page: Open, market: ScriptedMarket) -> None:
    del market.bars["AAPL"][-10]
    page = stopped(loaded(open_page(own_clock=True)))
    remember_candles(page)
    late_bar(market, "AAPL", 9)
    pass_time(page, 1)
    assert candles_changed(page)


def test_a_bar_that_is_withdrawn_leaves_the_chart_and_the_list(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page(own_clock=True))
    remember_candles(page)
    market.bars["AAPL"][-4]["withdrawn"] = True
    pass_time(page, 1)
    assert candles_changed(page)
    assert volume_of(page, "AAPL") == shares(market, "AAPL")
    market.bars["AAPL"][-1]["withdrawn"] = True
    pass_time(page, 1)
    before = f"{market.bars['AAPL'][-2]['close']:.2f}"
    expect(page.locator("#chart-legend")).to_contain_text(f"C {before}")
    expect(page.locator('tr[data-symbol="AAPL"] .col-last')).to_have_text(before)
    assert volume_of(page, "AAPL") == shares(market, "AAPL")
    assert asked_since(market, lambda: pass_time(page, 30)) == ["/api/quotes?symbols=AAPL"]


def test_a_foreign_cursor_has_quotes_and_history_loaded_again(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    market.database_id = "0b" * 16
    market.bars["AAPL"][-1].update(close=777.0, high=777.0)
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]], "one question a second, then too"
    assert asked_since(market, lambda: pass_time(page, 1)) == [QUOTES]
    pass_time_until_asked(page, market)
    chart = [path.split("&from=")[0] for path in market.asked("/api/") if path.startswith(("/api/bars", "/api/patt"))]
    history = "/api/bars?limit=50000&symbol=AAPL&timeframe=1m"
    assert chart[-2:] == [history, "/api/patterns/recent?symbol=AAPL&timeframe=1m&limit=1000"]
    expect(page.locator("#chart-legend")).to_contain_text("C 777.00")
    expect(page.locator('tr[data-symbol="AAPL"] .col-last')).to_have_text("777.00")
    assert market.database_id in market.asked(POLLS)[-1]


def test_more_than_an_answer_holds_is_loaded_anew_and_not_page_by_page(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    for bar in market.bars["MSFT"][-30:]:
        bar["volume"] += 1
    market.bars["MSFT"][-1].update(close=888.0, high=888.0)
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]
    assert asked_since(market, lambda: pass_time(page, 1)) == [QUOTES]
    pass_time_until_asked(page, market)
    expect(page.locator('tr[data-symbol="MSFT"] .col-last')).to_have_text("888.00")
    assert volume_of(page, "MSFT") == shares(market, "MSFT")
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]


def test_a_symbol_beside_the_watch_list_comes_with_the_same_request(open_page: Open, market: ScriptedMarket) -> None:
    market.list_symbols({"IBM": 300.0})
    market.listen_to(["AAPL", "MSFT"])
    page = stopped(loaded(open_page("/#symbol=IBM", own_clock=True)))
    market.bars["IBM"][-1].update(close=321.0, high=321.0)
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS + "symbols=IBM"]
    expect(page.locator("#chart-legend")).to_contain_text("C 321.00")
    assert page.locator("#watchlist tbody tr").count() == 2
    page.locator('tr[data-symbol="MSFT"]').click()
    pass_time(page, 1)
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]


def test_another_universe_of_the_service_changes_the_list(open_page: Open, market: ScriptedMarket) -> None:
    market.list_symbols({"IBM": 300.0})
    market.listen_to(["AAPL", "MSFT"])
    page = stopped(loaded(open_page(own_clock=True)))
    market.listen_to(["AAPL", "IBM", "TSLA"])
    paths = [asked_since(market, lambda: pass_time(page, 1)) for _ in range(3)]
    assert paths == [[POLLS[:-1]], ["/api/status?"], [QUOTES]]
    expect(page.locator("#watchlist tbody th")).to_have_text(["AAPL", "IBM", "TSLA"])
    expect(page.locator('tr[data-symbol="IBM"] .col-last')).not_to_have_text("–")
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]


def test_bars_of_a_symbol_that_is_not_listed_yet_have_the_list_loaded_again(
    open_page: Open, market: ScriptedMarket
) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    # As with the whole market: nobody changed what is listened to, but the database learned of a symbol.
    changed_at = market.status["universe"]["changed_at"]
    market.list_symbols({"ZEUS": 30.0}, bars_per_symbol=2)
    market.status["universe"]["changed_at"] = changed_at
    pass_time(page, 1)
    expect(page.locator('tr[data-symbol="ZEUS"]')).to_have_count(0)
    pass_time(page, 30)
    for _ in range(2):
        pass_time(page, 1)
    expect(page.locator('tr[data-symbol="ZEUS"] .col-last')).not_to_have_text("–")
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]


def test_a_new_trading_day_has_the_quotes_loaded_again(open_page: Open, market: ScriptedMarket) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    before = volume_of(page, "AAPL")
    market.status["session"] = {"date": "2026-11-23", "phase": "pre"}
    market.day_start_ms += 3 * DAY_MS
    paths = [asked_since(market, lambda: pass_time(page, 1)) for _ in range(4)]
    assert [path.split("?")[0] for path in paths[1] + paths[2]] == ["/api/quotes", "/api/bars", "/api/patterns/recent"]
    assert paths[3] == [POLLS[:-1]]
    assert before != volume_of(page, "AAPL") == "0 shares"


def test_the_volume_of_the_day_stays_exact(open_page: Open, market: ScriptedMarket) -> None:
    for bar in market.bars["AAPL"]:
        bar["volume"] += 0.1
    page = stopped(loaded(open_page(own_clock=True)))
    assert volume_of(page, "AAPL") == shares(market, "AAPL")
    market.bars["AAPL"][-3]["volume"] += 0.000001  # a minute that is known
    late_bar(market, "AAPL", -1, volume=1234.7)  # the next minute
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]
    assert volume_of(page, "AAPL") == shares(market, "AAPL")


def test_what_bars_do_not_tell_exactly_is_asked_for_again_some_together_and_rarely(
    open_page: Open, market: ScriptedMarket
) -> None:
    page = stopped(loaded(open_page(own_clock=True)))
    for symbol in ("AAPL", "BRK.B"):
        market.bars[symbol][-90]["volume"] += 50  # what it was before is not known
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]
    assert volume_of(page, "AAPL") != shares(market, "AAPL")
    assert asked_since(market, lambda: pass_time(page, 30)) == ["/api/quotes?symbols=AAPL%2CBRK.B"]
    assert [volume_of(page, symbol) for symbol in ("AAPL", "BRK.B")] == [
        shares(market, symbol) for symbol in ("AAPL", "BRK.B")
    ]
    market.bars["MSFT"][-90]["volume"] += 50
    assert asked_since(market, lambda: pass_time(page, 1)) == [POLLS[:-1]]
    assert asked_since(market, lambda: pass_time(page, 28)) == [POLLS[:-1]]
    assert asked_since(market, lambda: pass_time(page, 2)) == ["/api/quotes?symbols=MSFT"]


def test_the_first_bars_of_a_new_database_fill_the_list(open_page: Open, market: ScriptedMarket) -> None:
    bars = {symbol: market.bars.pop(symbol)[-9:] for symbol in list(market.bars)}
    page = open_page(own_clock=True).page
    expect(page.locator("#chart-message")).to_have_text("Waiting for the first bar of AAPL.")
    expect(page.locator("#watchlist tbody tr")).to_have_count(6)
    stopped(page)
    market.bars = {symbol: bars[symbol][-1:] for symbol in bars}
    pass_time(page, 1)
    expect(page.locator('tr[data-symbol="TSLA"] .col-last')).not_to_have_text("–")
    market.bars = bars  # history comes later, and older than what is known
    for _ in range(5):
        pass_time(page, 1)
    assert [volume_of(page, symbol) for symbol in bars] == [shares(market, symbol) for symbol in bars]
    expect(page.locator('tr[data-symbol="TSLA"] .col-percent')).not_to_have_text("–")
