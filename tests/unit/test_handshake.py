"""What is said of an attempt that failed, and how long it keeps from the next."""

import ssl

import pytest
import websocket

from src.infrastructure.websocket.handshake import Failure, failure_of

URL = "wss://feed.example/stocks"
NOW_MS = 1_763_649_000_000  # Thu, 20 Nov 2025 14:30:00 GMT


def refused(status: int, retry_after: str | None = None) -> Failure:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    return failure_of(websocket.WebSocketBadStatusException("all headers", status, "", headers), URL, NOW_MS)


@pytest.mark.parametrize(
    ("status", "words", "cool_down_s"),
    [
        (401, "lets this machine open no WebSocket", 60), (403, "proxies and firewalls", 60),
        (429, "takes no more connections", 60), (503, "not available", 0), (404, "instead of a WebSocket", 0),
        (502, "HTTP status 502", 0),
    ],
)  # fmt: skip
def test_each_refusal_of_the_handshake_has_its_sentence_and_delay(status: int, words: str, cool_down_s: float) -> None:
    reason, waits_s = refused(status)
    assert words in reason
    assert str(status) in reason
    assert "all headers" not in reason
    assert waits_s == cool_down_s


@pytest.mark.parametrize(
    ("text", "cool_down_s"),
    [
        ("0", 0), ("7", 7), (" 120 ", 120), ("86400", 900), ("Thu, 20 Nov 2025 14:32:00 GMT", 120),
        ("Thu, 20 Nov 2025 14:00:00 GMT", 0), ("Fri, 20 Nov 2026 14:30:00 GMT", 900), ("soon", 60), ("-5", 60),
        ("", 60), ("²", 60), ("9" * 400, 900), ("Thu, 99 Nov 2025 14:32:00 GMT", 60),
    ],
)  # fmt: skip
def test_a_server_that_says_when_to_come_back_is_obeyed_for_up_to_fifteen_minutes(
    text: str, cool_down_s: float
) -> None:
    assert refused(429, text).cool_down_s == cool_down_s


def test_an_outage_may_say_how_long_it_lasts() -> None:
    assert refused(503, "30").cool_down_s == 30


def test_certificates_and_hosts_without_tls_are_told_apart() -> None:
    untrusted = ssl.SSLCertVerificationError(1, "certificate verify failed")
    untrusted.verify_message = "certificate has expired."
    words = failure_of(untrusted, URL, NOW_MS).reason
    assert "certificate of feed.example cannot be trusted (certificate has expired)" in words
    plain = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    assert "TLS) with feed.example failed" in failure_of(plain, URL, NOW_MS).reason
    unknown = websocket.WebSocketAddressException("[Errno -2] Name or service not known")
    assert "The host feed.example is not found ([Errno -2]" in failure_of(unknown, URL, NOW_MS).reason
    assert failure_of(OSError("Connection refused"), URL, NOW_MS) == Failure(
        "The connection to feed.example failed: Connection refused."
    )
