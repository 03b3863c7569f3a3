"""`python3 run_tests.py` as a whole, in a project so small that its checks take seconds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NEEDED = (
    "run_tests.py",
    "requirements.txt",
    "requirements-dev.txt",
    "src/__init__.py",
    "src/core/__init__.py",
    "src/core/errors.py",
    "src/bootstrap/__init__.py",
    "src/bootstrap/python_version.py",
    "src/bootstrap/venv.py",
    "src/bootstrap/checks.py",
)
TESTS = """import pytest

with open(__file__ + ".reads", "a") as reads:
    reads.write("once ")


def test_good():
    pass


def test_unwanted():
    assert False


@pytest.mark.skip(reason="no browser")
def test_skipped():
    pass
"""
STEPS = ["ruff check", "ruff format", "mypy", "lint-imports", "pytest"]


CONTRACT = """[tool.importlinter]
root_package = 'src'
[[tool.importlinter.contracts]]
name = 'None'
type = 'forbidden'
source_modules = ['src.core']
forbidden_modules = ['src.bootstrap']
"""


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy reads of Python's own library, once for all runs."""
    return str(tmp_path_factory.mktemp("mypy_cache"))


@pytest.fixture
def project(tmp_path: Path, mypy_cache: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our commands around three tests; it has no import contracts, so that this step fails."""
    if sys.prefix == sys.base_prefix:
        pytest.skip("these tests run outside of a virtual environment, so there is none to share")
    for name in NEEDED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_three.py").write_text(TESTS)
    monkeypatch.setenv("MYPY_CACHE_DIR", mypy_cache)
    mypy = "[tool.mypy]\nfiles = ['tests']\nfollow_imports = 'skip'\n"  # it would read all of pytest
    (tmp_path / "pyproject.toml").write_text(f"{mypy}[tool.ruff]\ninclude = ['tests/*']\n")
    return tmp_path


def run(project: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """The exit status and the lines of a run; its three tests need no processes of their own, and one plugin only."""
    command = [sys.executable, str(project / "run_tests.py"), "-p", "xdist", "--numprocesses=0", *arguments]
    base = {key: value for key, value in os.environ.items() if key != "TICKSTOCK_FORBID_SKIPS"}
    env = {**base, "TICKSTOCK_VENV": sys.prefix, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment}
    finished = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True)
    return finished.returncode, finished.stdout.splitlines()


def verdicts(lines: list[str]) -> dict[str, str]:
    """Each step's verdict in the summary."""
    words = [line.rsplit(maxsplit=3) for line in lines[lines.index("== Summary") + 1 :] if line.endswith(" s")]
    return {name: verdict for name, verdict, _, _ in words}


def test_every_step_runs_although_one_before_it_failed_and_a_failed_test_is_counted(project: Path) -> None:
    status, lines = run(project, PYTHONDONTWRITEBYTECODE="1")
    assert status == 1
    assert (project / "tests" / "__pycache__").is_dir(), "compiled once, and not by each process of the tests"
    assert (project / "tests" / "test_three.py.reads").read_text() == "once once ", "before those processes begin"
    assert [line.removeprefix("== ") for line in lines if line.removeprefix("== ") in STEPS] == STEPS
    assert verdicts(lines) == {**dict.fromkeys(STEPS, "ok"), "lint-imports": "FAILED", "pytest": "FAILED"}
    assert "skipped 1: no browser" in lines
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"


@pytest.mark.parametrize(("forbid", "status"), [("0", 0), ("1", 1)])
def test_a_skip_fails_only_where_it_is_forbidden(project: Path, forbid: str, status: int) -> None:
    with (project / "pyproject.toml").open("a") as pyproject:
        pyproject.write(CONTRACT)
    outcome = run(project, "-k", "not unwanted", TICKSTOCK_FORBID_SKIPS=forbid)
    assert outcome[0] == status, "\n".join(outcome[1])
    assert outcome[1][-1] == "1 passed, 0 failed, 1 skipped"
