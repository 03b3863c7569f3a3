"""What is asked of the vendor beside the feed, and when."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from src.core.domain.market.bar import Bar
from src.core.errors import KeyRefusedError, VendorError
from src.core.services import backfill_service
from src.core.services.backfill_service import BackfillService
from tests.bars import bar

_NOW = 1_763_650_000_000
_START = _NOW - 86_400_000
_SETTLED_MS = 20 * 60_000


class Vendor:
    """A HistorySource that notes what it is asked for; fails for symbols that `errors` names."""

    def __init__(self, errors: dict[str, VendorError] | None = None) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.errors = errors or {}
        self.closed = False

    def minute_bars(self, symbol: str, from_ms: int, to_ms: int) -> Iterator[Sequence[Bar]]:
        self.asked.append((symbol, from_ms, to_ms))
        if symbol in self.errors:
            raise self.errors[symbol]
        yield [bar(symbol)] if symbol != "ZZZZ" else []

    def close(self) -> None:
        self.closed = True


class Writer:
    """Takes bars and the state."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []
        self.state: Any = None

    def submit(self, bars: Sequence[Bar]) -> bool:
        self.bars.extend(bars)
        return True

    def post_state(self, key: str, value: Any) -> None:
        assert key == "history"
        self.state = value

    def start(self) -> None: ...
    def wake(self) -> None: ...
    def stop(self) -> None: ...
    def snapshot(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_service, "_RECHECK_AFTER_S", 0.0)


def service(vendor: Vendor) -> BackfillService:
    return BackfillService(vendor, lambda: _START, lambda: _NOW)


def test_new_symbols_are_asked_from_the_start_and_known_ones_from_where_they_were(writer: Writer) -> None:
    vendor = Vendor()
    service(vendor).run(["AAPL", "IBM"], {"IBM": _NOW - 5_000_000}, writer)
    assert vendor.asked[:2] == [("AAPL", _START, _NOW), ("IBM", _NOW - 5_000_000 - _SETTLED_MS, _NOW)]
    assert writer.state == {"AAPL": _NOW, "IBM": _NOW}


def test_a_long_absence_is_asked_for_in_months(writer: Writer) -> None:
    vendor = Vendor()
    months = 28 * 86_400_000
    service(vendor)._fill_all(["AAPL"], {"AAPL": _NOW - 2 * months}, writer)
    first = _NOW - 2 * months - _SETTLED_MS
    assert vendor.asked == [
        ("AAPL", first, first + months - 1),
        ("AAPL", first + months, first + 2 * months - 1),
        ("AAPL", first + 2 * months, _NOW),
    ]


def test_what_was_not_settled_is_asked_for_again(writer: Writer) -> None:
    vendor = Vendor()
    service(vendor).run(["AAPL"], {}, writer)
    assert vendor.asked == [("AAPL", _START, _NOW), ("AAPL", _NOW - _SETTLED_MS, _NOW)]


def test_the_second_time_is_waited_for_and_a_close_ends_the_wait(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill_service, "_RECHECK_AFTER_S", 60.0)
    vendor = Vendor()
    filling = service(vendor)
    thread = threading.Thread(target=filling.run, args=(["AAPL"], {}, writer))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    filling.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(vendor.asked) == 1
    assert vendor.closed


def test_a_symbol_that_fails_is_named_and_the_others_go_on(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    vendor = Vendor({"IBM": VendorError("No.")})
    service(vendor).run(["IBM", "AAPL"], {}, writer)
    assert writer.state == {"AAPL": _NOW}
    assert "could not be loaded for IBM" in caplog.text


def test_a_refused_key_ends_the_asking(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    vendor = Vendor({"AAPL": KeyRefusedError("Refused.")})
    filling = service(vendor)
    filling._fill_all(["AAPL", "IBM"], {}, writer)
    assert [symbol for symbol, _, _ in vendor.asked] == ["AAPL"]
    assert "No history is loaded. Refused." in caplog.text


def test_a_symbol_without_history_is_named(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    service(Vendor()).run(["ZZZZ"], {}, writer)
    assert caplog.text.count("has no bar of ZZZZ") == 1
