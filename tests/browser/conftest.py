"""Chromium, a scripted market and its server, and pages that fail a test on any error they log."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from .scripted_server import ScriptedMarket, ScriptedServer

_PATH = f"{os.environ.get('PATH', '')}:/usr/bin"
# Both are the same browser; without its windows, tabs and menus, which nobody sees here, a page costs a fifth.
CHROMIUM = shutil.which("chromium-headless-shell", path=_PATH) or shutil.which("chromium", path=_PATH)
CHROMIUM_ARGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RECORD_VIOLATIONS = """
window.cspViolations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.cspViolations.push(`${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""
# What is awaited comes within some milliseconds, unless the machine is busy with other tests.
WITHIN_MS = 60_000
expect.set_options(timeout=WITHIN_MS)
# How many requests wait for their answer's last byte.
COUNT_UNANSWERED = """
window.unanswered = 0;
const fetchNow = window.fetch;
window.fetch = async (...question) => {
  window.unanswered += 1;
  try {
    const answer = await fetchNow(...question);
    await answer.clone().text();
    return answer;
  } finally {
    window.unanswered -= 1;
  }
};
"""
PRICES = {"AAPL": 231.4, "AMZN": 204.15, "BRK.B": 498.2, "MSFT": 501.0, "NVDA": 178.05, "TSLA": 402.6}


@dataclass
class Watch:
    """A page and what it complained of: console errors and warnings, uncaught errors, CSP violations.

    A complaint that holds one of ``expected`` is what the test is about, such as a refused connection.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def note_console(self, message: ConsoleMessage) -> None:
        """Keep what the page logged, unless it is information only."""
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console {message.type}: {message.text}")

    def unexpected(self) -> list[str]:
        """Everything the page complained of so far that the test did not expect."""
        violations = [f"CSP: {text}" for text in self.page.evaluate("window.cspViolations")]
        return [text for text in self.complaints + violations if not any(part in text for part in self.expected)]


Open = Callable[..., Watch]


def step_until(page: Page, step_ms: int, holds: Callable[..., None], *arguments: Any) -> None:
    """Move the page's clock by ``step_ms``, some times at most, until ``holds`` of an ``expect`` does so.

    One step may find a request under way, or end in one that fails: the next request is due a pause later only.
    """
    for _ in range(9):
        page.clock.fast_forward(step_ms)
        with suppress(AssertionError):
            holds(*arguments, timeout=2_000)
            return
    page.clock.fast_forward(step_ms)
    holds(*arguments)


# Drawing the same again may shade the ends of a dotted line a little differently: that is no change.
READ_CANDLES = """
  const canvas = document.querySelector("#chart tr:first-child td:nth-child(2) canvas");
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, width, height).data;
"""


def remember_candles(page: Page) -> None:
    """Keep what the chart's price pane looks like now, for candles_changed."""
    page.evaluate(f"() => {{ {READ_CANDLES} window.candlesBefore = pixels; }}")


def candles_changed(page: Page) -> bool:
    """Tell whether the chart's price pane looks different from when it was remembered."""
    difference = "pixels.some((value, i) => Math.abs(value - window.candlesBefore[i]) > 40)"
    return bool(page.evaluate(f"() => {{ {READ_CANDLES} return {difference}; }}"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, started once for the tests of this folder."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium-headless-shell")
    args = [*CHROMIUM_ARGS, "--no-sandbox"] if os.geteuid() == 0 else list(CHROMIUM_ARGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """What pages share unless a test asks otherwise; each server has an origin of its own, so nothing stays."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context
    context.close()


@pytest.fixture
def market() -> ScriptedMarket:
    """Six symbols with two hours of bars each, the last one live."""
    market = ScriptedMarket()
    market.list_symbols(PRICES)
    return market


@pytest.fixture
def server(market: ScriptedMarket) -> Iterator[ScriptedServer]:
    """The market's server, listening."""
    server = ScriptedServer(market)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: Browser, context: BrowserContext, server: ScriptedServer) -> Iterator[Open]:
    """Open a page of the server; at the end every page opened must have been without complaint.

    With ``own_clock`` the page's time goes on as usual, and a test can move it forward. With it, as clocks are of
    contexts, and with options the page gets a browser context of its own.
    """
    watches: list[Watch] = []

    def open_(
        path: str = "/",
        *,
        expected: tuple[str, ...] = (),
        own_clock: bool = False,
        **context_options: Any,
    ) -> Watch:
        is_alone = own_clock or context_options
        page = (browser.new_context(**context_options) if is_alone else context).new_page()
        page.set_default_timeout(WITHIN_MS)
        watch = Watch(page, expected=expected)
        page.on("console", watch.note_console)
        page.on("pageerror", lambda error: watch.complaints.append(f"uncaught: {error.message}"))
        page.add_init_script(RECORD_VIOLATIONS)
        if own_clock:
            page.clock.install()
            page.add_init_script(COUNT_UNANSWERED)
        page.goto(server.url + path)
        watches.append(watch)
        return watch

    yield open_
    complaints = [text for watch in watches for text in watch.unexpected()]
    for watch in watches:
        watch.page.close()
        if watch.page.context is not context:
            watch.page.context.close()
    assert complaints == []


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
