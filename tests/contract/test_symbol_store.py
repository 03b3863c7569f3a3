"""What every database has to do with what the vendor says of symbols."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from src.core.domain.market.universe_definition import SymbolFacts
from src.core.domain.market.vendor_answer import VendorTicker
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.symbol_store import DatabaseSymbols
from src.infrastructure.database.universe_store import DatabaseUniverses


class Bench:
    """The store, and what readers see of it."""

    def __init__(self, url: str) -> None:
        self.engines = [read_engine(url), row_engine(url)]
        self.store = DatabaseSymbols(*self.engines, lambda: 9_000)

    def facts(self, symbol: str) -> SymbolFacts:
        return DatabaseUniverses(*self.engines, lambda: 1).book().symbols[symbol]

    def revision(self) -> int:
        with self.engines[0].connect() as connection:
            return int(connection.execute(text("SELECT symbols_revision FROM write_state")).scalar_one())


@pytest.fixture
def bench(database_url: str) -> Iterator[Bench]:
    bench = Bench(database_url)
    yield bench
    for engine in bench.engines:
        engine.dispose()


def test_the_list_is_taken_over_and_what_it_lacks_is_traded_no_more(bench: Bench) -> None:
    assert bench.store.refreshed_ms() is None
    tickers = [
        VendorTicker("AAPL", "Apple Incorporated", "CS", "XNAS"),
        VendorTicker("MSFT", None, None, None),
        *(VendorTicker(f"NEW{number}", f"New {number}", "CS", "XNYS") for number in range(1_200)),
    ]
    before = bench.revision()
    assert bench.store.refresh(tickers) > 1_600  # the new ones, AAPL, and all that is not among them
    assert bench.store.refreshed_ms() == 9_000
    assert bench.revision() > before
    assert bench.facts("AAPL") == SymbolFacts("Apple Incorporated", "CS", "XNAS", "Information Technology", True)
    assert bench.facts("MSFT") == SymbolFacts("Microsoft", "CS", None, "Information Technology", True)
    assert bench.facts("NEW1199") == SymbolFacts("New 1199", "CS", "XNYS", None, True)
    assert bench.facts("IBM").active is False


def test_the_same_list_again_changes_nothing(bench: Bench) -> None:
    tickers = [VendorTicker("AAPL", "Apple", "CS", "XNAS")]
    bench.store.refresh(tickers)
    before = bench.revision()
    assert bench.store.refresh(tickers) == 0
    assert bench.revision() == before
    assert bench.store.refresh([*tickers, VendorTicker("IBM", None, None, None)]) == 1
    assert bench.facts("IBM").active is True
