"""A feed that sends everything it should not, among bars that are right: what is right is stored, the rest counted."""

import json
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from src.app import build_runtime, create_app
from src.config.settings import parse_settings
from src.core.domain.market.bar import Bar, Tier
from src.infrastructure.database import migrate
from tests.bars import MINUTE, stored_bars
from tests.integration.scripted_feed import Session, scripted_feed
from tests.waiting import wait_for

_GOOD: dict[str, Any] = {
    "ev": "AM", "sym": "AAPL", "s": MINUTE, "e": MINUTE + 60_000, "o": 10.5, "h": 11.25, "l": 10.0, "c": 11.0,
    "v": 100, "vw": 10.75,
}  # fmt: skip


def text(**changes: object) -> bytes:
    """A good minute with some of its keys changed, or left out (...)."""
    return json.dumps({key: value for key, value in {**_GOOD, **changes}.items() if value is not ...}).encode()


# What is right though it looks odd: the changes, and what is stored as symbol, open and volume.
_ODD: list[tuple[dict[str, object], tuple[str, float, float]]] = [
    ({"sym": "BRK.B", "z": 12.0}, ("BRK.B", 10.5, 100.0)),
    ({"sym": "aapl", "v": 1.5}, ("aapl", 10.5, 1.5)),
    ({"sym": "ABCDEFGHIJKLMNOPQRST", "v": ..., "dv": "0.25"}, ("ABCDEFGHIJKLMNOPQRST", 10.5, 0.25)),
    ({"sym": "OLD", "s": ..., "e": ..., "t": MINUTE}, ("OLD", 10.5, 100.0)),
    ({"sym": "FLOAT", "s": float(MINUTE), "e": MINUTE + 60_000.0}, ("FLOAT", 10.5, 100.0)),
    ({"sym": "BELOW", "o": -2.5, "h": -1, "l": -3, "c": -1.5, "vw": -2}, ("BELOW", -2.5, 100.0)),
    ({"sym": "HIGH", "o": 9_999_999_999_999.5, "h": 1e13, "l": 0.0001, "c": 5}, ("HIGH", 9_999_999_999_999.5, 100.0)),
    ({"sym": "MORE", "new": {"deep": [1, None]}, "otc": True}, ("MORE", 10.5, 100.0)),
    ({"sym": "DECIMAL", "v": 2, "dv": "1.500001"}, ("DECIMAL", 10.5, 1.500001)),
]

# What is not, each as the payload of a frame, with the count it adds.
_BAD_ELEMENTS: list[tuple[bytes, str]] = [
    (text(o=None), "no_price"),
    (text(v=...), "no_volume"),
    (text(s=...), "no_time"),
    (text(ev=...), "no_event_type"),
    (text(ev="Q"), "unknown_event"),
    (text(o="10.5"), "bad_type"),
    (text(o=True), "bad_type"),
    (text().replace(b"10.5", b"1e400"), "bad_type"),
    (text().replace(b"10.5", b"NaN"), "malformed_element"),
    (text().replace(b"10.5", b"-Infinity"), "malformed_element"),
    (text().replace(b"AAPL", b"AA\xffPL"), "malformed_element"),
    (text(o=1e14, h=1e14), "absurd_price"),
    (text(h=1), "incoherent_prices"),
    (text(v=-1), "bad_volume"),
    (text(s=MINUTE + 1, e=MINUTE + 60_001), "bad_window"),
    (text(e=MINUTE + 1000), "bad_window"),
    (text(s=1_000_000_020_000), "past_time"),
    (text(s=4_000_000_020_000), "future_time"),
    (text(sym="../../x"), "bad_symbol"),
    (text(sym="A'; DROP TABLE ohlcv_1min; --"), "bad_symbol"),
    (text(sym="A" * 10_000_000), "bad_symbol"),
    (b"17", "not_an_object"),
]
_BAD_FRAMES = [b"", b"{", b"{}", text(), b"\xff\xfe\x00", b"null", b"[" * 100_000, b'[{"ev":"AM"', b'["']


