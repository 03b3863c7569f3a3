"""What `flask doctor` looks at: the checks of `src/infrastructure/doctor/`, with the settings handed in."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from src import __version__
from src.config.settings import PROJECT_ROOT, Settings, connection_notices, exposure_warning
from src.core.domain.market.session import CalendarRangeError, Phase, SessionTable, new_york_date
from src.infrastructure.calendar.session_table import SessionTableError, load_session_table
from src.infrastructure.database.engines import is_sqlite, sqlite_file
from src.infrastructure.doctor import clock, disk, feed_key, machine, vendor_rest
from src.infrastructure.doctor.database import look_at_database, status_row
from src.infrastructure.doctor.feed_host import look_at_host
from src.infrastructure.doctor.feed_key import FeedAccess
from src.infrastructure.doctor.finding import Check, Finding, fail, ok, run_checks, warn

_DEADLINE_S = 16.0
_CALENDAR_DAYS = 365
_REFRESH = "Refresh it: .venv/bin/python scripts/dev_tools/make_sessions.py (needs requirements-dev.txt)."
SESSIONS = PROJECT_ROOT / "data/sessions.csv"


def examine(settings: Settings, warnings: list[str], now_s: Callable[[], float]) -> list[Finding]:
    """Everything, side by side, within 16 s. `warnings` are those of a start; `now_s` reads the clock under test."""
    checks = [
        Check("settings", lambda: look_at_settings(settings, warnings)),
        *_feed_checks(settings, now_s),
        Check("database", lambda: _database_and_disk(settings, now_s)),
        Check("ports", lambda: _ports(settings)),
        Check("calendar", lambda: [look_at_calendar(SESSIONS, new_york_date(round(now_s() * 1000)))]),
        Check("files", lambda: _files(settings)),
    ]
    return run_checks(checks, _DEADLINE_S)


def look_at_settings(settings: Settings, warnings: list[str]) -> list[Finding]:
    """One finding for each thing that is odd, or one that nothing is."""
    odd = [*warnings, *connection_notices(settings)]
    findings = [warn("settings", sentence, "Correct it in .env or in the environment.") for sentence in odd]
    if exposure := exposure_warning(settings):
        sentence, _, advice = exposure.partition(". ")
        findings.append(warn("settings", f"{sentence}.", advice))
    return findings or [ok("settings", "Every setting has a meaning here.")]


def _feed_checks(settings: Settings, now_s: Callable[[], float]) -> list[Check]:
    if settings.role == "web":
        return [
            Check("feed", lambda: [ok("feed", "This is the web half (ROLE=web), which does not listen to a feed.")])
        ]
    if settings.feed == "simulated":
        why = "MASSIVE_API_KEY is empty" if settings.use_massive_api else "USE_MASSIVE_API is false"
        sentence = f"The feed is the simulated one ({why}): there is no key and no host to look at."
        return [
            Check("key", lambda: [ok("key", sentence)]),
            Check("clock", lambda: [clock.look_at_time_zones()]),
        ]
    return [
        Check("feed host", lambda: [look_at_host("feed host", settings.massive_ws_url, "MASSIVE_WS_URL")]),
        Check("REST host", lambda: [look_at_host("REST host", settings.massive_rest_url, "MASSIVE_REST_URL")]),
        Check("key", lambda: [_key(settings, now_s)]),
        Check("plan", lambda: _plan_and_clock(settings, now_s)),
    ]


def _key(settings: Settings, now_s: Callable[[], float]) -> Finding:
    if running := feed_key.running_connection(status_row(settings.database_url), round(now_s() * 1000)):
        return feed_key.word_of(running)
    secret = settings.massive_api_key.get_secret_value()
    return feed_key.look_at_key(FeedAccess(settings.massive_ws_url, secret, settings.massive_channels))


def _plan_and_clock(settings: Settings, now_s: Callable[[], float]) -> list[Finding]:
    """One request tells of both."""
    secret = settings.massive_api_key.get_secret_value()
    answer = vendor_rest.ask_for_newest_minute(settings.massive_rest_url, secret, now_s)
    findings = [vendor_rest.look_at_plan(answer, secret, _phase(round(answer.at_s * 1000)))]
    if offset := clock.offset_of(answer):
        findings.append(clock.look_at_offset("the vendor's", *offset))
    return [*findings, clock.look_at_time_zones()]


def _phase(at_ms: int) -> Phase:
    try:
        return load_session_table(SESSIONS).phase(at_ms)
    except (CalendarRangeError, SessionTableError):
        return Phase.CLOSED


def _database_and_disk(settings: Settings, now_s: Callable[[], float]) -> list[Finding]:
    looked = look_at_database(settings.database_url, settings.feed, round(now_s() * 1000))
    folder = sqlite_file(settings.database_url).parent if is_sqlite(settings.database_url) else settings.data_dir
    return [*looked.findings, disk.look_at_disk(disk.free_bytes(folder), looked.growth)]


def _ports(settings: Settings) -> list[Finding]:
    findings = [machine.look_at_port("PORT", settings.host, settings.port, __version__)]
    if settings.simulator_port is not None and settings.feed == "simulated":
        findings.append(machine.look_at_simulator_port(settings.simulator_port))
    return findings


def look_at_calendar(path: Path, today: dt.date) -> Finding:
    """Whether the trading calendar covers a year from `today` (New York's date)."""
    try:
        table: SessionTable = load_session_table(path)
    except SessionTableError as error:
        return fail("calendar", str(error), _REFRESH)
    left_days = (table.covered_to - today).days
    if left_days < 0:
        return fail("calendar", f"The trading calendar ended on {table.covered_to}.", _REFRESH)
    if left_days < _CALENDAR_DAYS:
        return warn("calendar", f"The trading calendar ends on {table.covered_to}, in {left_days} days.", _REFRESH)
    return ok("calendar", f"The trading calendar reaches to {table.covered_to}.")


def _files(settings: Settings) -> list[Finding]:
    return [
        machine.look_at_data_dir(settings.data_dir),
        machine.look_at_secret(settings.data_dir / "secret_key"),
        machine.look_at_python(),
        machine.look_at_open_files(),
    ]
