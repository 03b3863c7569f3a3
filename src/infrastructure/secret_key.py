"""The key that signs sessions: made once, and kept in a file that its owner alone may read."""

import logging
import os
import secrets
import tempfile
from pathlib import Path

from src.core.errors import SecretKeyError

logger = logging.getLogger(__name__)

_BYTES = 32
_SHORTEST = 32  # characters


def kept_secret_key(data_dir: Path) -> str:
    """The key in `secret_key` of the folder, which is made when it is missing; raises SecretKeyError.

    Processes that start at once agree on one.
    """
    path = data_dir / "secret_key"
    try:
        if not path.exists():
            _make(path)
        _close_to_others(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretKeyError(
            f"The key that signs sessions cannot be read or kept in {path} ({error}); let this user read and write "
            "there, or set SECRET_KEY."
        ) from error
    if len(key) < _SHORTEST:
        raise SecretKeyError(f"{path} holds no key of {_SHORTEST} characters or more; remove it for a new one.")
    return key


def _make(path: Path) -> None:
    """Written beside its place and linked there whole; whoever comes second finds the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret_key-") as file:  # its mode is 600
        file.write(secrets.token_hex(_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return


def _close_to_others(path: Path) -> None:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        path.chmod(0o600)
        logger.warning(
            "Others could read %s (mode %o), which signs sessions; now this user alone can. If somebody may have read "
            "it, remove it and start again: that ends all sessions.",
            path,
            mode,
        )
