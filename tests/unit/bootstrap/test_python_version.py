"""The complaint about an old Python, and that an old Python can read what utters it."""

import ast
from pathlib import Path

import pytest

from src.bootstrap.python_version import complaint

ROOT = Path(__file__).resolve().parents[3]
READ_BY_ANY_PYTHON = [
    "start_all_services.py",
    "run_tests.py",
    "src/__init__.py",
    "src/bootstrap/__init__.py",
    "src/bootstrap/python_version.py",
]


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (4, 0, 0)])
def test_a_new_python_will_do(version: tuple[int, ...]) -> None:
    assert complaint(version, "posix") == ""


@pytest.mark.parametrize("version", [(3, 8, 10), (3, 10, 99)])
def test_an_old_python_is_named_in_one_line(version: tuple[int, ...]) -> None:
    line = complaint(version, "posix")
    found = ".".join(map(str, version))
    assert line.startswith(f"TickStock needs Python 3.11 or newer; this is {found}. Install a newer one")
    assert "\n" not in line


def test_windows_is_sent_to_wsl() -> None:
    assert complaint((3, 12, 0), "nt") == "TickStock runs on Linux and macOS; on Windows, run it in WSL."


@pytest.mark.parametrize("name", READ_BY_ANY_PYTHON)
def test_what_runs_before_the_check_is_readable_to_an_old_python(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"), feature_version=(3, 4))
    too_new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, too_new)]
    futures = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert "__future__" not in futures, "annotations from there cannot be read before Python 3.7"
