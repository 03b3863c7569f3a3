"""Measures the page in Chromium: ``PYTHONPATH=. python -m tests.browser.measure_page [rows]``.

All rows (517 unless told otherwise) change before each poll. It prints when the page is of use, what drawing it at
first takes, what a poll costs the page's main thread (processor time, which other programs on the machine do not add
to), the long tasks while it follows (elapsed time, to which they do), and the heap after 10 minutes of polls with the
page's clock moved on.
"""

import itertools
import random
import sys
from string import ascii_uppercase

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from .conftest import CHROMIUM, CHROMIUM_ARGS
from .scripted_server import MINUTE_MS, ScriptedMarket, ScriptedServer

ROWS = 517
POLLS = 20
HEAP_MINUTES = 10
RECORD_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => Math.round(duration))))
  .observe({ type: "longtask", buffered: true });
"""
_walk = random.Random(517)


def make_market(rows: int) -> ScriptedMarket:
    """A market of so many symbols with names, an hour of bars each."""
    market = ScriptedMarket()
    tickers = ("".join(letters) for letters in itertools.product(ascii_uppercase, repeat=3))
    market.list_symbols({ticker: _walk.uniform(5, 900) for ticker in itertools.islice(tickers, rows)}, 60)
    market.names = {symbol: f"{symbol.title()} Industries Inc." for symbol in market.bars}
    return market


def change_all(market: ScriptedMarket) -> None:
    """A trade in every symbol."""
    for bars in market.bars.values():
        close = round(bars[-1]["close"] * (1 + _walk.gauss(0, 0.0004)), 2)
        bars[-1].update(close=close, volume=bars[-1]["volume"] + _walk.randint(1, 900))


def end_minute(market: ScriptedMarket) -> None:
    """The newest bar of every symbol becomes official, and the next one begins."""
    for bars in market.bars.values():
        bars[-1]["tier"] = "official"
        bars.append(bars[-1] | {"timestamp": bars[-1]["timestamp"] + MINUTE_MS, "tier": "live", "volume": 1})


def thread_ms(cdp: CDPSession) -> dict[str, float]:
    """What the main thread has done so far, by kind, in milliseconds of processor time."""
    metrics = {metric["name"]: metric["value"] for metric in cdp.send("Performance.getMetrics")["metrics"]}
    kinds = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    return {kind.removesuffix("Duration").lower(): metrics[kind] * 1000 for kind in kinds}


def polls_asked(market: ScriptedMarket) -> int:
    """The polls up to now."""
    return len(market.asked("/api/ticks/recent?universe"))


def standing_ms(page: Page, rows: int) -> float:
    """When the prices of all rows and the chart's newest bar stood, in elapsed ms since the page was asked for."""
    standing = """rows => {
      const prices = [...document.querySelectorAll("#watchlist tbody .col-last")];
      const stand = prices.length >= rows && prices.every(({ textContent }) => textContent !== "–");
      return stand && document.querySelector("#chart-legend").textContent !== "" && performance.now();
    }"""
    return float(page.wait_for_function(standing, arg=rows).json_value())


def measure_polls(browser: Browser, market: ScriptedMarket, url: str) -> None:
    """Print the cost of the first drawing and of polls, as the clock goes."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.add_init_script(RECORD_LONG_TASKS)
    page.goto(url)
    print(f"list and chart stand {standing_ms(page, len(market.bars)):.0f} ms after the page was asked for")
    page.wait_for_timeout(800)
    print("until the list and the chart stand, ms:", _rounded(thread_ms(cdp)), "long tasks:", _long_tasks(page))
    before, asked = thread_ms(cdp), polls_asked(market)
    while polls_asked(market) < asked + POLLS:
        change_all(market)
        with page.expect_response("**/api/**"):
            pass
    page.wait_for_timeout(900)
    after, polls = thread_ms(cdp), polls_asked(market) - asked
    print(f"each of {polls} polls, ms:", _rounded({kind: (after[kind] - before[kind]) / polls for kind in after}))
    print("long tasks meanwhile, elapsed ms:", _long_tasks(page))
    page.close()


def measure_heap(browser: Browser, market: ScriptedMarket, url: str) -> None:
    """Print the heap at the start and after minutes of polls."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.clock.install()
    page.goto(url)
    page.locator("#chart-legend", has_text="New York").wait_for()
    page.wait_for_timeout(800)
    print("heap at first, MB:", _heap_mb(page))
    for second in range(1, HEAP_MINUTES * 60 + 1):
        change_all(market)
        if second % 60 == 0:
            end_minute(market)
        with page.expect_response("**/api/**"):
            page.clock.run_for(1_000)
    print(f"heap after {HEAP_MINUTES} minutes of polls, MB:", _heap_mb(page))
    page.close()


def _heap_mb(page: Page) -> float:
    cdp = page.context.new_cdp_session(page)
    cdp.send("HeapProfiler.collectGarbage")
    return round(float(cdp.send("Runtime.getHeapUsage")["usedSize"]) / 1e6, 2)


def _long_tasks(page: Page) -> list[int]:
    tasks: list[int] = page.evaluate("longTasks.splice(0)")
    return tasks


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 1) for key, value in values.items()}


def main() -> None:
    """Measure with as many rows as the command line says."""
    market = make_market(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    server = ScriptedServer(market)
    server.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, "--no-sandbox"])
        measure_polls(browser, market, server.url)
        measure_heap(browser, market, server.url)
        browser.close()
    server.stop()


if __name__ == "__main__":
    main()
