"""How often a login may be tried: by a clock that the test moves."""

import threading
from collections.abc import Callable

import pytest

from src.core.domain.account.account import Account, Role
from src.core.domain.account.attempts import MOST_OF_ADDRESS, MOST_OF_LOGIN, WINDOW_MS, Attempts, network_of
from src.core.domain.account.session import SessionMark
from src.core.errors import TooManyAttemptsError
from src.core.services.login_service import LoginService
from tests.waiting import wait_for

HOME, GUESSER = "192.0.2.10", "203.0.113.66"


def fail(attempts: Attempts, times: int, login: str = "admin", address: str = GUESSER, now_ms: int = 0) -> None:
    for _ in range(times):
        attempts.note_failure(login, address, now_ms)


def test_an_address_is_refused_after_its_failures_and_let_in_again_when_they_are_old() -> None:
    attempts = Attempts()
    fail(attempts, MOST_OF_ADDRESS - 1)
    assert attempts.wait_ms("admin", GUESSER, 1_000) == 0
    fail(attempts, 1, now_ms=60_000)
    assert attempts.wait_ms("admin", GUESSER, 60_000) == WINDOW_MS - 60_000
    assert attempts.wait_ms("other", GUESSER, 60_000) == WINDOW_MS - 60_000, "whatever the login"
    assert attempts.wait_ms("admin", GUESSER, WINDOW_MS) == 0
    fail(attempts, MOST_OF_ADDRESS - 2, now_ms=WINDOW_MS)
    assert attempts.wait_ms("admin", GUESSER, WINDOW_MS) == 0, "one of them is a minute old"
    fail(attempts, 1, now_ms=WINDOW_MS)
    assert attempts.wait_ms("admin", GUESSER, WINDOW_MS) == 60_000


def test_the_owner_is_let_in_while_others_guess() -> None:
    attempts = Attempts()
    for place in range(200):
        fail(attempts, 1, address=f"198.51.100.{place}")
        assert attempts.wait_ms("admin", HOME, 0) == 0
    assert attempts.wait_ms("admin", "198.51.100.7", 0) == WINDOW_MS, "one guess an address, once a login is attacked"
    assert attempts.wait_ms("other", "198.51.100.7", 0) == 0
    assert attempts.wait_ms("admin", "198.51.100.7", WINDOW_MS) == 0


