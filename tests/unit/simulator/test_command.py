"""The command: it serves, replays and writes a session, ends when told to, and answers bad input with a sentence."""

import gzip
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from src.simulator import recordings
from src.simulator.__main__ import main
from src.simulator.recorder import write_session
from tests.unit.simulator.feed_client import Feed

ROOT = Path(__file__).resolve().parents[3]


def exit_code(arguments: tuple[str, ...]) -> object:
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name a port to listen on"),
        (("--port", "70000"), "allowed are whole numbers from 0 to 65535, not '70000'"),
        (("--port", "0", "--speed", "2"), "--speed, --duplicate and --reorder are for --replay PATH"),
        (("--port", "0", "--replay", "nowhere", "--speed", "0"), "allowed are numbers above 0"),
        (("--port", "0", "--replay", "nowhere"), "There is no file or folder nowhere."),
        (("--port", "0", "--max-connections", "0"), "allowed are whole numbers from 1 to 10000, not '0'"),
        (("--port", "0", "--rest-rate", "5"), "allowed are rates such as 5/minute"),
        (("--port", "0", "--rest-cancel", "2"), "allowed are numbers from 0 to 1, not '2'"),
        (("--port", "0", "--replay", "nowhere", "--rest-lag", "3"), "are for the market, not for --replay"),
        (("--port", "0", "--replay", "nowhere", "--hours", "always"), "are for the market, not for --replay"),
        (("--port", "0", "--hours", "never"), "invalid choice: 'never' (choose from"),
        (("--port", "0", "--key", ""), "an empty key would refuse everyone"),
        (("--write-flat-file", "week", "nowhere"), "needs minute or day, and a path; 'week' is neither"),
        (("--write-flat-file", "day", "nowhere"), "--write-flat-file needs --date"),
        (("--write-flat-file", "day", "nowhere", "--date", "2025-11-20", "--symbols", "ZZZZ"), "market has no ZZZZ;"),
        (
            ("--write-flat-file", "day", "nowhere", "--date", "2025-11-22", "--hours", "official"),
            "Nothing trades on 2025-11-22",
        ),
        (("--write-session", "nowhere"), "--write-session needs --symbols and --date"),
        (("--write-session", "nowhere", "--symbols", "ZZZZ", "--date", "2025-11-20"), "market has no ZZZZ"),
        (("--write-session", "nowhere", "--symbols", "KO", "--date", "today"), "allowed is a date such as 2025-11-20"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    code = exit_code(arguments)
    out, err = capsys.readouterr()
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, which does not outlive a test that fails."""
    with subprocess.Popen(
        [sys.executable, "-m", "src.simulator", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(*arguments: str) -> tuple[int, str, str]:
    with command(*arguments) as process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


def listening_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.search(r"ws://\S+:[0-9]+/stocks", line)
    assert match is not None, line
    assert "imulated" in line
    return match[0]


def test_its_rest_side_has_the_rate_it_is_told() -> None:
    with command("--port", "0", "--rest-rate", "1/hour") as process:
        address = urlsplit(listening_url(process)).netloc
        answers = []
        for _request in range(2):
            client = HTTPConnection(address, timeout=60)
            client.request("GET", "/v3/reference/tickers", headers={"Authorization": "Bearer key"})
            with client.getresponse() as response:
                answers.append((response.status, int(response.headers.get("Retry-After", "0"))))
    assert answers[0] == (200, 0)
    assert answers[1][0] == 429
    assert 3590 <= answers[1][1] <= 3600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(number: signal.Signals) -> None:
    with (
        command("--port", "0", "--seed", "5", "--key", "secret") as process,
        connect(listening_url(process), compression=None) as connection,
    ):
        client = Feed(connection)
        assert client.ask("auth", "secret")[0]["status"] == "auth_success"
        client.ask("subscribe", "A.*")
        assert client.frame()[0]["ev"] == "A"
        process.send_signal(number)
        started_s = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - started_s < 60
        assert (process.returncode, out, err) == (0, "", "")


def test_faults_can_be_commanded_and_connections_be_limited() -> None:
    with (
        command("--port", "0", "--control", "--max-connections", "1") as process,
        connect(listening_url(process), compression=None) as connection,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"Faults are commanded at http://(127\.0\.0\.1:[0-9]+)(/control)\.\n", line)
        assert match is not None, line
        Feed(connection).ask("auth", "key")
        control = HTTPConnection(match[1], timeout=60)
        control.request("GET", match[2])
        with control.getresponse() as response:
            state = json.load(response)
    assert [(fault["fault"], fault["limit"]) for fault in state["faults"]] == [("max_connections", 1)]
    assert [shown["authenticated"] for shown in state["connections"]] == [True]


def test_it_replays_and_says_what_it_sent(tmp_path: Path) -> None:
    _seconds, minutes = write_session(tmp_path, ["KO"], date(2025, 11, 20))
    options = ("--replay", str(minutes), "--speed", "max", "--duplicate", "1", "--reorder", "5")
    with (
        command("--port", "0", *options) as process,
        connect(listening_url(process), compression=None) as connection,
    ):
        client = Feed(connection)
        client.ask("auth", "key")
        client.ask("subscribe", "AM.KO")
        received = len(client.elements(1900))
        assert process.stdout is not None
        line = process.stdout.readline()
    assert line == (
        f"Replay finished: 0 A and {received} AM events were sent (symbols: 1, duplicates: {received // 2}).\n"
    )


def test_it_says_what_to_do_about_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, out, err = ended("--port", str(port))
    assert (code, out) == (1, "")
    assert err == (
        f"Port {port} on 127.0.0.1 is taken: choose another with --port, or end the program that listens there.\n"
    )


def test_it_writes_a_session_of_official_hours(tmp_path: Path) -> None:
    options = ("--write-session", str(tmp_path), "--symbols", "KO", "--hours", "official")
    for day in ("2025-11-27", "2025-11-28"):
        assert ended(*options, "--date", day)[0] == 0
    rows = {path.name[3:11]: list(recordings.read(path)) for path in (tmp_path / "minute").iterdir()}
    assert not rows["20251127"]
    assert 200 < len(rows["20251128"]) < 800


def test_it_writes_a_session(tmp_path: Path) -> None:
    code, out, err = ended("--write-session", str(tmp_path), "--symbols", "GRC,BACpL", "--date", "2025-11-20")
    assert (code, err) == (0, "")
    assert out.startswith("Wrote 4 files of simulated bars of 2025-11-20 below ")
    assert len(list(tmp_path.rglob("*_20251120.csv.gz"))) == 4


def test_it_writes_a_flat_file(tmp_path: Path) -> None:
    path = tmp_path / "2025-11-20.csv.gz"
    options = ("--symbols", "KO,BACpL,ZZAAA", "--extra-symbols", "1", "--date", "2025-11-20")
    code, out, err = ended("--write-flat-file", "day", str(path), *options)
    assert (code, err) == (0, "")
    assert out == f"Wrote 3 rows of simulated bars of 2025-11-20 to {path}.\n"
    with gzip.open(path, "rt") as file:
        assert [line.partition(",")[0] for line in file] == ["ticker", "BACpL", "KO", "ZZAAA"]
