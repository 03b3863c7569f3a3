"""Measures the administrator's page: ``PYTHONPATH=. python -m tests.browser.measure_admin_page [tickers] [lists]``.

All tickers (500 unless told otherwise) change once a second, in so many lists (10). It prints what the page's main
thread does in each second of that (processor time, which other programs on the machine do not add to), the long tasks
meanwhile (elapsed time, to which they do), and how many of the screen's pictures were late.
"""

import sys
import time
from functools import partial

from playwright.sync_api import Browser, sync_playwright

from .conftest import CHROMIUM, CHROMIUM_ARGS
from .measure_page import RECORD_LONG_TASKS, thread_ms
from .scripted_admin import ScriptedAdminServer, one_connection, three_connections

TICKERS = 500
LISTS = 10
SECONDS = 10
RECORD_FRAMES = """
window.frameGaps = [];
let before = performance.now();
const frame = (now) => { frameGaps.push(now - before); before = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


def change_all(server: ScriptedAdminServer, lists: int, turn: int) -> None:
    """A second in which every ticker changes, told in so many lists, and its figures."""
    script = server.script
    carried = [(connection_id, ticker) for connection_id, tickers in script.carried.items() for ticker in tickers]
    for part in range(lists):
        began_s = time.monotonic()
        ticks = [
            script.price(carrier, ticker, 50 + (turn * 7 + i) % 90, turn) for i, (carrier, ticker) in enumerate(carried)
        ][part::lists]
        server.send("tick_update", ticks)
        if part == 0:
            server.send_second()
        time.sleep(max(0.0, 1 / lists - (time.monotonic() - began_s)))


def measure(browser: Browser, server: ScriptedAdminServer, lists: int) -> None:
    """Print what a page costs whose tickers all change each second."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.add_init_script(RECORD_LONG_TASKS)
    page.goto(server.url + "/admin/websockets")
    page.locator("#updates", has_text="live").wait_for()
    page.wait_for_timeout(1_000)
    print("until it stands, ms:", {kind: round(ms) for kind, ms in thread_ms(cdp).items()})
    page.locator(".ticker-scroll").first.scroll_into_view_if_needed()
    page.evaluate(f"longTasks.splice(0); {RECORD_FRAMES}")
    before = thread_ms(cdp)
    for turn in range(SECONDS):
        change_all(server, lists, turn)
    after = thread_ms(cdp)
    gaps = page.evaluate("frameGaps")
    print("each second, ms:", {kind: round((after[kind] - before[kind]) / SECONDS, 1) for kind in after})
    print("long tasks, elapsed ms:", page.evaluate("longTasks"))
    print(f"pictures: {len(gaps)}, of them over 50 ms late: {sum(gap > 50 for gap in gaps)}")
    page.close()


def main() -> None:
    """Measure with as many tickers and lists as the command line says: in one connection, and in three."""
    tickers = int(sys.argv[1]) if len(sys.argv) > 1 else TICKERS
    lists = int(sys.argv[2]) if len(sys.argv) > 2 else LISTS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, "--no-sandbox"])
        for make in (partial(one_connection, tickers), partial(three_connections, tickers // 3)):
            server = ScriptedAdminServer(make())
            server.start()
            measure(browser, server, lists)
            server.stop()
        browser.close()


if __name__ == "__main__":
    main()
