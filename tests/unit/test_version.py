"""One version, and one path to the data: no broker."""

import re
import tomllib

from src import __version__
from src.config.settings import PROJECT_ROOT

_BROKERS = {
    "redis", "celery", "kombu", "pika", "aio_pika", "kafka", "aiokafka", "confluent_kafka", "nats", "zmq", "rq",
    "dramatiq", "paho", "stomp", "pulsar", "aioredis", "hiredis", "faust", "huey",
}  # fmt: skip


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__


def test_no_broker_is_imported_anywhere() -> None:
    files = [
        path for folder in ("src", "scripts", "tests", "migrations") for path in (PROJECT_ROOT / folder).rglob("*.py")
    ]
    assert len(files) > 50
    imported = re.compile(rf"^\s*(import|from)\s.*\b({'|'.join(_BROKERS)})\b", re.MULTILINE)
    assert [path for path in files if imported.search(path.read_text())] == []


def test_no_broker_is_required_anywhere() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = (PROJECT_ROOT / name).read_text().lower().splitlines()
        required = {line.split("==")[0].split("[")[0].replace("-", "_") for line in lines if line and line[0].isalpha()}
        assert required
        assert not required & _BROKERS
