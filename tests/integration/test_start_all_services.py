"""`python3 start_all_services.py` in a copy of the project, with the virtual environment that these tests run in."""

import http.client
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from src.config.settings import settings_keys
from src.core.services.market_data_service import FALLBACK_UNIVERSE
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "data", "deploy", "migrations", "web", "requirements.txt", "start_all_services.py")
HOST = "127.0.0.1"
READY_TIMEOUT_S = 240
# The bare interpreter, as a person would start it: the command finds its way into the environment by itself.
PYTHON = Path(sys.base_prefix) / "bin" / "python3"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc, which is Linux's")


def wait_until(condition: Callable[[], object], timeout_s: float = 120.0, what: str = "") -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"waited in vain for {what or condition}"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether the process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> dict[int, str]:
    """The command lines of the running processes that a process has started, by id."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            child = int(stat.parent.name)
            if parent == pid and is_running(child):
                found[child] = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


class Start:
    """One run of the command; what it and its children print is in `log`."""

    def __init__(self, project: Path, port: int, environment: dict[str, str]) -> None:
        self.port = port
        self._seen: set[int] = set()
        self.log_file = project / f"start-{time.monotonic_ns()}.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [PYTHON, project / "start_all_services.py"],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log
            return "To stop:" in self.log

        wait_until(is_ready, READY_TIMEOUT_S, "the announcement")

    def status_of(self, path: str) -> int:
        """The status of a GET; 0 when nothing answers."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def child(self, words: str) -> int:
        """The id of the child whose command line has these words."""
        found = [pid for pid, line in children_of(self.process.pid).items() if words in line]
        assert len(found) == 1, self.log
        return found[0]

    def family(self) -> list[int]:
        """All children and grandchildren."""
        children = list(children_of(self.process.pid))
        family = children + [grandchild for child in children for grandchild in children_of(child)]
        self._seen.update(family)
        return family

    def end(self) -> None:
        """Leaves nothing behind, whatever went wrong."""
        self.family()
        self.process.kill()
        self.process.wait()
        for pid in self._seen:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Browser:
    """What keeps cookies and follows no redirect."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(), _Stays())

    def _ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        body = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with self._opener.open(self._url + path, body, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def log_in(self, login: str, password: str) -> int:
        """The status of the answer."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self._ask("/login")[1])
        assert token
        return self._ask("/login", {"csrf_token": token[1], "login": login, "password": password})[0]

    def is_logged_in(self) -> bool:
        return "Log out admin" in self._ask("/")[1]


class _Stays(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an answer."""

    def redirect_request(self, *_request: object) -> None:
        return None


class Project:
    """A copy of the project and its starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.starts: list[Start] = []
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                # With what is compiled, but for files that another test process is just writing.
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
            else:
                shutil.copy(source, folder / name)
        self._leave_a_small_market()
        self._leave_time_to_end()

    def _leave_a_small_market(self) -> None:
        """The simulator works for seconds at its start for the hundreds of symbols that it has."""
        table = self.folder / "src/simulator/universe.csv"
        head, *rows = table.read_text().splitlines(keepends=True)
        table.write_text(head + "".join(row for row in rows if row.split(",")[0] in FALLBACK_UNIVERSE))

    def _leave_time_to_end(self) -> None:
        """Who hangs at the end of a test fails it; who is slow, on a busy machine, is not killed after 8 s."""
        plan = self.folder / "src/bootstrap/restart.py"
        text = plan.read_text()
        assert text.count("KILLED_AFTER_S = 8.0\n") == 1
        plan.write_text(text.replace("KILLED_AFTER_S = 8.0\n", "KILLED_AFTER_S = 240.0\n"))

    def environment(self, **settings: str) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if key not in settings_keys()}
        return {**ours, "PORT": str(self.port), "TICKSTOCK_VENV": sys.prefix, **settings}

    def start(self, **settings: str) -> Start:
        environment = self.environment(**settings)
        self.starts.append(Start(self.folder, int(environment["PORT"]), environment))
        return self.starts[-1]

    def refusal(self, **settings: str) -> tuple[int, str]:
        """The exit status and what was printed by a start that refuses."""
        start = self.start(**settings)
        return start.process.wait(timeout=READY_TIMEOUT_S), start.log


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "tickstock"
    folder.mkdir()
    project = Project(folder)
    yield project
    for start in project.starts:
        start.end()


@pytest.fixture(autouse=True)
def _in_a_virtual_environment() -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("these tests run outside of a virtual environment, so there is none to share")


