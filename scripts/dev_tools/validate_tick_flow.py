"""Walks a running installation from the feed to the endpoint and prints what holds.

Usage: .venv/bin/python scripts/dev_tools/validate_tick_flow.py [--seconds 5] [--url http://127.0.0.1:5000]

Needs nothing but the running program: it reads its database and calls its endpoints, and writes nothing.
The exit status is 0 when everything holds, 1 when something does not.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from src.config.settings import Settings, SettingsError, load_settings
from src.core.domain.market.bar import Tier
from src.core.errors import DatabaseUnavailableError
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.engines import read_engine

_FIELDS = ("timestamp", "open", "high", "low", "close", "volume", "vwap")
# A minute's official bar comes some seconds after its end, so the newest one is at most this old while data flow.
_FRESH_MS = 150_000
_FIRST_BAR_MS = 90_000
# Among so many bars of a symbol there are official ones, if there are any.
_RECENT_BARS = 30


class Step(NamedTuple):
    """One thing that was looked at."""

    name: str
    holds: bool
    found: str


class Installation:
    """The running program, by its endpoints and its database."""

    def __init__(self, url: str, reader: DatabaseBarReader) -> None:
        self.url = url
        self._reader = reader

    def get(self, path: str) -> Any:
        """The JSON answer of an endpoint, whatever its status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310  a URL of our own
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def page(self, path: str) -> str:
        """The text of a page."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310  a URL of our own
            text: str = answer.read().decode()
            return text

    def bars(self, symbol: str, count: int) -> list[tuple[Any, ...]]:
        """The newest official bars of a symbol as the database holds them, oldest first."""
        newest = self._reader.recent([symbol], None, _RECENT_BARS)
        official = [tuple(getattr(bar, name) for name in _FIELDS) for bar in newest if bar.tier >= Tier.OFFICIAL]
        return official[-count:]


def walk(installation: Installation, seconds: float) -> Iterator[Step]:
    """The steps from feed to page, in the order data take; `seconds` is how long events are counted."""
    health = installation.get("/healthz")
    yield Step("The program answers", health.get("status") == "ok", f"version {health.get('version')}")
    for check in installation.get("/readyz")["checks"]:
        yield Step(f"Ready: {check['name']}", check["ok"], check["message"])
    before = installation.get("/api/status")
    yield from _feed(before)
    time.sleep(seconds)
    after = installation.get("/api/status")
    events = (after["connection"] or {}).get("messages", 0) - (before["connection"] or {}).get("messages", 0)
    quiet = after["condition"] == "market_closed"
    yield Step(
        "Events arrive", events > 0 or quiet, f"{events} in {seconds:g} s" + (", market closed" if quiet else "")
    )
    yield from _bars(installation, after)
    page = installation.page("/")
    labelled = "Simulated data" in page.split("</title>")[0]
    yield Step("The dashboard opens", "TickStock" in page, f"{len(page)} bytes")
    yield Step("Simulated data are labelled", labelled == after["feed"]["simulated"], f"feed {after['feed']['name']}")


def _feed(status: dict[str, Any]) -> Iterator[Step]:
    connection = status["connection"] or {}
    yield Step("The feed is connected", connection.get("status") == "connected", connection.get("reason", "never seen"))
    missing = connection.get("missing_topics", [])
    found = f"{connection.get('acknowledged_topics', 0)} of {connection.get('wanted_topics', 0)} acknowledged"
    yield Step(
        "Every topic is acknowledged", not missing, found + (f", missing {', '.join(missing[:5])}" if missing else "")
    )


def _bars(installation: Installation, status: dict[str, Any]) -> Iterator[Step]:
    symbols = status["universe"]["symbols"]
    newest_ms, symbol = _newest(installation, symbols)
    while _just_connected(status) and _age_ms(newest_ms) > _FRESH_MS:
        time.sleep(1)
        newest_ms, symbol = _newest(installation, symbols)
    fresh = _age_ms(newest_ms) < _FRESH_MS or (newest_ms > 0 and status["condition"] == "market_closed")
    found = f"the newest began {_age_ms(newest_ms) // 1000} s ago" if symbol else "none"
    yield Step("Official bars are committed", fresh, found)
    if not symbol:
        return
    held = installation.bars(symbol, 5)
    path = f"/api/ticks/recent?symbol={symbol}&since={held[0][0]}&limit=1000"
    told = [tuple(tick[name] for name in _FIELDS) for tick in installation.get(path)["ticks"]]
    equal = all(bar in told for bar in held)
    yield Step(
        "The endpoint tells what is stored", equal, f"{len(held)} official bars of {symbol} compared, every number"
    )


def _newest(installation: Installation, symbols: list[str]) -> tuple[int, str]:
    """The start of the newest official bar, epoch ms, and its symbol; (0, "") without one."""
    newest = [(bars[0][0], symbol) for symbol in symbols if (bars := installation.bars(symbol, 1))]
    return max(newest, default=(0, ""))


def _age_ms(start_ms: int) -> int:
    return time.time_ns() // 1_000_000 - start_ms


def _just_connected(status: dict[str, Any]) -> bool:
    """Within the first minute and a half no whole minute may have passed since the feed was connected."""
    connected_at_ms = (status["connection"] or {}).get("connected_at")
    return connected_at_ms is not None and _age_ms(connected_at_ms) < _FIRST_BAR_MS


def main() -> int:
    """Prints a line a step; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="how long events are counted (default 5)")
    parser.add_argument("--url", help="where the program listens (default: HOST and PORT of the settings)")
    options = parser.parse_args()
    try:
        settings: Settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    engine = read_engine(settings.database_url)
    reader = DatabaseBarReader(engine, DatabaseChangeReader(engine))
    installation = Installation(options.url or f"http://{settings.host}:{settings.port}", reader)
    holds = True
    try:
        for step in walk(installation, options.seconds):
            holds = holds and step.holds
            print(f"{'holds' if step.holds else 'FAILS':6} {step.name}: {step.found}", flush=True)
    except (OSError, DatabaseUnavailableError, json.JSONDecodeError) as error:
        print(f"FAILS  {installation.url} could not be walked: {error}. Is it running?")
        return 1
    print("Everything holds." if holds else "Something does not hold; see the lines above.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
