"""Every setting, parsed once, strictly, typed. Only the entry points read it; the rest gets arguments.

A value comes from the environment, else from `.env` in the project's root, else from the default; an empty one
counts as absent. A wrong one raises SettingsError: one line with the key, the value (never a secret's) and what
is allowed.
"""

import difflib
import io
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from src.core.domain.connection.request_window import RequestRate
from src.core.domain.market.retention import LEAST_DAYS
from src.core.domain.market.symbol import check_symbol
from src.core.errors import BadSymbolError, TickStockError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_OWN_FILE = {"massive": "tickstock.db", "simulated": "simulated.db"}
_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")
_RATE_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
# How alike a name must be to one of ours to be taken for a misspelling of it.
_MISSPELT_RATIO = 0.86
_MISSPELT_IN_FILE_RATIO = 0.6  # all that stands in .env was meant for us


class SettingsError(TickStockError):
    """A setting is wrong; the text is the one line to print."""


def _names(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def _channels(value: str) -> tuple[str, ...]:
    names = _names(value)
    if not names or set(names) - {"A", "AM"}:
        raise ValueError("A, AM, or both with a comma between")
    return names


def _symbols(value: str) -> tuple[str, ...]:
    names = _names(value)
    if names == ("*",):
        return names
    try:
        return tuple(dict.fromkeys(_spelled(check_symbol(name)) for name in names))
    except BadSymbolError as error:
        raise ValueError("a list such as AAPL,MSFT,BRK.B, or * alone for the whole market") from error


def _universe_key(value: str) -> str:
    parts = [part.strip() for part in value.split(":")]
    if "," in value or not all(part.isprintable() and part for part in parts):
        raise ValueError(
            "names of universes with colons between, such as SPY:nasdaq100 (tickers, or * for the whole market, are "
            "for SYMBOLS)"
        )
    return ":".join(parts)


def _spelled(symbol: str) -> str:
    """As the feed spells it, as far as that is certain: no ticker is all lower case, and classes have a dot."""
    symbol = symbol.replace("-", ".")
    return symbol.upper() if symbol.islower() else symbol


def _flush(value: str) -> int | None:
    if value.strip().lower() == "auto":
        return None
    if not re.fullmatch(r"[0-9]{1,5}", value.strip()) or int(value) > 10_000:
        raise ValueError("auto, or whole milliseconds from 0 to 10000")
    return int(value)


def _retention(value: str) -> int | None:
    if value.strip().lower() == "all":
        return None
    if not re.fullmatch(r"[0-9]{1,5}", value.strip()) or int(value) < LEAST_DAYS:
        raise ValueError(f"all, or a whole number of days from {LEAST_DAYS}")
    return int(value)


def _rate(value: str) -> RequestRate:
    match = re.fullmatch(r"([0-9]{1,6})/(second|minute|hour)", value.replace(" ", ""))
    if not match or not int(match[1]):
        raise ValueError("requests in a second, minute or hour, such as 5/minute or 50/second")
    return RequestRate(int(match[1]), _RATE_SECONDS[match[2]])


def _choice(*allowed: str) -> BeforeValidator:
    def check(value: str) -> str:
        for choice in allowed:
            if value.strip().lower() == choice.lower():
                return choice
        raise ValueError("one of " + ", ".join(allowed))

    return BeforeValidator(check)


def _yes_or_no(value: str | bool) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("true or false")
    return word in ("true", "1", "yes")


def _url(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("a URL that begins with " + " or ".join(f"{scheme}://" for scheme in schemes))
        return value.rstrip("/")

    return AfterValidator(check)


def _ascii(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isascii():
        raise ValueError("the key as the vendor shows it, of ASCII characters alone")
    return value


def _secret(pattern: str, allowed: str) -> AfterValidator:
    """Empty, or what the pattern describes."""

    def check(value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not re.fullmatch(pattern, value.get_secret_value()):
            raise ValueError(allowed)
        return value

    return AfterValidator(check)


def _connection_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,31}", value):
        raise ValueError("up to 32 letters, digits, spaces, dots, dashes and underscores, such as primary")
    return value


def _database_url(value: str) -> str:
    """As SQLAlchemy reads it: a bare `postgresql://` would mean another driver to it."""
    if not value or re.fullmatch(r"sqlite:///[^?#]+", value):
        return value
    scheme, _, rest = value.partition("://")
    try:
        usable = scheme in _POSTGRES_SCHEMES and bool(make_url(f"postgresql+psycopg2://{rest}").database)
    except (ArgumentError, ValueError):
        usable = False
    if not usable:
        raise ValueError(
            "empty (a file in DATA_DIR), sqlite:///path/to/file.db, or postgresql://user:password@host:5432/database "
            "(a password's special characters as %40 for @, %2F for /, %3A for :)"
        )
    return f"postgresql+psycopg2://{rest}"


_YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]
_Name = Annotated[str, AfterValidator(_connection_name)]
_UniverseKey = Annotated[str, AfterValidator(_universe_key)]
_Symbols = Annotated[tuple[str, ...], BeforeValidator(_symbols)]


class ConnectionSettings(NamedTuple):
    """One of the connections of the multi-connection mode, as configured."""

    name: str
    enabled: bool
    universe_key: str
    symbols: tuple[str, ...]


class Settings(BaseModel):
    """All settings. Each field is the key of the environment in lower case; the description is what is allowed.

    Durations are in seconds unless the name ends in `_ms`. Paths are absolute.
    """

    model_config = ConfigDict(frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(5000, ge=1, le=65535, description="a whole number from 1 to 65535")
    data_dir: Path = Path("var")
    database_url: Annotated[str, AfterValidator(_database_url)] = ""
    role: Annotated[Literal["all", "ingest", "web"], _choice("all", "ingest", "web")] = "all"
    use_massive_api: _YesOrNo = True
    massive_api_key: Annotated[SecretStr, AfterValidator(_ascii)] = SecretStr("")
    massive_ws_url: Annotated[str, _url("wss", "ws")] = "wss://socket.massive.com/stocks"
    massive_rest_url: Annotated[str, _url("https", "http")] = "https://api.massive.com"
    massive_channels: Annotated[tuple[str, ...], BeforeValidator(_channels)] = Field("A,AM", validate_default=True)
    massive_rest_rate: Annotated[RequestRate, BeforeValidator(_rate)] = Field("5/minute", validate_default=True)
    backfill_days: int = Field(1, ge=0, le=30, description="whole trading days from 0 to 30")
    retention_days: Annotated[int | None, BeforeValidator(_retention)] = Field("all", validate_default=True)
    live_flush_ms: Annotated[int | None, BeforeValidator(_flush)] = Field("auto", validate_default=True)
    symbols: _Symbols = ()
    symbol_universe_key: _UniverseKey = "market_leaders:top_100"
    use_multi_connection: _YesOrNo = False
    websocket_connections_max: int = Field(3, ge=1, le=3, description="a whole number from 1 to 3")
    websocket_connection_1_enabled: _YesOrNo = False
    websocket_connection_1_name: _Name = "connection_1"
    websocket_connection_1_universe_key: _UniverseKey = ""
    websocket_connection_1_symbols: _Symbols = ()
    websocket_connection_2_enabled: _YesOrNo = False
    websocket_connection_2_name: _Name = "connection_2"
    websocket_connection_2_universe_key: _UniverseKey = ""
    websocket_connection_2_symbols: _Symbols = ()
    websocket_connection_3_enabled: _YesOrNo = False
    websocket_connection_3_name: _Name = "connection_3"
    websocket_connection_3_universe_key: _UniverseKey = ""
    websocket_connection_3_symbols: _Symbols = ()
    connect_timeout_s: float = Field(15, ge=1, le=120, description="seconds from 1 to 120")
    simulator_port: int | None = Field(None, ge=1, le=65535, description="empty, or a whole number from 1 to 65535")
    admin_password: Annotated[
        SecretStr, _secret(r"(?s).{8,1024}", "empty (one is generated), or 8 to 1,024 characters")
    ] = SecretStr("")
    secret_key: Annotated[
        SecretStr, _secret(r"[!-~]{16,1024}", "empty (one is generated), or 16 and more visible ASCII characters")
    ] = SecretStr("")
    api_token: Annotated[
        SecretStr, _secret(r"[!-~]{16,1024}", "empty (no token is asked for), or 16 and more visible ASCII characters")
    ] = SecretStr("")
    behind_proxy: _YesOrNo = False
    alert_webhook_url: Annotated[
        SecretStr, _secret(r"https?://[!-~]+", "empty, or a URL that begins with https:// or http://")
    ] = SecretStr("")
    log_format: Annotated[Literal["text", "json"], _choice("text", "json")] = "text"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _choice("DEBUG", "INFO", "WARNING", "ERROR")] = (
        "INFO"
    )

    @property
    def feed(self) -> Literal["massive", "simulated"]:
        """`massive` with a key, unless it was turned off; else `simulated`."""
        return "massive" if self.use_massive_api and self.massive_api_key.get_secret_value() else "simulated"

    @property
    def secret_texts(self) -> tuple[str, ...]:
        """All that no log may hold: the secrets that are set, and the database's password."""
        values = [getattr(self, name).get_secret_value() for name in _SECRETS]
        password = None if self.database_url.startswith("sqlite:") else make_url(self.database_url).password
        return tuple(text for text in [*values, password] if text)

    @property
    def connections(self) -> tuple[ConnectionSettings, ...]:
        """The three connections of the multi-connection mode, in the order of their numbers."""
        return tuple(
            ConnectionSettings(*(getattr(self, f"websocket_connection_{number}_{field}") for field in _CONNECTION))
            for number in (1, 2, 3)
        )


_CONNECTION = ConnectionSettings._fields
_IN_ONE_MODE = tuple(name for name in Settings.model_fields if name.startswith(("symbol", "websocket_connection")))
_SECRETS = tuple(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
_FROM_FILES = (*_SECRETS, "database_url")  # which holds a password


def settings_keys() -> tuple[str, ...]:
    """The environment keys of all settings, upper case, in the order they are declared; each secret also as a file; and
    the database's URL, which can hold one."""
    return tuple(
        key
        for name in Settings.model_fields
        for key in ([name.upper(), f"{name.upper()}_FILE"] if name in _FROM_FILES else [name.upper()])
    )


def parse_settings(values: Mapping[str, str]) -> Settings:
    """Settings from a mapping of keys to texts; raises SettingsError at the first wrong one."""
    values = {**values, **_secrets_of_files(values)}
    given = {
        name: values[name.upper()].strip() for name in Settings.model_fields if values.get(name.upper(), "").strip()
    }
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_one_line(error, given)) from None
    _check_connections(settings)
    _check_retention(settings)
    return _resolved(settings)


def _secrets_of_files(values: Mapping[str, str]) -> dict[str, str]:
    """The secrets that stand in files, which `..._FILE` name; a relative path is from the project's root."""
    secrets = {}
    for key in (name.upper() for name in _FROM_FILES):
        path = values.get(f"{key}_FILE", "").strip()
        if not path:
            continue
        if values.get(key, "").strip():
            raise SettingsError(f"Settings {key} and {key}_FILE: both are given; allowed is one of them.")
        secrets[key] = _read_secret(key, PROJECT_ROOT / path)
    return secrets


def _read_secret(key: str, path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"Setting {key}_FILE: {str(path)!r} cannot be read ({error}); allowed is a file of UTF-8 text."
        ) from error
    if not secret:
        raise SettingsError(f"Setting {key}_FILE: {str(path)!r} is empty; allowed is a file that holds the secret.")
    return secret


def _check_connections(settings: Settings) -> None:
    usable = settings.connections[: settings.websocket_connections_max]
    if settings.use_multi_connection and not any(connection.enabled for connection in usable):
        raise SettingsError(
            "Setting USE_MULTI_CONNECTION: true is not allowed while no connection is enabled; set "
            "WEBSOCKET_CONNECTION_1_ENABLED=true (up to the number of WEBSOCKET_CONNECTIONS_MAX), or leave it false."
        )


def _check_retention(settings: Settings) -> None:
    # A trading day is 7/5 of a day in the calendar, and holidays come on top.
    least = settings.backfill_days * 3 // 2 + LEAST_DAYS
    if settings.retention_days is not None and settings.retention_days < least:
        raise SettingsError(
            f"Setting RETENTION_DAYS: {settings.retention_days} would drop what BACKFILL_DAYS="
            f"{settings.backfill_days} loads; allowed is all, or a whole number of days from {least}."
        )


def connection_notices(settings: Settings) -> list[str]:
    """What to say at a start of settings that have no effect in this mode: a line at most, plus one for connections
    that are enabled beyond WEBSOCKET_CONNECTIONS_MAX."""
    defaults = parse_settings({})
    given = [name.upper() for name in _IN_ONE_MODE if getattr(settings, name) != getattr(defaults, name)]
    if not settings.use_multi_connection:
        idle = [key for key in given if key.startswith("WEBSOCKET_")]
        return [f"USE_MULTI_CONNECTION is false, so these have no effect: {', '.join(idle)}."] if idle else []
    idle = [key for key in given if key.startswith("SYMBOL")]
    notices = [f"USE_MULTI_CONNECTION is true, so these have no effect: {', '.join(idle)}."] if idle else []
    beyond = range(settings.websocket_connections_max, len(settings.connections))
    unused = [f"connection_{number + 1}" for number in beyond if settings.connections[number].enabled]
    if unused:
        maximum = settings.websocket_connections_max
        notices.append(f"WEBSOCKET_CONNECTIONS_MAX is {maximum}, so these are not used: {', '.join(unused)}.")
    return notices


def _resolved(settings: Settings) -> Settings:
    """The same with absolute paths, and with the database's URL spelled out where it was left empty."""
    data_dir = (PROJECT_ROOT / settings.data_dir).resolve()
    url = settings.database_url or f"sqlite:///{data_dir / _OWN_FILE[settings.feed]}"
    if url.startswith("sqlite:"):
        url = f"sqlite:///{(PROJECT_ROOT / url.removeprefix('sqlite:///')).resolve()}"
    return settings.model_copy(update={"data_dir": data_dir, "database_url": url})


def _one_line(error: ValidationError, given: Mapping[str, str]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = Settings.model_fields[name]
    cause = first.get("ctx", {}).get("error")
    allowed = field.description or (str(cause) if cause else first["msg"])
    secret = field.annotation is SecretStr or (name == "database_url" and "@" in given[name])
    value = "its value" if secret else repr(given[name])
    return f"Setting {name.upper()}: {value} is not allowed; allowed is {allowed}."


def misspelt_keys(env_file: Mapping[str, str | None], environ: Mapping[str, str]) -> list[str]:
    """A sentence for each key that no setting has: all of `.env`, and those of the environment that nearly match."""
    known = settings_keys()
    sentences = []
    for key in dict.fromkeys([*env_file, *environ]):
        ratio = _MISSPELT_IN_FILE_RATIO if key in env_file else _MISSPELT_RATIO
        near = difflib.get_close_matches(key.upper(), known, n=1, cutoff=ratio)
        if key in known or not (near or key in env_file):
            continue
        hint = f" Did you mean {near[0]}?" if near else ""
        where = " (in .env)" if key in env_file else ""
        sentences.append(f"No setting is called {key}{where}, so it has no effect.{hint}")
    return sentences


def load_settings() -> Settings:
    """The settings of this process: the environment over `.env`; raises SettingsError."""
    values = {key: value or "" for key, value in read_env_file(PROJECT_ROOT / ".env").items()}
    return parse_settings({**values, **os.environ})


def read_env_file(path: Path) -> dict[str, str | None]:
    """What stands in a `.env` file, as it stands there; nothing without the file.

    SettingsError when it cannot be read, or has a line that is no KEY=value: what stood in it would be lost.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file {path.name} cannot be read ({error}); it has to be text in UTF-8.") from error
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line
            raise SettingsError(f"Line {line} of {path.name} cannot be read; allowed is KEY=value, with quotes closed.")
    return dotenv_values(stream=io.StringIO(text), interpolate=False)


def settings_warnings() -> list[str]:
    """What to warn of at a start: misspelt keys, a sentence each."""
    return misspelt_keys(read_env_file(PROJECT_ROOT / ".env"), os.environ)


def is_loopback(host: str) -> bool:
    """Whether a server on that address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def exposure_warning(settings: Settings) -> str | None:
    """What is open to whom, when others than this machine reach the web half and nothing stands before it."""
    if settings.role == "ingest" or is_loopback(settings.host) or settings.behind_proxy:
        return None
    reading = "" if settings.api_token.get_secret_value() else "whoever reaches this machine can read everything, and "
    return (
        f"HOST is {settings.host}, without TLS: {reading}passwords cross the network as they are. Set HOST=127.0.0.1, "
        "or put a reverse proxy with TLS before it and set BEHIND_PROXY=true (docs/guides/reverse-proxy.md)"
        + ("." if not reading else "; API_TOKEN keeps readers out.")
    )