def test_a_first_life_and_one_after_it(project: Project) -> None:
    """Comes up, says where to look and the administrator's password, once; ends by SIGTERM, and by Ctrl-C."""
    start = project.start(LOG_LEVEL="DEBUG")
    start.wait_until_ready()
    password = it_says_where_to_look(start, project)
    browser = Browser(project.port)
    assert browser.log_in("admin", "a wrong password") == 401
    assert browser.log_in("admin", password) == 303
    assert browser.is_logged_in()
    wait_until(lambda: start.status_of("/readyz") == 200, what="bars of the simulator")
    it_stops_on_sigterm(start)
    key = (project.folder / "var/secret_key").read_text().strip()
    assert (project.folder / "var/secret_key").stat().st_mode & 0o777 == 0o600
    assert start.log.count(password) == 1
    assert key not in start.log

    later = project.start(LOG_LEVEL="DEBUG", ADMIN_PASSWORD="another one", HOST="0.0.0.0")  # noqa: S104  of tests alone
    later.wait_until_ready()
    assert browser.is_logged_in(), "sessions outlive restarts"
    assert Browser(project.port).log_in("admin", "another one") == 401, "that is for the first administrator alone"
    assert "HOST is 0.0.0.0, without TLS: whoever reaches this machine can read everything" in later.log
    assert "administrator's account" not in later.log
    for secret in (password, "another one", key):
        assert secret not in later.log
    ctrl_c_does_not_reach_the_children_but_stops_all(later)


def it_says_where_to_look(start: Start, project: Project) -> str:
    """The administrator's password."""
    assert start.status_of("/healthz") == 200
    for words in (
        f"Dashboard: http://{HOST}:{project.port}/",
        "Feed: SIMULATED data",
        "MASSIVE_API_KEY=<your key>",
        f"Database: {project.folder}/var/simulated.db",
        f"kill {start.process.pid}",
    ):
        assert words in start.log
    (password,) = re.findall(r"Login: admin  Password: (\S+)", start.log)
    return str(password)


def it_stops_on_sigterm(start: Start) -> None:
    family = start.family()
    assert len(family) == 3, "simulator, gunicorn and its worker"
    start.process.terminate()
    assert start.process.wait(timeout=120) == 0
    assert "\nStopping TickStock.\n" in start.log
    assert start.log.endswith("\nTickStock has stopped.\n")
    assert "killed" not in start.log
    assert "Traceback" not in start.log
    assert [pid for pid in family if is_running(pid)] == []


def ctrl_c_does_not_reach_the_children_but_stops_all(start: Start) -> None:
    assert {os.getsid(pid) for pid in children_of(start.process.pid)} == set(children_of(start.process.pid))
    start.process.send_signal(signal.SIGINT)
    assert start.process.wait(timeout=120) == 0
    assert "killed" not in start.log


def test_a_life_in_which_all_goes_wrong(project: Project) -> None:
    """Its database is away at the start, its processes die, and at last the supervisor is killed."""
    first = project.start()
    first.wait_until_ready()
    data_dir = project.folder / "var"
    wait_until((data_dir / "last_start.json").exists, what="what the first start found")
    first.process.terminate()
    assert first.process.wait(timeout=120) == 0
    with closing(sqlite3.connect(data_dir / "simulated.db", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        again = project.start()
        it_listens_without_its_database(again)
    wait_until(lambda: again.status_of("/readyz") == 200, what="the database")
    what_dies_is_reported_and_started_again(again)
    nothing_outlives_a_killed_supervisor(again)


def it_listens_without_its_database(start: Start) -> None:
    start.wait_until_ready()
    assert "TickStock starts without it" in start.log
    wait_until(lambda: "Listening begins without it" in start.log, what="the feed")
    assert [start.status_of(path) for path in ("/healthz", "/api/status", "/")] == [200, 200, 200]


def what_dies_is_reported_and_started_again(start: Start) -> None:
    first = start.child("gunicorn")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: f"The web server (process {first}) was ended by SIGKILL" in start.log)
    # The worker of the killed one may answer for a moment: that says nothing of the new one.
    wait_until(lambda: any("gunicorn" in line for line in children_of(start.process.pid).values()))
    second = start.child("gunicorn")
    wait_until(lambda: children_of(second))
    wait_until(lambda: start.status_of("/healthz") == 200)

    (worker,) = children_of(second)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: f"The web server (process {second}) exited with status 70" in start.log)
    wait_until(lambda: any("gunicorn" in line for line in children_of(start.process.pid).values()))
    assert len({first, second, start.child("gunicorn")}) == 3

    simulator = start.child("src.simulator")
    os.kill(simulator, signal.SIGKILL)
    wait_until(lambda: f"The simulator (process {simulator}) was ended by SIGKILL" in start.log)
    wait_until(lambda: any("src.simulator" in line for line in children_of(start.process.pid).values()))
    assert re.findall(r"started again in \d\.\d s\.", start.log), start.log


