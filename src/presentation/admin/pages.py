"""The pages for administrators."""

from collections.abc import Callable

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from src.presentation.admin.access import admin_required


def admin_pages_blueprint(feed_simulated: Callable[[], bool]) -> Blueprint:
    """The pages of connections, of what is stored and of universes. Their data come from the API and live messages."""
    blueprint = Blueprint("admin_pages", __name__)

    @blueprint.get("/admin/websockets")
    @admin_required
    def websockets() -> ResponseReturnValue:
        return render_template("admin_websockets.html", feed_simulated=feed_simulated())

    @blueprint.get("/admin/history")
    @admin_required
    def history() -> ResponseReturnValue:
        return render_template("admin_history.html", feed_simulated=feed_simulated())

    @blueprint.get("/admin/universes")
    @admin_required
    def universes() -> ResponseReturnValue:
        return render_template("admin_universes.html", feed_simulated=feed_simulated())

    return blueprint
