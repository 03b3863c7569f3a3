"""Headers that every answer carries: nothing from other hosts, no inline script, no frames."""

from flask import Flask, Response, request

_HEADERS = {
    # 'self' is also the WebSocket of the same host and port.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_A_YEAR_S = 31_536_000


def register_security_headers(app: Flask) -> None:
    """Adds the headers to every answer of `app`."""

    @app.after_request
    def add(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_A_YEAR_S}"
        # Pages show who is logged in: none is kept, neither by a proxy nor for the button that leads back.
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        return response