def test_few_failures_from_many_addresses_are_no_attack() -> None:
    attempts = Attempts()
    for place in range(MOST_OF_LOGIN - 1):
        fail(attempts, 1, address=f"198.51.100.{place}")
    assert attempts.wait_ms("admin", "198.51.100.7", 0) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("::ffff:192.0.2.10", "192.0.2.10"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_what_counts_as_one_address(address: str, counted: str) -> None:
    assert network_of(address) == counted


def test_what_is_kept_is_bounded() -> None:
    attempts = Attempts()
    for place in range(60_000):
        attempts.note_failure(f"login{place}", f"10.{place >> 16}.{place >> 8 & 255}.{place & 255}", place)
    kept = [len(failures._times) for failures in (attempts._of_address, attempts._of_login)]
    assert kept == [20_000, 20_000]
    attempts.note_failure("admin", GUESSER, 60_000 + WINDOW_MS)
    kept = [len(failures._times) for failures in (attempts._of_address, attempts._of_login)]
    assert kept == [1, 1], "what is old goes by itself"


class OneAccount:
    """The ports `Accounts` and `Passwords` for one account, whose hash is its password; a test may hold hashes up."""

    def __init__(self) -> None:
        self.hashes: list[str] = []
        self.at_once = self.most_at_once = 0
        self.outdated = False
        self.rehashed: list[tuple[str, str, str]] = []
        self.go = threading.Event()
        self.go.set()
        self._lock = threading.Lock()

    def find(self, login: str) -> tuple[Account, str] | None:
        return (Account("admin", "admin", 1), "secret words") if login == "admin" else None

    def rehash(self, login: str, old_hash: str, new_hash: str) -> None:
        self.rehashed.append((login, old_hash, new_hash))

    def hash(self, password: str) -> str:
        with self._lock:
            self.hashes.append(password)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.go.wait(60)
        with self._lock:
            self.at_once -= 1
        return f"hash of {password}"

    def verify(self, password_hash: str, password: str) -> bool:
        self.hash(password)
        return password_hash == password

    def is_outdated(self, _password_hash: str) -> bool:
        return self.outdated

    def create(self, login: str, password_hash: str, role: Role) -> bool:
        raise NotImplementedError

    def create_first(self, login: str, password_hash: str) -> bool:
        raise NotImplementedError

    def has_admin(self) -> bool:
        raise NotImplementedError

    def set_password(self, login: str, password_hash: str) -> bool:
        raise NotImplementedError

    def of_session(self, mark: SessionMark) -> Account | None:
        raise NotImplementedError

    def end_session(self, mark: SessionMark) -> None:
        raise NotImplementedError


@pytest.fixture
def one() -> OneAccount:
    return OneAccount()


@pytest.fixture
def service(one: OneAccount) -> LoginService:
    return LoginService(one, one, lambda: 0)


def test_an_unknown_login_costs_what_a_wrong_password_costs(service: LoginService, one: OneAccount) -> None:
    for login in ("admin", "nobody", "no login at all", ""):
        assert service.log_in(login, "wrong", HOME) is None
    assert one.hashes == ["wrong"] * 4


def test_failures_alone_count(service: LoginService) -> None:
    for _ in range(3 * MOST_OF_ADDRESS):
        assert service.log_in("Admin", "secret words", HOME) is not None
    for _ in range(MOST_OF_ADDRESS):
        assert service.log_in("admin", "wrong", HOME) is None
    with pytest.raises(TooManyAttemptsError, match="try again in 15 minutes") as refused:
        service.log_in("admin", "secret words", HOME)
    assert refused.value.retry_after_s == WINDOW_MS // 1000
    assert service.log_in("admin", "secret words", "192.0.2.77") is not None


def test_a_success_forgives_no_failures(service: LoginService) -> None:
    for _ in range(MOST_OF_ADDRESS - 1):
        service.log_in("root", "wrong", HOME)
    assert service.log_in("admin", "secret words", HOME) is not None
    assert service.log_in("root", "wrong", HOME) is None
    with pytest.raises(TooManyAttemptsError):
        service.log_in("root", "wrong", HOME)


def in_threads(count: int, task: Callable[[int], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=task, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_few_hash_at_once_few_wait_and_the_others_are_told_to_come_back(service: LoginService, one: OneAccount) -> None:
    one.go.clear()
    refused: list[str] = []

    def log_in(place: int) -> None:
        try:
            service.log_in("admin", "secret words", f"198.51.100.{place}")
        except TooManyAttemptsError as error:
            refused.append(str(error))

    threads = in_threads(60, log_in)
    wait_for(lambda: len(refused) == 44)
    one.go.set()
    for thread in threads:
        thread.join()
    assert one.most_at_once == 2
    assert set(refused) == {"Too many log in at this moment; try again in some seconds."}
    assert service.log_in("admin", "secret words", HOME) is not None


def test_a_burst_from_one_address_is_worth_no_more_guesses(service: LoginService, one: OneAccount) -> None:
    one.go.clear()
    refused: list[int] = []

    def guess(place: int) -> None:
        try:
            service.log_in("admin", f"guess {place}", GUESSER)
        except TooManyAttemptsError as error:
            refused.append(error.retry_after_s)

    threads = in_threads(60, guess)
    wait_for(lambda: len(refused) == 44)
    one.go.set()
    for thread in threads:
        thread.join()
    assert len(one.hashes) <= MOST_OF_ADDRESS + 1


def test_a_hash_of_old_parameters_is_renewed_by_a_login(service: LoginService, one: OneAccount) -> None:
    one.outdated = True
    service.log_in("admin", "wrong", HOME)
    assert one.rehashed == []
    service.log_in("admin", "secret words", HOME)
    assert one.rehashed == [("admin", "secret words", "hash of secret words")]


def test_what_was_typed_does_not_come_into_the_log(service: LoginService, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    service.log_in("hunter2-as-login", "hunter2", HOME)
    service.log_in("admin", "hunter2", HOME)
    service.log_in("admin", "secret words", HOME)
    assert HOME in caplog.text
    assert "hunter2" not in caplog.text
    assert "secret words" not in caplog.text
