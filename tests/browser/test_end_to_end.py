"""The whole program, nothing scripted: simulator, WebSocket, bar book, database, API, page."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from src.app import build_runtime, create_app
from src.config.settings import parse_settings
from src.core.services.market_data_service import FALLBACK_UNIVERSE
from src.infrastructure.database import migrate
from src.simulator.clock import ScaledClock
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import Instrument, default_universe, select
from tests.waiting import wait_for

from .conftest import Open

# Bars are on the page some seconds after the server is up; where everything else runs too, it takes longer.
_BARS_WITHIN_MS = 150_000
_INTO_MINUTE_MS = 48_000


class RealServer:
    """The Flask application over a running ingestion."""

    def __init__(self, data_dir: Path, simulator_port: int, chosen: Mapping[str, str]) -> None:
        own = {"DATA_DIR": str(data_dir), "SIMULATOR_PORT": str(simulator_port)}
        settings = parse_settings({**own, **chosen})
        migrate.upgrade(settings.database_url)
        service = build_runtime(settings)
        assert service is not None
        self.service = service
        self._server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self.service.start()
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.service.stop()


@pytest.fixture
def chosen() -> dict[str, str]:
    """The settings that differ from the defaults."""
    return {}


@pytest.fixture
def traded() -> list[Instrument]:
    """What the simulated market has."""
    return select(FALLBACK_UNIVERSE)


@pytest.fixture
def server(tmp_path: Path, chosen: dict[str, str], traded: list[Instrument]) -> Iterator[RealServer]:
    """In the place of the scripted one; its feed's clock is behind ours, so that a minute will end soon."""
    now_ms = time.time_ns() // 1_000_000
    clock = ScaledClock(now_ms - (now_ms - _INTO_MINUTE_MS) % 60_000, 1)
    with SimulatorServer(LiveSource(SyntheticMarket(7, traded)), clock=clock) as simulator:
        server = RealServer(tmp_path, simulator.port, chosen)
        server.start()
        yield server
        server.stop()


def test_bars_of_the_simulated_feed_reach_the_page_which_says_when_they_are_gone(
    open_page: Open, server: RealServer
) -> None:
    page = open_page().page
    expect(page).to_have_title(re.compile("^Simulated data"))
    expect(page.locator("#watchlist tbody tr")).to_have_count(100, timeout=_BARS_WITHIN_MS)
    for symbol in FALLBACK_UNIVERSE:
        row = page.locator(f'#watchlist tbody tr[data-symbol="{symbol}"]')
        expect(row.locator("td").first).to_have_text(re.compile(r"^\d+\.\d\d"), timeout=_BARS_WITHIN_MS)
    expect(page.locator("#condition-word")).to_have_text("Live", timeout=_BARS_WITHIN_MS)
    expect(page.locator("#chart-legend")).to_contain_text("New York", timeout=_BARS_WITHIN_MS)
    expect(page.locator("#chart canvas").first).to_be_visible()
    # It goes on: the forming bar of the chosen symbol changes while one looks.
    before = page.locator("#chart-legend").inner_text()
    expect(page.locator("#chart-legend")).not_to_have_text(before, timeout=_BARS_WITHIN_MS)
    server.service.stop()
    expect(page.locator("#condition-word")).to_have_text("Down", timeout=_BARS_WITHIN_MS)
    expect(page.locator("#condition-reason")).to_contain_text("Disconnected on request")


class TestLargeUniverse:
    """The S&P 500 and the NASDAQ-100 together."""

    @pytest.fixture
    def chosen(self) -> dict[str, str]:
        """Without history: what is measured begins with the first bar that comes."""
        return {"SYMBOL_UNIVERSE_KEY": "SPY:nasdaq100", "BACKFILL_DAYS": "0"}

    @pytest.fixture
    def traded(self) -> list[Instrument]:
        """All that there is."""
        return default_universe()

    def test_one_request_a_second_keeps_its_rows_exact(self, open_page: Open, server: RealServer) -> None:
        # A page that is looked at all the while costs more than all the rest: it comes when nearly all have traded.
        wait_for(lambda: server.service.snapshot()["writer"]["rows"] > 450)
        page = open_page(own_clock=True).page
        expect(page.locator("#list-count")).to_have_text("517 symbols", timeout=_BARS_WITHIN_MS)
        # Their prices stand on the page, those out of sight too.
        prices = page.locator("#watchlist tbody .col-last", has_text=".")
        expect(prices.nth(450)).to_be_attached(timeout=_BARS_WITHIN_MS)
        # Their day's volumes come with quotes, which the page loads again after it saw first bars.
        volumes = page.locator('#watchlist tbody .col-volume[title$="shares"]')
        expect(volumes.nth(20)).to_be_attached(timeout=_BARS_WITHIN_MS)
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        begun_s = time.monotonic()
        page.wait_for_timeout(5_000)
        assert len(requests) <= time.monotonic() - begun_s
        server.service.stop()
        expect(page.locator("#condition-word")).to_have_text("Down", timeout=_BARS_WITHIN_MS)
        quotes = page.request.get(f"{server.url}/api/quotes?universe=listening").json()["quotes"]
        right = {quote["symbol"]: f"{quote['day_volume']:,.6f}".rstrip("0").rstrip(".") + " shares" for quote in quotes}

        def is_right() -> bool:
            rows = "cells => cells.map(cell => [cell.closest('tr').dataset.symbol, cell.title])"
            shown = dict(volumes.evaluate_all(rows))
            return len(shown) > 20 and shown == {symbol: right[symbol] for symbol in shown}

        # What bars do not tell exactly is asked for again once a minute; nothing new comes by now.
        page.clock.fast_forward(60_000)
        wait_for(is_right)
