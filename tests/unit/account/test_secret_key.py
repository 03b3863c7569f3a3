"""The key that signs sessions: one for all processes, and for its owner's eyes alone."""

import threading
from pathlib import Path

import pytest

from src.core.errors import SecretKeyError
from src.infrastructure.secret_key import kept_secret_key
from tests.sites import StatusSite


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    key = kept_secret_key(tmp_path / "data")
    assert len(key) == 64
    assert kept_secret_key(tmp_path / "data") == key
    assert (tmp_path / "data/secret_key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["secret_key"]
    assert kept_secret_key(tmp_path / "other") != key


def test_processes_that_start_at_once_agree_on_one(tmp_path: Path) -> None:
    keys: list[str] = []
    barrier = threading.Barrier(12)

    def start() -> None:
        barrier.wait()
        keys.append(kept_secret_key(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 12
    assert len(set(keys)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o606])
def test_a_key_that_others_could_read_is_closed_to_them_and_said(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    key = kept_secret_key(tmp_path)
    file = tmp_path / "secret_key"
    file.chmod(mode)
    assert kept_secret_key(tmp_path) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert "Others could read" in caplog.text
    assert key not in caplog.text


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(SecretKeyError, match=r"secret_key"):
        kept_secret_key(tmp_path)


def test_a_place_where_nothing_can_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SecretKeyError, match="or set SECRET_KEY"):
        kept_secret_key(tmp_path / "data")


def test_without_a_key_all_but_sessions_is_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "secret_key").mkdir()  # as good as a full disk
    site = StatusSite(tmp_path)
    assert site.client.get("/healthz").status_code == 200
    assert site.client.get("/readyz").status_code == 503
    assert site.client.get("/").status_code == 200
    assert caplog.text.count("Nobody can log in.") == 1
    (tmp_path / "secret_key").rmdir()
    assert site.client.get("/login").status_code == 200
    assert site.app.secret_key
    site.close()
