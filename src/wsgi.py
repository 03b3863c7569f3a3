"""What gunicorn's one worker loads: the web half, and the ingesting half running beside it (by ROLE)."""

import logging
import os
import signal

from src.app import build_alerts, build_runtime, create_app
from src.bootstrap.schema_watch import SchemaWatch
from src.config.settings import connection_notices, load_settings
from src.core.services.market_data_service import MarketDataService
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.observability.logs import set_up_logs
from src.presentation.admin.live import stop_live


def _start() -> MarketDataService | None:
    service = build_runtime(_settings, _end_process)
    if service is not None:
        for notice in connection_notices(_settings):
            logging.getLogger(__name__).warning(notice)
        service.start()
    return service


def _end_process() -> None:
    """Ends this worker, so that the supervisor starts a new one."""
    os.kill(os.getpid(), signal.SIGTERM)


def stop_sockets() -> None:
    """Closes the administrators' sockets; safe to call twice."""
    stop_live(app)


def stop_runtime() -> None:
    """Closes what is open and commits what is held; safe to call twice."""
    stop_sockets()
    _schema_watch.stop()
    if _alerts is not None:
        _alerts.stop()
    if _runtime is not None:
        _runtime.stop()
    logging.shutdown()


_settings = load_settings()
set_up_logs(_settings.log_level, _settings.log_format, _settings.secret_texts)
_schema_watch = SchemaWatch(lambda: check_schema(_settings.database_url), _end_process)
_schema_watch.start()
app = create_app(_settings)
_runtime = _start()
_alerts = build_alerts(_settings, _runtime)
if _alerts is not None:
    _alerts.start()
