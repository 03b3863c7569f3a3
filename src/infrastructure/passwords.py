"""Hashes of passwords, by argon2id."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from src.core.domain.account.account import password_bytes


class Argon2Passwords:
    """The port `Passwords`, with the parameters of RFC 9106, section 4, for less memory: 64 MiB, three passes."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)

    def hash(self, password: str) -> str:
        """A salted hash that names its parameters."""
        return self._hasher.hash(password_bytes(password))

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the hash is the password's."""
        try:
            return self._hasher.verify(password_hash, password_bytes(password))
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether it was made with other parameters than these."""
        return self._hasher.check_needs_rehash(password_hash)
