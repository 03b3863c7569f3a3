"""`flask universe ...`, on a real database."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from src.app import create_app
from src.config.settings import parse_settings
from src.simulator.live import LiveSource
from src.simulator.market import SyntheticMarket
from src.simulator.server import SimulatorServer
from src.simulator.universe import select


class Shell:
    """Runs commands in a folder."""

    def __init__(self, folder: Path, app: Flask) -> None:
        self.folder = folder
        self._runner = app.test_cli_runner()

    def run(self, *words: str, code: int = 0, stdin: bytes = b"") -> Result:
        result = self._runner.invoke(args=["universe", *words], input=stdin)
        assert result.exit_code == code, result.output
        return result

    def write(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_bytes(content.encode())
        return str(path)


@pytest.fixture
def shell(tmp_path: Path, sqlite_database_url: str) -> Shell:
    return Shell(tmp_path, create_app(parse_settings({"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url})))


def test_universes_are_listed_shown_and_found(shell: Shell) -> None:
    assert "dow30                    UNIVERSE      30  The Dow Jones Industrial Average" in shell.run("list").output
    assert [one["name"] for one in json.loads(shell.run("list", "MMM", "--json").output)][:2] == ["DIA", "dow30"]
    assert (
        shell.run("list", "nasdak", code=1).output == "Error: No universe matches 'nasdak'. Did you mean nasdaq100?\n"
    )
    shown = shell.run("show", "dow30").output.splitlines()
    assert shown[0] == "dow30: 30 symbols; UNIVERSE; The Dow Jones Industrial Average"
    assert shown[1].split() == ["MMM", "3M", "Industrials"]
    union = shell.run("show", "DIA:QQQ:nope").output.splitlines()[0]
    assert union.endswith("the union of DIA, QQQ; there is no nope")
    assert "Did you mean dow30?" in shell.run("show", "DOW", code=1).output


def test_a_file_that_is_half_wrong_is_not_imported_unless_asked(shell: Shell) -> None:
    file = shell.write("mine.csv", "\ufeffTicker;Name\naapl;Apple\n???;\nBRK-B;Berkshire\n1.5;\n")
    told = shell.run("import", file, "--name", "mine", code=1).output
    assert "line 3: '???' is not a ticker." in told
    assert "line 5: '1.5' is not a ticker." in told
    assert "2 problems: nothing was changed." in told
    assert "There is no universe" in shell.run("show", "mine", code=1).output
    looked = shell.run("import", file, "--name", "mine", "--skip-bad", "--dry-run").output
    assert looked.endswith("mine is new, with 2 symbols.\nNothing was changed.\n")
    told = shell.run("import", file, "--name", "mine", "--skip-bad", "--type", "theme", "--description", "A, b").output
    assert "mine is new, with 2 symbols." in told
    assert "spelled in another way than by the feed, and taken: aapl as AAPL, BRK-B as BRK.B." in told
    assert shell.run("export", "mine").output.splitlines()[1:] == [
        'mine,THEME,0,,,"A, b"', "mine,,1,AAPL,,", "mine,,2,BRK.B,,"
    ]  # fmt: skip


def test_what_is_exported_is_imported_and_changes_nothing(shell: Shell) -> None:
    for name in ("all.csv", "all.json"):
        file = str(shell.folder / name)
        assert "19 universes are in" in shell.run("export", "--output", file).output
        assert shell.run("import", file).output == "Nothing was to be changed.\n"
    shell.run("remove", "SPY:nope", "--all", code=1)
    for name in ("SPY", "market_leaders:top_100"):
        shell.run("remove", name, "--all")
    told = shell.run("import", file).output
    assert "market_leaders:top_100 is new, with 100 symbols." in told
    assert shell.run("export", "--format", "json").output == Path(file).read_text()


def test_symbols_are_added_taken_out_and_compared(shell: Shell) -> None:
    assert "Did you mean dow30?" in shell.run("add", "dow", "AAPL", code=1).output
    shell.run("add", "mine", "aapl,brk-b", "IBM", "--new")
    assert "already" in shell.run("add", "mine", "--new", code=1).output
    assert shell.run("add", "mine", "IBM").output == "Nothing was to be changed.\n"
    assert "would" not in shell.run("remove", "mine", "IBM", "--dry-run").output
    assert shell.run("diff", "mine", "-", code=1, stdin=b"AAPL\nBRK.B\nNEWCO\n").output.splitlines()[-2:] == [
        "- IBM", "+ NEWCO"
    ]  # fmt: skip
    assert "mine loses IBM." in shell.run("remove", "mine", "ibm").output
    assert "They are the same." in shell.run("diff", "mine", "-", stdin=b"AAPL\nBRK.B\n").output
    assert "Name the symbols" in shell.run("remove", "mine", code=2).output


def test_files_that_are_none_are_said_to_be(shell: Shell) -> None:
    assert "cannot be read" in shell.run("import", "nowhere.csv", code=1).output
    assert "names no ticker" in shell.run("import", "-", "--name", "mine", code=1).output
    assert "type of universe" in shell.run("import", "-", "--type", "HOUSE", code=1, stdin=b"AAPL").output


def test_the_vendors_list_of_symbols_is_loaded_and_then_believed(tmp_path: Path, sqlite_database_url: str) -> None:
    with SimulatorServer(LiveSource(SyntheticMarket(7, select(["AAPL", "BRK.B", "SPY"])))) as simulator:
        keys = {"DATA_DIR": str(tmp_path), "DATABASE_URL": sqlite_database_url, "SIMULATOR_PORT": str(simulator.port)}
        shell = Shell(tmp_path, create_app(parse_settings(keys)))
        told = shell.run("refresh-symbols").output
    assert "The vendor's list has 3 symbols;" in told
    refused = shell.run("import", "-", "--name", "mine", code=1, stdin=b"AAPL\nAPLX\n").output
    assert "line 2: The vendor's list has no ticker APLX. Did you mean AAPL?" in refused
    shell.run("import", "-", "--name", "mine", "--allow-unknown", stdin=b"AAPL\nAPLX\n")
