"""Whether the vendor's hosts can be reached: name, connection and certificate, told apart."""

import socket
import ssl
import time
from urllib.parse import urlsplit

from src.infrastructure.doctor.finding import Finding, fail, ok, warn

_CONNECT_TIMEOUT_S = 4.0  # for each of its addresses
_SOON_S = 14 * 86_400
_TLS_SCHEMES = {"wss", "https"}
_PORTS = {"wss": 443, "https": 443, "ws": 80, "http": 80}


def look_at_host(name: str, url: str, key: str, context: ssl.SSLContext | None = None) -> Finding:
    """Looks the host of `url` up, connects to it and checks its certificate. `key` is the setting that names it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return fail(
            name,
            f"The name {host} is not found ({getattr(error, 'strerror', error)}).",
            f"Look at the network and its name servers, and at {key}.",
        )
    started_s = time.monotonic()
    try:
        connection = socket.create_connection((host, port), _CONNECT_TIMEOUT_S)
    except OSError as error:
        return fail(name, f"{host}, port {port}: {_words(error)}", f"Look at firewalls and proxies, and at {key}.")
    with connection:
        took_ms = (time.monotonic() - started_s) * 1000
        if parts.scheme not in _TLS_SCHEMES:
            return ok(name, f"{host}, port {port}, accepts connections ({took_ms:.0f} ms); they are not encrypted.")
        return _look_at_certificate(name, connection, host, context or ssl.create_default_context())


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_CONNECT_TIMEOUT_S:.0f} s; something on the way swallows the connection."
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused; nothing listens there."
    return f"no connection ({error.strerror or error})."


def _look_at_certificate(name: str, connection: socket.socket, host: str, context: ssl.SSLContext) -> Finding:
    try:
        with context.wrap_socket(connection, server_hostname=host) as encrypted:
            certificate = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return fail(
            name,
            f"{host} shows a certificate that cannot be trusted ({error.verify_message}).",
            "Look at this machine's clock and its certificates (the package ca-certificates), and whether a proxy "
            "stands in between.",
        )
    except (ssl.SSLError, OSError) as error:
        return fail(
            name,
            f"{host} accepts connections but speaks no TLS ({_reason(error)}).",
            "Look at proxies, and at the URL.",
        )
    left_s = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
    sentence = f"{host} answers; its certificate is good for {left_s / 86_400:.0f} days."
    if left_s < _SOON_S:
        return warn(name, sentence, "Its owner has to renew it; if it is a proxy of yours, do.")
    return ok(name, sentence)


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or error.strerror or type(error).__name__
