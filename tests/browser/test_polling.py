"""How the page asks: one request a poll, slower when hidden, corrections fetched, nothing twice at once."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from .conftest import Open, Watch, candles_changed, remember_candles
from .scripted_server import MINUTE_MS, ScriptedMarket

POLLS = "/api/ticks/recent?symbols="


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
    expect(page.locator("#chart-legend")).to_contain_text("live")
    page.wait_for_timeout(200)
    return page


def pass_time(page: Page, seconds: float) -> None:
    """Let the page's own clock jump, each timer that is due firing once, and leave room for answers."""
    page.clock.fast_forward(round(seconds * 1000))
    page.wait_for_timeout(250)


def test_one_request_a_poll_carries_all_symbols_from_the_minute_before(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page(own_clock=True))
    before = len(market.asked(POLLS))
    for _ in range(3):
        pass_time(page, 1)
    polls = [parse_qs(urlsplit(path).query) for path in market.asked(POLLS)]
    assert len(polls) == before + 3
    for poll in polls:
        assert set(poll["symbols"][0].split(",")) == set(market.bars)
        assert int(poll["since"][0]) == market.start_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
    assert len(market.asked("/api/ticks/recent?symbol=AAPL&limit=1000")) == 1
    assert len(market.asked("/api/quotes")) == 1


def test_a_slow_server_is_never_asked_twice_at_once(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page())
    market.delay_s = 0.5
    for symbol in ("TSLA", "MSFT"):
        page.locator(f'tr[data-symbol="{symbol}"]').click()
        page.wait_for_timeout(200)
    expect(page.locator("#chart-legend")).to_contain_text(f"C {market.bars['MSFT'][-1]['close']:.2f}")
    assert market.most_at_once == 1


def test_a_hidden_tab_asks_rarely_and_at_once_when_looked_at_again(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page(own_clock=True))
    set_visibility(page, hidden=True)
    pass_time(page, 1)  # the pause that had begun ends with one more request
    before = len(market.asked(POLLS))
    pass_time(page, 14)
    assert len(market.asked(POLLS)) == before
    pass_time(page, 1)
    assert len(market.asked(POLLS)) == before + 1
    quotes = len(market.asked("/api/quotes"))
    set_visibility(page, hidden=False)
    page.wait_for_timeout(250)
    assert len(market.asked(POLLS)) == before + 2
    assert len(market.asked("/api/quotes")) == quotes + 1
    pass_time(page, 1)
    assert len(market.asked(POLLS)) == before + 3


def test_the_interval_is_chosen_and_remembered(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page(own_clock=True))
    select = page.get_by_label("Update every")
    expect(select).to_have_value("1000")
    select.select_option("5 s")
    page.wait_for_timeout(250)
    before = len(market.asked(POLLS))
    pass_time(page, 4)
    assert len(market.asked(POLLS)) == before
    pass_time(page, 1)
    assert len(market.asked(POLLS)) == before + 1
    page.reload()
    expect(select).to_have_value("5000")


def test_a_late_correction_is_drawn_within_half_a_minute(open_page: Open, market: ScriptedMarket) -> None:
    page = loaded(open_page(own_clock=True))
    remember_candles(page)
    revised = market.bars["AAPL"][-8]
    revised.update(high=revised["high"] + 5, volume=revised["volume"] * 9)
    pass_time(page, 2)
    assert not candles_changed(page), "the polls of each second do not reach that far back"
    market.start_ms += 31_000  # the page follows the server's clock
    pass_time(page, 2)
    pass_time(page, 2)
    assert candles_changed(page)
    corrections = market.asked(POLLS + "AAPL&")
    assert len(corrections) == 1
    since_ms = int(parse_qs(urlsplit(corrections[0]).query)["since"][0])
    assert abs(market.now_ms() - since_ms - 20 * MINUTE_MS) < 5_000
