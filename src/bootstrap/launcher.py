"""Stage 2 of a start, inside the virtual environment: settings, checks, schema, services and their care."""

import datetime as dt
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from src.bootstrap import preflight
from src.bootstrap.first_admin import make_first_admin
from src.bootstrap.processes import ChildProcess, Service
from src.bootstrap.schema import claim_feed, database_words, prepare_schema, was_prepared
from src.bootstrap.supervisor import Supervisor
from src.config.settings import Settings, SettingsError, exposure_warning, load_settings, settings_warnings
from src.core.errors import DatabaseUnavailableError, TickStockError
from src.infrastructure.observability.logs import set_up_logs
from src.infrastructure.observability.redaction import Redactor
from src.infrastructure.secret_key import kept_secret_key

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

_LOOPBACK = "127.0.0.1"
_SIMULATOR_START_S = 5.0
_STEP_S = 0.1
_RETRY_S = 2.0


class StopRequest:
    """What the signals asked for: to stop, and, by Ctrl-C while stopping, to hurry."""

    def __init__(self) -> None:
        self.requested = False
        self.hurried = False

    def listen(self) -> None:
        """Takes SIGINT, SIGTERM and SIGHUP; the last only where it is not ignored already, as nohup does."""
        signal.signal(signal.SIGINT, self._receive)
        signal.signal(signal.SIGTERM, self._receive)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._receive)

    def _receive(self, number: int, _frame: object) -> None:
        self.hurried |= self.requested and number == signal.SIGINT
        self.requested = True


def launch(root: Path, say: Say, complain: Say) -> int:
    """Runs everything until a signal stops it; the exit status."""
    stop = StopRequest()
    stop.listen()
    try:
        settings = load_settings()
    except SettingsError as error:
        complain(str(error))
        return 2
    show = say
    say, complain = _voices(settings, say, complain)
    try:
        for warning in [*settings_warnings(), exposure_warning(settings)]:
            if warning:
                complain(warning)
        simulator_port = _check(settings)
        only_start = preflight.only_start(settings.data_dir, settings.port)
        if settings.role != "ingest" and not settings.secret_key.get_secret_value():
            kept_secret_key(settings.data_dir)
        _wait_for_database(settings, stop, lambda: _prepare_database(settings, say, show), complain)
    except TickStockError as error:
        complain(str(error))
        return 1
    try:
        _run(settings, simulator_port, root, stop, say)
    finally:
        only_start.release()
    return 0


def _voices(settings: Settings, say: Say, complain: Say) -> tuple[Say, Say]:
    """Both without secrets; with LOG_FORMAT=json both as lines of the log, so that all that comes out is JSON."""
    if settings.log_format == "json":
        set_up_logs("INFO", settings.log_format, settings.secret_texts)
        return logger.info, logger.warning
    redact = Redactor(settings.secret_texts)
    return (lambda line: say(redact(line))), (lambda line: complain(redact(line)))


def _check(settings: Settings) -> int | None:
    """Raises PreflightError; the port for the simulator, or None where none is started."""
    preflight.check_data_dir(settings.data_dir)
    preflight.check_port(settings.host, settings.port, "PORT")
    if settings.feed != "simulated" or settings.role == "web":
        return None
    if settings.simulator_port is None:
        return preflight.free_port(_LOOPBACK)
    if settings.simulator_port == settings.port:
        raise preflight.PreflightError(
            f"PORT and SIMULATOR_PORT are both {settings.port}; set one of them in .env to another port."
        )
    preflight.check_port(_LOOPBACK, settings.simulator_port, "SIMULATOR_PORT")
    return settings.simulator_port


def _wait_for_database(settings: Settings, stop: StopRequest, prepare: Callable[[], None], complain: Say) -> None:
    """Until it is prepared, or a stop is asked for; not at all, if the last start found it as this version needs it.

    Raises TickStockError.
    """
    said = ""
    while not stop.requested:
        try:
            prepare()
        except DatabaseUnavailableError as error:
            if was_prepared(settings.database_url, settings.data_dir, settings.feed):
                complain(f"{error} TickStock starts without it, as at the last start it was as this version needs it.")
                return
            if str(error) != said:
                said = str(error)
                complain(f"{error} TickStock waits for it; Ctrl-C ends that.")
            _rest(stop)
        else:
            return


