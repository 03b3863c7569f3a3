"""What both halves of the program are made of, by the settings."""

from src.config.settings import PROJECT_ROOT, Settings, SettingsError
from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.session import SessionTable
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.clock import SystemClock
from src.infrastructure.data_sources.massive_rest import RestConfig
from src.infrastructure.observability.status_file import StatusFile

_SIMULATED_REST_RATE = RequestRate(100, 1)  # the simulator is ours
_SIMULATED_PAGES = (5_000, 20)  # minutes and days, each made within some seconds
_SIMULATED_KEY = "simulated"
CLOCK = SystemClock()


def rest_config(settings: Settings) -> RestConfig:
    """Of the vendor's REST side, or of the simulator's; SettingsError where that is not known."""
    if settings.feed == "massive":
        return RestConfig(settings.massive_rest_url, api_key(settings), settings.massive_rest_rate)
    return RestConfig(
        f"http://{simulator_address(settings)}", api_key(settings), _SIMULATED_REST_RATE, *_SIMULATED_PAGES
    )


def api_key(settings: Settings) -> str:
    """What the feed is asked with."""
    return settings.massive_api_key.get_secret_value() if settings.feed == "massive" else _SIMULATED_KEY


def simulator_address(settings: Settings) -> str:
    """Host and port; SettingsError where nobody said which port."""
    if settings.simulator_port is None:
        raise SettingsError(
            "There is no MASSIVE_API_KEY, and SIMULATOR_PORT does not say where a simulator listens. A service is "
            "started with python3 start_all_services.py, which brings a simulator of its own; for a command start "
            "`.venv/bin/python -m src.simulator --port 5055` beside it, and give it SIMULATOR_PORT=5055."
        )
    return f"127.0.0.1:{settings.simulator_port}"


def load_sessions() -> SessionTable:
    """The trading calendar."""
    return load_session_table(PROJECT_ROOT / "data/sessions.csv")


def status_file(settings: Settings) -> StatusFile:
    """Where the ingesting half tells its status while the database takes none."""
    return StatusFile(settings.data_dir / "status.json")
