"""Why a session or an attempt failed, as a sentence for people, and how long to wait because of it."""

import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

import websocket

# After a refusal that another attempt at once would only repeat, where the server does not say for how long.
_REFUSED_S = 60.0
# What a server may ask for with Retry-After.
_LONGEST_S = 900.0


class Failure(NamedTuple):
    """`cool_down_s` is added to the back-off's delay."""

    reason: str
    cool_down_s: float = 0.0


def failure_of(error: Exception, url: str, now_ms: int) -> Failure:
    """What the WebSocket library raised for `url`; `now_ms` is the wall clock, epoch ms.

    Its own text of a refused handshake is not shown: it repeats all headers.
    """
    host = urlsplit(url).hostname or url
    if isinstance(error, websocket.WebSocketBadStatusException):
        headers = error.resp_headers or {}
        return _refused(host, error.status_code, _retry_after_s(headers.get("retry-after", ""), now_ms))
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return Failure(
            f"The certificate of {host} cannot be trusted ({why}); look at this machine's clock and certificates, and "
            "whether a proxy stands in between."
        )
    if isinstance(error, ssl.SSLError):
        return Failure(f"Encryption (TLS) with {host} failed ({error}); look at MASSIVE_WS_URL and at proxies.")
    if isinstance(error, websocket.WebSocketAddressException):
        return Failure(f"The host {host} is not found ({error}); look at MASSIVE_WS_URL and at this machine's network.")
    return Failure(f"The connection to {host} failed: {str(error).rstrip('.')}.")


def _refused(host: str, status: int, retry_after_s: float | None) -> Failure:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            reason = (
                f"{host} lets this machine open no WebSocket (HTTP status {status}); look at proxies and firewalls."
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            reason = f"{host} takes no more connections for now (HTTP status 429)."
        case HTTPStatus.SERVICE_UNAVAILABLE:
            reason = f"{host} is not available at present (HTTP status 503)."
            return Failure(reason, retry_after_s or 0.0)
        case _:
            return Failure(f"{host} answered with HTTP status {status} instead of a WebSocket; look at MASSIVE_WS_URL.")
    return Failure(reason, _REFUSED_S if retry_after_s is None else retry_after_s)


def _retry_after_s(text: str, now_ms: int) -> float | None:
    """The value of a Retry-After header, seconds or a date (RFC 9110, 10.2.3), as seconds from 0 to 15 minutes; None
    for none, and for what is neither."""
    if text.isascii() and text.strip().isdigit():
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_ms / 1000
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_S)