def script(session: Session) -> None:
    session.accept_key()
    session.acknowledge()
    if session.number == 2:
        session.send_text(b"[%s]" % text(sym="AFTER"))
        session.wait_closed()
        return
    session.send(*({**_GOOD, "ev": "A", "sym": "OPEN", "e": MINUTE + 1000} for _ in range(2)))
    for number, (element, _) in enumerate(_BAD_ELEMENTS):
        session.send_text(b"[%s,%s,%s]" % (text(sym=f"B{number}"), element, text(sym=f"C{number}")))
    for number, frame in enumerate(_BAD_FRAMES):
        session.send_text(frame)
        session.send_binary(b"[%s]" % text(sym=f"D{number}"))
    for changes, _ in _ODD:
        session.send_text(b"[%s]" % text(**changes))
    session.send_text(b'[%s,"v":7}]' % text(sym="TWICE", v=1)[:-1])
    session.send_text(b"[%s]" % text(sym="LARGE", unknown="x" * (20 * 1024 * 1024)))
    session.send_text(b"[%s%s]" % ((text() + b",") * 150_000, text()))
    session.send_raw(struct.pack("!BBQ", 0x81, 127, 64 * 1024 * 1024 + 1))
    assert session.close_code() == 1009


@pytest.mark.timeout(180)
def test_a_hostile_session_loses_what_is_bad_and_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with scripted_feed(script) as feed:
        keys = {"DATA_DIR": str(tmp_path), "MASSIVE_API_KEY": "K3Y", "MASSIVE_WS_URL": feed.url, "BACKFILL_DAYS": "0"}
        settings = parse_settings({**keys, "SYMBOLS": "AAPL"})
        migrate.upgrade(settings.database_url)
        service = build_runtime(settings)
        assert service is not None
        service.start()
        try:
            wait_for(lambda: "AFTER" in {bar.symbol for bar in stored_bars(settings.database_url)}, within_s=120)
            site = create_app(settings).test_client()
            wait_for(lambda: site.get("/api/status").json["connection"]["reconnects"] == 1)  # the next status row
            status = site.get("/api/status").json
        finally:
            service.stop()
    stored = {bar.symbol: bar for bar in stored_bars(settings.database_url)}
    _check_bars(stored)
    expected = Counter(kind for _, kind in _BAD_ELEMENTS)
    expected.update(unreadable_frame=len(_BAD_FRAMES), oversized_frame=1)
    assert status["connection"]["refused_elements"] == expected
    assert status["lost_frames"] == len(_BAD_FRAMES) + 1
    assert status["last_lost_frame_time"] <= status["server_time"]
    assert status["connection"]["status"] == "connected"
    _check_log([record.getMessage() for record in caplog.records], expected)


def _check_bars(stored: dict[str, Bar]) -> None:
    plain = {f"{letter}{number}" for letter in "BC" for number in range(len(_BAD_ELEMENTS))}
    plain |= {f"D{number}" for number in range(len(_BAD_FRAMES))} | {"AAPL", "LARGE", "AFTER"}
    odd = {symbol: (open_, volume) for _, (symbol, open_, volume) in _ODD}
    assert set(stored) == plain | set(odd) | {"TWICE", "OPEN"}
    for symbol in plain:
        bar = stored[symbol]
        assert (bar.timestamp, bar.tier) == (MINUTE, Tier.OFFICIAL)
        assert (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap) == (10.5, 11.25, 10.0, 11.0, 100.0, 10.75)
    assert {symbol: (stored[symbol].open, stored[symbol].volume) for symbol in odd} == odd
    assert stored["TWICE"].volume == 7.0
    assert (stored["OPEN"].tier, stored["OPEN"].partial) == (Tier.LIVE, True)


def _check_log(messages: list[str], expected: Counter[str]) -> None:
    for kind in expected:
        assert sum(f"x {kind} (" in message for message in messages) == 1, kind
    for message in messages:
        assert message.isprintable()
        assert len(message) < 1000
        assert "K3Y" not in message