def _rest(stop: StopRequest) -> None:
    until_s = time.monotonic() + _RETRY_S
    while time.monotonic() < until_s and not stop.requested:
        time.sleep(_STEP_S)


def _prepare_database(settings: Settings, say: Say, show: Say) -> None:
    """Schema, feed and the first account. Raises TickStockError. `show` is for a person's eyes, not for a log."""
    prepare_schema(settings.database_url, settings.data_dir, dt.datetime.now(dt.UTC), say)
    if settings.role != "web":
        claim_feed(settings.database_url, settings.feed, dt.datetime.now(dt.UTC))
    if settings.role != "ingest":
        password = settings.admin_password.get_secret_value()
        make_first_admin(settings.database_url, password, lambda: time.time_ns() // 1_000_000, say, show)


def _run(settings: Settings, simulator_port: int | None, root: Path, stop: StopRequest, say: Say) -> None:
    supervisor = Supervisor(
        start=lambda service: ChildProcess(service, root),
        clock=time.monotonic,
        sleep=time.sleep,
        random=secrets.SystemRandom().random,
        say=say,
    )
    try:
        if simulator_port is not None:
            supervisor.add(_simulator(simulator_port))
            _wait_for(simulator_port, stop)
        supervisor.add(_web_server(settings, simulator_port))
        _watch(supervisor, settings, stop, say)
    finally:
        say("Stopping TickStock.")
        supervisor.stop(lambda: stop.hurried)
        say("TickStock has stopped.")


def _simulator(port: int) -> Service:
    return Service("simulator", (sys.executable, "-m", "src.simulator", "--port", str(port)))


def _web_server(settings: Settings, simulator_port: int | None) -> Service:
    bind = f"{_bracketed(settings.host)}:{settings.port}"
    command = (sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", bind)
    environment = {} if simulator_port is None else {"SIMULATOR_PORT": str(simulator_port)}
    return Service("web server", (*command, "src.wsgi:app"), environment)


def _wait_for(simulator_port: int, stop: StopRequest) -> None:
    """Until the simulator listens, so that the first connection succeeds; not for long: it is tried again."""
    deadline_s = time.monotonic() + _SIMULATOR_START_S
    while time.monotonic() < deadline_s and not stop.requested:
        if preflight.is_listening(_LOOPBACK, simulator_port):
            return
        time.sleep(_STEP_S)


def _watch(supervisor: Supervisor, settings: Settings, stop: StopRequest, say: Say) -> None:
    """Looks after the services until a stop is asked for, and says once that the web server answers."""
    host = reachable_host(settings.host)
    announced = False
    while not stop.requested:
        supervisor.step()
        if not announced and preflight.is_healthy(host, settings.port):
            announced = True
            for line in announcement(settings):
                say(line)
        time.sleep(_STEP_S)


def reachable_host(host: str) -> str:
    """Where on this machine to reach a server that listens on `host`; `0.0.0.0` and `::` mean everywhere."""
    return {"0.0.0.0": _LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not listened on


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def announcement(settings: Settings) -> list[str]:
    """What to print when the web server answers: where to look, what feeds it, where bars go, how to stop."""
    url = f"http://{_bracketed(reachable_host(settings.host))}:{settings.port}/"
    where = {
        "all": f"TickStock runs. Dashboard: {url}",
        "web": f"TickStock's web half runs. Dashboard: {url}",
        "ingest": f"TickStock's ingesting half runs. It has no dashboard; its state: {url}readyz",
    }
    return [
        where[settings.role],
        f"Feed: {_feed_words(settings)}",
        f"Database: {database_words(settings.database_url)}",
        f"To stop: Ctrl-C here, or kill {os.getpid()}",
    ]


def _feed_words(settings: Settings) -> str:
    if settings.feed == "massive":
        return f"Massive, {settings.massive_ws_url}"
    if settings.use_massive_api:
        return (
            "SIMULATED data, invented on this machine, as no API key is set. For the real market put "
            "MASSIVE_API_KEY=<your key> in .env and start again."
        )
    return (
        "SIMULATED data, invented on this machine, as USE_MASSIVE_API is false. For the real market set it "
        "to true in .env, with MASSIVE_API_KEY=<your key>, and start again."
    )
