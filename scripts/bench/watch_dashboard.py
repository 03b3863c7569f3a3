"""What a dashboard that is watched costs: `python -m scripts.bench.watch_dashboard --minutes 10`.

Starts TickStock as a user does (`start_all_services.py`, in a data folder of its own) on the simulated feed with 503
symbols, waits for its first bars, opens the dashboard in Chromium and goes from tab to tab. Told are, from then on: of
each process the share of a core and the memory (PSS: pages that several share are counted once), and of the page what
it asked for and how many bytes came, and the processor time of its main thread. It ends by itself.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import CDPSession, Page, sync_playwright

from src.config.settings import PROJECT_ROOT
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.ports import free_port

_TABS = ("", "rankings", "breadth", "sectors", "stages", "sentiment", "data")
_START_WITHIN_S = 300.0


def main() -> None:
    """Watches and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--universe", default="sp500")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _running(folder, asked.universe) as (process, url):
        _watch(url, psutil.Process(process.pid), asked.minutes * 60)


@contextlib.contextmanager
def _running(folder: str, universe: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    keys = {"DATA_DIR": folder, "PORT": str(port), "HOST": "127.0.0.1", "SYMBOL_UNIVERSE_KEY": universe}
    keys |= {"USE_MASSIVE_API": "false", "ADMIN_PASSWORD": "watched by a bench"}
    command = [sys.executable, "start_all_services.py"]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env={**os.environ, **keys}, stdout=subprocess.DEVNULL)
    try:
        _wait_for_bars(url)
        yield process, url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_for_bars(url: str) -> None:
    until_s = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < until_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310  loopback
            return
        time.sleep(1)
    raise SystemExit(f"TickStock was not ready within {_START_WITHIN_S:.0f} s.")


def _watch(url: str, launcher: psutil.Process, seconds: float) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1366, "height": 860})
        cdp = page.context.new_cdp_session(page)
        transfer = _Transfer(cdp)
        cdp.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(url)
        page.locator("#watchlist tbody tr").nth(5).wait_for()
        _visit_tabs(page, launcher, seconds)
        page_s = {metric["name"]: metric["value"] for metric in cdp.send("Performance.getMetrics")["metrics"]}
        print(f"the page's main thread: {100 * page_s['TaskDuration'] / seconds:.1f} % of a core,", end=" ")
        print(f"heap {page_s['JSHeapUsedSize'] / 1e6:.1f} MB")
        transfer.tell(seconds)
        browser.close()


def _visit_tabs(page: Page, launcher: psutil.Process, seconds: float) -> None:
    before = _processes(launcher)
    begun_s = time.monotonic()
    for tab in _TABS:
        page.evaluate("tab => { location.hash = tab && `tab=${tab}`; }", tab)
        page.wait_for_timeout(seconds / len(_TABS) * 1000)
    watched_s = time.monotonic() - begun_s
    print(f"watched for {watched_s:.0f} s, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for pid, (name, cpu_s, pss_bytes) in _processes(launcher).items():
        share = 100 * (cpu_s - before.get(pid, (name, 0.0, 0))[1]) / watched_s
        print(f"{name:36} {share:6.1f} % of a core {pss_bytes / 1e6:8.0f} MB")


def _processes(launcher: psutil.Process) -> dict[int, tuple[str, float, int]]:
    """By number: what a process is, its processor time in seconds, its memory."""
    found = {}
    for process in [launcher, *launcher.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            name = " ".join(process.cmdline()[1:4])[-36:]
            found[process.pid] = (name, times.user + times.system, process.memory_full_info().pss)
    return found


class _Transfer:
    """Counts what the page asks for, by path, and the bytes that came over the line."""

    def __init__(self, cdp: CDPSession) -> None:
        self._paths: dict[str, str] = {}
        self._asked: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        cdp.on("Network.requestWillBeSent", self._on_asked)
        cdp.on("Network.loadingFinished", self._on_loaded)
        cdp.send("Network.enable")

    def _on_asked(self, event: dict[str, Any]) -> None:
        path = urlsplit(event["request"]["url"]).path
        self._paths[event["requestId"]] = path if path.startswith("/api/") else "page, scripts and styles"

    def _on_loaded(self, event: dict[str, Any]) -> None:
        path = self._paths.pop(event["requestId"], "others")
        self._asked[path] += 1
        self._bytes[path] += event["encodedDataLength"]

    def tell(self, seconds: float) -> None:
        """Prints a line for each path."""
        for path, count in self._bytes.most_common():
            asked = self._asked[path]
            print(f"{path:36} {asked:6} questions {count / 1000:10.0f} kB {count / 1000 / seconds:8.1f} kB/s")


if __name__ == "__main__":
    main()
