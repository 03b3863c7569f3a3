"""Settings are strict, and documented."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from src.config.settings import (
    PROJECT_ROOT,
    SettingsError,
    connection_notices,
    misspelt_keys,
    parse_settings,
    read_env_file,
    settings_keys,
)


def test_without_a_key_the_feed_is_simulated() -> None:
    settings = parse_settings({})
    assert settings.feed == "simulated"
    assert settings.database_url == f"sqlite:///{PROJECT_ROOT}/var/simulated.db"
    assert settings.database_url == f"sqlite:///{PROJECT_ROOT}/var/simulated.db"


def test_with_a_key_the_feed_is_massive_unless_turned_off() -> None:
    assert parse_settings({"MASSIVE_API_KEY": "k"}).feed == "massive"
    assert parse_settings({"MASSIVE_API_KEY": "k"}).database_url.endswith("/var/tickstock.db")
    assert parse_settings({"MASSIVE_API_KEY": "k", "USE_MASSIVE_API": "false"}).feed == "simulated"


def test_values_are_parsed_as_documented() -> None:
    settings = parse_settings(
        {"SYMBOLS": "AAPL, brk-b,BACpL,AAPL", "MASSIVE_CHANNELS": "AM", "MASSIVE_REST_RATE": "30/minute",
         "LIVE_FLUSH_MS": "50", "PORT": " 8080 ", "DATA_DIR": "/data", "ROLE": "WEB",
         "SYMBOL_UNIVERSE_KEY": "SPY : nasdaq100"}
    )  # fmt: skip
    assert settings.symbols == ("AAPL", "BRK.B", "BACpL")
    assert settings.massive_channels == ("AM",)
    assert (settings.massive_rest_rate, settings.live_flush_ms, settings.port) == ((30, 60), 50, 8080)
    assert (settings.data_dir, settings.role) == (Path("/data"), "web")
    assert settings.symbol_universe_key == "SPY:nasdaq100"


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("PORT", "0", "a whole number from 1 to 65535"),
        ("PORT", "http", "a whole number from 1 to 65535"),
        ("ROLE", "both", "one of all, ingest, web"),
        ("SYMBOLS", "AAPL,*", "a list such as AAPL,MSFT"),
        ("SYMBOLS", "<AAPL>", "a list such as AAPL,MSFT"),
        ("SYMBOL_UNIVERSE_KEY", "AAPL,MSFT", "names of universes with colons between, such as SPY:nasdaq100"),
        ("SYMBOL_UNIVERSE_KEY", "SPY::dow30", "names of universes with colons between"),
        ("MASSIVE_CHANNELS", "T", "A, AM"),
        ("MASSIVE_REST_RATE", "fast", "5/minute"),
        ("MASSIVE_REST_RATE", "0/minute", "5/minute"),
        ("MASSIVE_WS_URL", "https://x", "begins with wss:// or ws://"),
        ("MASSIVE_WS_URL", "ws://h:99999/x", "begins with wss:// or ws://"),
        ("MASSIVE_WS_URL", "wss://[::1", "begins with wss:// or ws://"),
        ("LIVE_FLUSH_MS", "soon", "auto, or whole milliseconds"),
        ("USE_MASSIVE_API", "perhaps", "true or false"),
        ("CONNECT_TIMEOUT_S", "0", "seconds from 1 to 120"),
        ("BACKFILL_DAYS", "1.5", "whole trading days"),
        ("DATABASE_URL", "oracle://x", "sqlite:///"),
        ("LOG_LEVEL", "loud", "one of DEBUG"),
        ("SIMULATOR_PORT", "70000", "a whole number from 1 to 65535"),
    ],
)
def test_a_wrong_value_is_one_line_with_key_value_and_what_is_allowed(key: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({key: value})
    line = str(caught.value)
    assert key in line
    assert repr(value) in line
    assert allowed in line
    assert "\n" not in line


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_a_postgresql_url_is_taken_as_users_write_it(scheme: str) -> None:
    settings = parse_settings({"DATABASE_URL": f"{scheme}://me:p%40ss@db.example:5433/market?sslmode=require"})
    assert settings.database_url == "postgresql+psycopg2://me:p%40ss@db.example:5433/market?sslmode=require"


@pytest.mark.parametrize("url", ["postgresql://host", "postgresql://host:port/db", "mysql://host/db", "postgresql:db"])
def test_a_url_of_no_database_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"DATABASE_URL: .* postgresql://user:password@host:5432/database"):
        parse_settings({"DATABASE_URL": url})


def test_secrets_are_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"DATABASE_URL": "mysql://user:hunter2@host/db"})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match="ASCII") as caught:
        parse_settings({"MASSIVE_API_KEY": "hünter2"})
    assert "hünter2" not in str(caught.value)
    assert "hunter2" not in repr(parse_settings({"MASSIVE_API_KEY": "hunter2"}))


def test_an_env_file_is_read_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert read_env_file(file) == {}
    file.write_text("# a comment\nMASSIVE_API_KEY='a${HOME}b'\n\nexport PORT=5001\n")
    assert read_env_file(file) == {"MASSIVE_API_KEY": "a${HOME}b", "PORT": "5001"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'PORT=5001\nMASSIVE_API_KEY="hunter2\n', "Line 2 of .env cannot be read"),
        (b"=5\n", "Line 1 of .env cannot be read"),
        (b"PORT=\xff\n", "text in UTF-8"),
    ],
)
def test_an_env_file_that_would_lose_something_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / ".env"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=says) as caught:
        read_env_file(file)
    assert "hunter2" not in str(caught.value)


def test_misspelt_keys_are_named() -> None:
    sentences = misspelt_keys(
        {"MASIVE_API_KEY": "k", "SHOE_SIZE": "44", "PROT": "5001", "PORT": "1"}, {"SYMBOL": "AAPL", "PATH": "/bin"}
    )
    assert sentences == [
        "No setting is called MASIVE_API_KEY (in .env), so it has no effect. Did you mean MASSIVE_API_KEY?",
        "No setting is called SHOE_SIZE (in .env), so it has no effect.",
        "No setting is called PROT (in .env), so it has no effect. Did you mean PORT?",
        "No setting is called SYMBOL, so it has no effect. Did you mean SYMBOLS?",
    ]


def test_every_setting_is_in_the_example_with_its_default_and_nothing_else_is() -> None:
    example = dotenv_values(PROJECT_ROOT / ".env.example")
    assert tuple(example) == settings_keys()
    assert parse_settings({key: value or "" for key, value in example.items()}) == parse_settings({})


def test_connections_are_read_by_number() -> None:
    settings = parse_settings(
        {"USE_MULTI_CONNECTION": "true", "WEBSOCKET_CONNECTION_1_ENABLED": "true",
         "WEBSOCKET_CONNECTION_1_NAME": "primary", "WEBSOCKET_CONNECTION_1_UNIVERSE_KEY": "dow30",
         "WEBSOCKET_CONNECTION_3_SYMBOLS": "brk-b,MSFT"}
    )  # fmt: skip
    assert settings.use_multi_connection
    assert settings.connections == (
        ("primary", True, "dow30", ()),
        ("connection_2", False, "", ()),
        ("connection_3", False, "", ("BRK.B", "MSFT")),
    )


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"WEBSOCKET_CONNECTION_2_ENABLED": "true", "WEBSOCKET_CONNECTIONS_MAX": "1"},
    ],
)
def test_several_connections_without_one_that_is_enabled_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="WEBSOCKET_CONNECTION_1_ENABLED=true"):
        parse_settings({"USE_MULTI_CONNECTION": "true", **values})


def test_settings_of_the_other_mode_are_noticed_in_one_line() -> None:
    example = {key: value or "" for key, value in dotenv_values(PROJECT_ROOT / ".env.example").items()}
    assert connection_notices(parse_settings(example)) == []
    single = {**example, "WEBSOCKET_CONNECTION_1_ENABLED": "true", "WEBSOCKET_CONNECTION_1_SYMBOLS": "AAPL"}
    assert connection_notices(parse_settings(single)) == [
        "USE_MULTI_CONNECTION is false, so these have no effect: WEBSOCKET_CONNECTION_1_ENABLED, "
        "WEBSOCKET_CONNECTION_1_SYMBOLS."
    ]
    multi = {**single, "USE_MULTI_CONNECTION": "true", "SYMBOL_UNIVERSE_KEY": "dow30", "SYMBOLS": "*"}
    several = {**multi, "WEBSOCKET_CONNECTION_3_ENABLED": "true", "WEBSOCKET_CONNECTIONS_MAX": "2"}
    assert connection_notices(parse_settings(several)) == [
        "USE_MULTI_CONNECTION is true, so these have no effect: SYMBOLS, SYMBOL_UNIVERSE_KEY.",
        "WEBSOCKET_CONNECTIONS_MAX is 2, so these are not used: connection_3.",
    ]


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("of the vendor\n")
    assert parse_settings({"MASSIVE_API_KEY_FILE": str(file)}).massive_api_key.get_secret_value() == "of the vendor"


def test_the_databases_url_may_stand_in_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://me:secret@host/bars\n")
    settings = parse_settings({"DATABASE_URL_FILE": str(file)})
    assert settings.database_url == "postgresql+psycopg2://me:secret@host/bars"
    assert settings.secret_texts == ("secret",)


def test_a_secret_file_is_read_or_the_start_stops(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for values, reason in (
        ({"API_TOKEN_FILE": str(tmp_path / "none")}, "Setting API_TOKEN_FILE: .*cannot be read"),
        ({"API_TOKEN_FILE": str(tmp_path / "empty")}, "Setting API_TOKEN_FILE: .*is empty"),
        ({"API_TOKEN_FILE": "x", "API_TOKEN": "y"}, "both are given"),
    ):
        with pytest.raises(SettingsError, match=reason):
            parse_settings(values)


@pytest.mark.parametrize("key", ["SECRET_KEY", "API_TOKEN", "ADMIN_PASSWORD", "ALERT_WEBHOOK_URL"])
def test_a_secret_that_is_not_allowed_is_not_told(key: str) -> None:
    with pytest.raises(SettingsError, match=f"Setting {key}: its value is not allowed; allowed is empty") as refusal:
        parse_settings({key: "hidden"})
    assert "hidden" not in str(refusal.value)
