"""Hashes, logins and redirects: small things that have to be right."""

import pytest
from argon2 import Parameters, PasswordHasher

from src.core.domain.account.account import check_login, check_password, login_of
from src.core.errors import BadAccountError
from src.infrastructure import passwords as infrastructure
from src.infrastructure.passwords import Argon2Passwords
from src.presentation.admin.redirects import safe_next


def test_a_password_fits_its_hash_and_no_other_does(
    real_hash_parameters: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infrastructure, "RFC_9106_LOW_MEMORY", real_hash_parameters)
    passwords = Argon2Passwords()
    kept = passwords.hash("pässword")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert kept != passwords.hash("pässword"), "salted"
    assert passwords.verify(kept, "pässword")
    assert passwords.verify(kept, "pa\u0308ssword"), "the same letter, composed by another keyboard"
    assert not passwords.verify(kept, "password")
    assert not passwords.verify("no hash at all", "pässword")
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pässword"))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("admin", "admin"), (" Ann.B-c_d@example.org ", "ann.b-c_d@example.org"), ("7", "7"), ("a" * 64, "a" * 64)],
)
def test_what_is_a_login(typed: str, meant: str) -> None:
    assert login_of(typed) == check_login(typed) == meant


@pytest.mark.parametrize("typed", ["", " ", ".a", "a b", "a\x00", "ä", "ａdmin", "a" * 65, "a'--", "a\nb", "a/b"])
def test_what_is_no_login(typed: str) -> None:
    assert login_of(typed) is None
    with pytest.raises(BadAccountError, match="allowed are up to 64"):
        check_login(typed)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_what_is_no_password(password: str) -> None:
    with pytest.raises(BadAccountError, match="8 to 1,024 characters"):
        check_password(password)


@pytest.mark.parametrize(
    "target", ["/", "/admin/websockets", "/?a=1&b=%2F%2Fx#symbol=BRK.B", "/a//b", "/@evil.example"]
)
def test_paths_of_this_program_are_gone_to(target: str) -> None:
    assert safe_next(target, "/default") == target


@pytest.mark.parametrize(
    "target",
    [
        None, "", "admin", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/a\\b",
        "https://evil.example/", "https:evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example",
        "/\r\nSet-Cookie: a=b", " /", "/ /evil.example", "/\x00", "/\u2028", "/ä", "/" + "x" * 2001,
    ],
)  # fmt: skip
def test_anything_else_is_not(target: str | None) -> None:
    assert safe_next(target, "/default") == "/default"
