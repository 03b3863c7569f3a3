"""The log's two formats, and that no secret gets through."""

import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from src.config.settings import parse_settings
from src.infrastructure.observability.logs import set_up_logs
from src.infrastructure.observability.redaction import Redactor

_KEY = "pk_live_7Hq2ZsW9"
_ODD = 'p"w\\d/ä @1'
_WEBHOOK = "https://hooks.example.com/services/T0/B1/xYz9"
_SECRETS = (_KEY, _ODD, _WEBHOOK, "short")

logger = logging.getLogger("tests.logs")


@pytest.fixture(autouse=True)
def _leaves_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


def log_failure(words: str, cause: Exception | None = None) -> None:
    def fail() -> None:
        raise ValueError(words) from cause

    try:
        fail()
    except ValueError:
        logger.exception("It failed.")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_text_is_a_line_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("INFO")
    logger.info("Loaded %d bars.", 5, extra={"connection": "connection_2"})
    logger.debug("Not said.")
    (line,) = lines(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO    Loaded 5 bars\.", line)


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("INFO", "json")
    logger.warning("Two\nlines, %s.", "one object", extra={"connection": "connection_2", "close_code": 1006})
    (line,) = lines(capsys)
    said = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("time"))
    assert said == {
        "level": "WARNING", "logger": "tests.logs", "thread": "MainThread", "message": "Two\nlines, one object.",
        "connection": "connection_2", "close_code": 1006,
    }  # fmt: skip


def test_json_holds_the_exception_with_its_cause(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("INFO", "json")
    log_failure("outer", KeyError("inner"))
    said = json.loads(lines(capsys)[0])
    assert "KeyError: 'inner'" in said["exception"]
    assert said["exception"].endswith("ValueError: outer")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_gets_through(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("DEBUG", log_format, _SECRETS)
    logger.info("the key %s stands in it", _KEY)
    logger.info(f"or in the message itself: {_KEY}")  # what this is about
    logger.info("as an argument %r of an object", {"password": _ODD})
    logger.info("postgresql://me:p%22w%5Cd%2F%C3%A4%20%401@host/db and postgresql://me:short@host/db")
    logger.info("HTTPConnectionPool: Max retries exceeded with url: /services/T0/B1/xYz9")
    logger.info("extra", extra={"url": _WEBHOOK})
    logger.info("a mistake %d", _KEY)
    logger.info("stack", stack_info=True)
    log_failure(f"could not post to {_WEBHOOK} with {_ODD}")
    said = capsys.readouterr().err
    for secret in (_KEY, _ODD, json.dumps(_ODD)[1:-1], repr(_ODD)[1:-1], "p%22w", "xYz9", ":short@"):
        assert secret not in said
    assert said.count("***") >= 7
    assert "the key *** stands in it" in said
    assert "me:***@host/db" in said


def test_words_that_are_no_secrets_stay() -> None:
    redact = Redactor(["short", "pass"])
    assert redact("a short passage") == "a short passage"
    assert redact("password=short and postgresql://u:pass@h/d") == "password=*** and postgresql://u:***@h/d"
    assert Redactor([])("nothing is secret") == "nothing is secret"


def test_a_longer_secret_wins_over_one_that_it_holds() -> None:
    assert Redactor(["abcdef", "abcdefghij"])("abcdefghij") == "***"


def test_threads_warnings_and_the_process_end_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("INFO", "json", _SECRETS)

    def fail() -> None:
        raise RuntimeError(f"with {_KEY}")

    thread = threading.Thread(target=fail, name="a-thread")
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"old {_KEY}", DeprecationWarning, stacklevel=1)
    sys.excepthook(RuntimeError, RuntimeError(f"last {_KEY}"), None)
    said = [json.loads(line) for line in lines(capsys)]
    assert [each["thread"] for each in said] == ["a-thread", "MainThread", "MainThread"]
    assert "RuntimeError: with ***" in said[0]["exception"]
    assert "old ***" in said[1]["message"]
    assert "RuntimeError: last ***" in said[2]["exception"]


def test_every_secret_of_the_settings_is_known() -> None:
    secrets = {
        "MASSIVE_API_KEY": "k" * 20,
        "ADMIN_PASSWORD": "a" * 20,
        "SECRET_KEY": "s" * 20,
        "API_TOKEN": "t" * 20,
        "ALERT_WEBHOOK_URL": "https://hooks.example.com/w",
    }
    settings = parse_settings({**secrets, "DATABASE_URL": "postgresql://me:d%40tabase@host/db"})
    assert set(settings.secret_texts) == {*secrets.values(), "d@tabase"}
    assert parse_settings({}).secret_texts == ()
