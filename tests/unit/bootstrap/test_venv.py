"""The virtual environment, made for real, filled with a wheel of our own so that no network is needed."""

import fcntl
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from src.bootstrap.venv import VenvError, VirtualEnvironment

ROOT = Path(__file__).resolve().parents[3]


def make_wheel(folder: Path, name: str) -> Path:
    """A package with one module of that name."""
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    contents = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return wheel


class Project:
    """A folder with requirements: `tick` to run, and `bench` beside it for the tests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.run = root / "requirements.txt"
        self.run.write_text(f"{make_wheel(root, 'tick')}\n")
        self.dev = root / "requirements-dev.txt"
        self.dev.write_text(f"-r requirements.txt\n{make_wheel(root, 'bench')}\n")

    def venv(self, **environ: str) -> VirtualEnvironment:
        return VirtualEnvironment(self.root, environ, self.said.append)

    def ensure(self, requirements: str = "requirements.txt") -> list[str]:
        """The lines said meanwhile, by their first word."""
        self.said.clear()
        self.venv().ensure(requirements)
        return [line.split()[0] for line in self.said]

    def has(self, module: str) -> bool:
        command = [str(self.venv().python), "-I", "-c", f"import {module}"]
        return subprocess.run(command, capture_output=True).returncode == 0


class MadeAnewError(Exception):
    """Raised in place of the seconds that making an environment takes."""


def refuse(line: str) -> None:
    if line.startswith("Making"):
        raise MadeAnewError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One environment for the tests of this module, as making one takes seconds; each leaves it filled."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.root / ".venv").mkdir()
    (project.root / ".venv" / "left-behind").touch()
    assert project.ensure() == ["Making", "Installing"]
    return project


@pytest.fixture
def project(prepared: Project) -> Project:
    prepared.ensure()
    return prepared


def test_the_environment_is_made_and_filled(project: Project) -> None:
    assert project.venv().folder == project.root / ".venv"
    assert project.has("tick")
    assert not (project.root / ".venv" / "left-behind").exists()
    assert not project.venv().is_current()


def test_a_second_start_installs_nothing_and_waits_for_nobody(project: Project) -> None:
    lock = os.open(project.root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert project.ensure() == []
    os.close(lock)


def test_changed_requirements_are_installed(project: Project) -> None:
    project.run.write_text(project.run.read_text() + "# another pin\n")
    assert project.ensure() == ["Installing"]
    assert project.ensure() == []


def test_what_is_installed_for_the_tests_is_enough_to_run(project: Project) -> None:
    assert project.ensure("requirements-dev.txt") == ["Installing"]
    assert project.has("bench")
    assert project.ensure() == []
    assert project.ensure("requirements-dev.txt") == []


def test_changed_requirements_to_run_are_installed_for_the_tests_too(project: Project) -> None:
    project.ensure("requirements-dev.txt")
    project.run.write_text(project.run.read_text() + "# one more pin\n")
    assert project.ensure() == ["Installing"]
    assert project.ensure("requirements-dev.txt") == ["Installing"]


def test_after_a_broken_off_installation_all_is_made_anew(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    good = project.run.read_text()
    project.run.write_text(good + f"{project.root}/absent-1.0-py3-none-any.whl\n")
    with pytest.raises(VenvError, match=r"Installing requirements\.txt failed; pip said above why"):
        project.ensure()
    assert "absent" in capfd.readouterr().err, "pip's own words are shown"
    project.run.write_text(good)
    with pytest.raises(MadeAnewError):
        VirtualEnvironment(project.root, {}, refuse).ensure("requirements.txt")
    # This pip has changed nothing, so the other tests need not wait until all is made anew.
    (project.root / ".venv" / ".installing").unlink()


@pytest.mark.parametrize(
    "interpreter", ["/nowhere/python3", "/dev/null", "/bin/true", pytest.param(sys.executable, id="of elsewhere")]
)
def test_an_environment_whose_interpreter_is_broken_is_made_anew(tmp_path: Path, interpreter: str) -> None:
    project = Project(tmp_path)
    venv = VirtualEnvironment(tmp_path, {}, refuse)
    venv.python.parent.mkdir(parents=True)
    venv.python.symlink_to(interpreter)
    with pytest.raises(MadeAnewError):
        venv.ensure(project.run.name)


# Stands in for the interpreter of an environment, whose pip takes a second.
SLOW_PYTHON = """#!/bin/sh
case "$*" in
    "-I -c"*) echo {folder}; echo 3.11.0 ;;
    *install*) touch {folder}/begun; sleep 1; touch {folder}/ended ;;
esac
"""
ENSURE = """
import sys
from pathlib import Path
from src.bootstrap.venv import VirtualEnvironment
VirtualEnvironment(Path(sys.argv[1]), {}, lambda line: print(line, flush=True)).ensure("requirements.txt")
"""


def test_a_start_waits_for_the_pip_that_a_killed_one_left_behind(tmp_path: Path) -> None:
    project = Project(tmp_path)
    venv = VirtualEnvironment(tmp_path, {}, refuse)
    venv.python.parent.mkdir(parents=True)
    venv.python.write_text(SLOW_PYTHON.format(folder=venv.folder))
    venv.python.chmod(0o755)
    with subprocess.Popen([sys.executable, "-c", ENSURE, tmp_path], cwd=ROOT, stdout=subprocess.DEVNULL) as killed:
        while not (venv.folder / "begun").exists():
            assert killed.poll() is None
            time.sleep(0.01)
        killed.kill()
    with pytest.raises(MadeAnewError):
        venv.ensure(project.run.name)
    assert (venv.folder / "ended").exists()


def test_a_shared_environment_is_used_in_place_of_our_own(project: Project, tmp_path: Path) -> None:
    other = Project(tmp_path)
    other.run.write_text(project.run.read_text())
    venv = other.venv(TICKSTOCK_VENV=str(project.root / ".venv"))
    venv.ensure("requirements.txt")
    assert other.said == []
    assert not (tmp_path / ".venv").exists()


def test_a_shared_environment_is_never_made_anew(tmp_path: Path) -> None:
    project = Project(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious").touch()
    with pytest.raises(VenvError, match=r"TICKSTOCK_VENV names .*/mine, which is no virtual environment"):
        project.venv(TICKSTOCK_VENV=str(mine)).ensure("requirements.txt")
    assert (mine / "precious").exists()


def test_two_starts_at_once_install_one_after_the_other(project: Project) -> None:
    (project.root / ".venv" / ".installed-requirements.txt").unlink()
    lock = os.open(project.root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    command = [sys.executable, "-c", ENSURE, str(project.root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        assert "waiting for it" in second.stdout.readline()
        time.sleep(0.5)
        assert not (project.root / ".venv" / ".installing").exists()
        os.close(lock)
        assert "Installing" in second.stdout.readline()
        second.communicate(timeout=60)
    assert project.ensure() == []


def test_an_environment_with_too_old_a_python_is_made_anew(tmp_path: Path) -> None:
    project = Project(tmp_path)
    venv = VirtualEnvironment(tmp_path, {}, refuse)
    venv.python.parent.mkdir(parents=True)
    venv.python.write_text(f"#!/bin/sh\necho {venv.folder}\necho 3.10.12\n")
    venv.python.chmod(0o755)
    with pytest.raises(MadeAnewError):
        venv.ensure(project.run.name)
