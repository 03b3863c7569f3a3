"""`GET /api/status` for pages, `/healthz` and `/readyz` for whoever supervises the program."""

from flask import Blueprint, Response

from src.core.services.health_service import HealthService
from src.presentation.api.json_answer import json_answer


def status_blueprint(health: HealthService) -> Blueprint:
    """The status that pages show."""
    blueprint = Blueprint("status", __name__)

    @blueprint.get("/api/status")
    def status() -> Response:
        return json_answer(health.status())

    return blueprint


def operations_blueprint(health: HealthService, version: str) -> Blueprint:
    """Liveness and readiness."""
    blueprint = Blueprint("operations", __name__)

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return json_answer({"status": "ok", "version": version})

    @blueprint.get("/readyz")
    def readyz() -> Response:
        """200 when all that is required holds, else 503; what else fails is named in both."""
        checks = health.readiness()
        ready = all(check.ok for check in checks if check.required)
        body = {"ready": ready, "checks": [check._asdict() for check in checks]}
        return json_answer(body, 200 if ready else 503)

    return blueprint
