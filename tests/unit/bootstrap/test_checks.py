"""The steps of a test run, their counts and the summary."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.bootstrap import checks
from src.bootstrap.checks import Counts, Step, StepResult

TESTS = """
import pytest

def test_good(): pass
def test_better(): pass
def test_bad(): assert False

@pytest.fixture
def broken(): raise RuntimeError
def test_error(broken): pass

@pytest.mark.skip(reason="no browser")
def test_skipped(): pass
def test_skips_itself(): pytest.skip("no browser")
def test_skips_for_another_reason(): pytest.skip("no server")
"""


def test_counts_are_read_from_what_pytest_wrote(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    report = tmp_path / "pytest.xml"
    arguments = ["-q", "-p", "xdist", "--numprocesses=1", "-p", "no:cacheprovider", "test_it.py"]
    command = checks.steps(Path(sys.executable), report, arguments)[-1].command
    one_plugin = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the others take seconds to come up
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, env=one_plugin)
    assert finished.returncode == 1
    assert checks.read_report(report) == Counts(2, 2, {"no browser": 2, "no server": 1})


def test_no_report_counts_nothing(tmp_path: Path) -> None:
    assert checks.read_report(tmp_path / "absent.xml") == Counts(0, 0, {})


def test_the_steps_end_with_pytest_and_its_arguments() -> None:
    steps = checks.steps(Path("/venv/bin/python"), Path("/run/x.xml"), ["-k", "session"])
    assert [step.name for step in steps] == ["ruff check", "ruff format", "mypy", "lint-imports", "pytest"]
    assert steps[-1].command[:3] == ("/venv/bin/python", "-m", "pytest")
    assert steps[-1].command[-3:] == ("--junitxml=/run/x.xml", "-k", "session")


@pytest.mark.parametrize(("status", "ok", "verdict"), [(0, True, "ok"), (3, False, "FAILED")])
def test_a_step_is_announced_and_timed(tmp_path: Path, status: int, ok: bool, verdict: str) -> None:
    said: list[str] = []
    step = Step("nap", (sys.executable, "-c", f"import time; time.sleep(0.1); raise SystemExit({status})"))
    result = checks.run_step(step, tmp_path, os.environ, said.append)
    assert (result.name, result.ok) == ("nap", ok)
    assert 0.1 <= result.took_s < 100
    assert said == ["== nap", f"== nap: {verdict} ({result.took_s:.1f} s)\n"]


GOOD = [StepResult("ruff check", True, 0.3), StepResult("pytest", True, 61.25)]
SKIPS = Counts(7, 0, {"no server": 1, "no browser": 2})


def test_the_summary_ends_with_the_counts_alone() -> None:
    lines, all_well = checks.summary(GOOD, SKIPS, forbid_skips=False)
    assert all_well
    assert lines == [
        "== Summary",
        "ruff check    ok         0.3 s",
        "pytest        ok        61.2 s",
        "skipped 2: no browser",
        "skipped 1: no server",
        "7 passed, 0 failed, 3 skipped",
    ]


def test_skips_can_be_forbidden() -> None:
    lines, all_well = checks.summary(GOOD, SKIPS, forbid_skips=True)
    assert not all_well
    assert "skips         FAILED  TICKSTOCK_FORBID_SKIPS is set" in lines
    assert checks.summary(GOOD, Counts(7, 0, {}), forbid_skips=True)[1]


def test_one_failed_step_fails_all() -> None:
    lines, all_well = checks.summary([StepResult("mypy", False, 1), *GOOD], Counts(1, 0, {}), forbid_skips=False)
    assert not all_well
    assert lines[1] == "mypy          FAILED     1.0 s"
