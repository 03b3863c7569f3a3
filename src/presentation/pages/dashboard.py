"""The pages for people."""

from collections.abc import Callable

from flask import Blueprint, render_template

_POLL_INTERVAL_MS = 1000


def pages_blueprint(feed_simulated: Callable[[], bool]) -> Blueprint:
    """The dashboard. Its data come from the API, by polling; in the page is only what hardly ever changes."""
    blueprint = Blueprint("pages", __name__)

    @blueprint.get("/")
    def dashboard() -> str:
        return render_template(
            "dashboard.html",
            feed_simulated=feed_simulated(),
            poll_interval_ms=_POLL_INTERVAL_MS,
        )

    return blueprint