def nothing_outlives_a_killed_supervisor(start: Start) -> None:
    wait_until(lambda: len(start.family()) == 3, what="all that it has started again")
    family = start.family()
    start.process.kill()
    wait_until(lambda: not any(is_running(pid) for pid in family), what="the children's end")


def test_the_two_halves_run_by_themselves(project: Project) -> None:
    ingest = project.start(ROLE="ingest")
    ingest.wait_until_ready()
    web = project.start(ROLE="web", PORT=str(free_port()))
    web.wait_until_ready()
    assert f"It has no dashboard; its state: http://{HOST}:{ingest.port}/readyz" in ingest.log
    assert f"web half runs. Dashboard: http://{HOST}:{web.port}/" in web.log
    assert ingest.child("src.simulator")
    assert [line for line in children_of(web.process.pid).values() if "src.simulator" in line] == []
    wait_until(lambda: (ingest.status_of("/readyz"), web.status_of("/readyz")) == (200, 200), what="both halves")
    assert (ingest.status_of("/"), web.status_of("/")) == (404, 200)


@pytest.mark.parametrize("taken", ["by the web server", "by another program"])
def test_a_simulator_port_that_is_taken_is_one_line(project: Project, taken: str) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = project.port if taken == "by the web server" else listener.getsockname()[1]
        status, log = project.refusal(SIMULATOR_PORT=str(port))
    assert status == 1
    assert str(port) in log
    assert "SIMULATOR_PORT" in log
    assert log.count("\n") == 1


def test_a_taken_port_is_one_line(project: Project) -> None:
    with socket.create_server((HOST, project.port)):
        status, log = project.refusal()
    assert status == 1
    line = f"Port {project.port} on {HOST} is taken; set PORT in .env to a free one, or stop what holds it.\n"
    assert log == line


def test_a_data_folder_that_is_a_file_is_one_line(project: Project) -> None:
    (project.folder / "var").touch()
    status, log = project.refusal()
    assert status == 1
    assert log.startswith(f"The data folder {project.folder}/var cannot be made or written (File exists); set DATA_DIR")
    assert log.count("\n") == 1


def test_a_wrong_setting_is_one_line(project: Project) -> None:
    status, log = project.refusal(ROLE="everything")
    assert status == 2
    assert log == "Setting ROLE: 'everything' is not allowed; allowed is one of all, ingest, web.\n"


def test_a_misspelt_setting_is_warned_of(project: Project) -> None:
    with socket.create_server((HOST, project.port)):
        _, log = project.refusal(MASIVE_API_KEY="x")
    assert "No setting is called MASIVE_API_KEY, so it has no effect. Did you mean MASSIVE_API_KEY?\n" in log


def test_a_newer_database_is_refused_in_one_line(project: Project) -> None:
    database = project.folder / "var" / "simulated.db"
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()
    status, log = project.refusal()
    assert status == 1
    assert log.startswith("The database has schema 9999, which is newer than this program")
    assert log.count("\n") == 1


def test_the_environment_that_is_there_is_not_filled_again(project: Project) -> None:
    """Twice refused for its port: the first start may ask pip, the second has nothing to ask."""
    with socket.create_server((HOST, project.port)):
        project.refusal()
        _, log = project.refusal(PIP_NO_INDEX="1", PIP_INDEX_URL="http://127.0.0.1:9/")
    assert "Installing" not in log


def test_an_old_python_is_told_so_in_one_line() -> None:
    """With a version that is made up; --help ends a start that takes no notice of it."""
    script = str(ROOT / "start_all_services.py")
    code = (
        "import runpy, sys\n"
        "sys.version_info = (3, 8, 10, 'final', 0)\n"
        f"sys.argv = [{script!r}, '--help']\n"
        f"runpy.run_path({script!r}, run_name='__main__')\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 1
    assert finished.stderr.startswith("TickStock needs Python 3.11 or newer; this is 3.8.10.")
    assert finished.stderr.count("\n") == 1


def test_prepare_starts_nothing(project: Project) -> None:
    command = [str(PYTHON), str(project.folder / "start_all_services.py"), "--prepare"]
    finished = subprocess.run(command, env=project.environment(), capture_output=True, text=True)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert not (project.folder / "var").exists()


def test_help_says_what_it_does() -> None:
    command = [str(PYTHON), str(ROOT / "start_all_services.py"), "--help"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "keeps them running until Ctrl-C" in finished.stdout
