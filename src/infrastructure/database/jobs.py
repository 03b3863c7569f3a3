"""What the web half asks of the ingesting one, through the database: both may be processes of their own.

Times are those of the wall clocks of both; they are taken to agree within seconds.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Engine, text

from src.core.ports import Job, JobAnswer
from src.infrastructure.database.engines import database_errors

# Who asked has long been told that there is no answer yet; to act now would surprise.
_EXPIRED_MS = 60_000
_KEPT_MS = 86_400_000
_ASK = text(
    "INSERT INTO jobs (id, kind, arguments, actor, asked_ms, state)"
    " VALUES (:id, :kind, :arguments, :actor, :now_ms, 'asked')"
)
_FORGET = text("DELETE FROM jobs WHERE asked_ms < :before_ms")
_ANSWER = text("SELECT state, answer FROM jobs WHERE id = :id")
_WAITING = text(
    "SELECT id, kind, arguments, actor, asked_ms FROM jobs WHERE state = 'asked' ORDER BY asked_ms, id LIMIT 100"
)
_FINISH = text("UPDATE jobs SET state = :state, answer = :answer, done_ms = :now_ms WHERE id = :id AND state = 'asked'")
_TOO_LATE = JobAnswer("refused", "Nobody took this up within 60 s, so it was not done; ask again.")


class DatabaseJobDesk:
    """The web half's side. Reads by `read`, writes by `write`; `now_ms` is the wall clock. Any thread may call."""

    def __init__(self, read: Engine, write: Engine, now_ms: Callable[[], int]) -> None:
        self._read = read
        self._write = write
        self._now_ms = now_ms

    def ask(self, kind: str, arguments: Mapping[str, Any], actor: str) -> str:
        """Leaves a job for the ingesting half and gives its id; jobs of more than a day ago are forgotten."""
        now_ms = self._now_ms()
        job_id = secrets.token_hex(16)
        row = {"id": job_id, "kind": kind, "arguments": msgspec.json.encode(arguments).decode(), "actor": actor}
        with database_errors(), self._write.begin() as connection:
            connection.execute(_FORGET, {"before_ms": now_ms - _KEPT_MS})
            connection.execute(_ASK, {**row, "now_ms": now_ms})
        return job_id

    def answer(self, job_id: str) -> JobAnswer | None:
        """What became of a job so far; None for one that is not known, or no more."""
        with database_errors(), self._read.connect() as connection:
            row = connection.execute(_ANSWER, {"id": job_id}).one_or_none()
        return None if row is None else JobAnswer(*row)


class DatabaseJobInbox:
    """The ingesting half's side. Reads by `read`, writes by `write`; `now_ms` is the wall clock. One thread calls."""

    def __init__(self, read: Engine, write: Engine, now_ms: Callable[[], int]) -> None:
        self._read = read
        self._write = write
        self._now_ms = now_ms

    def waiting(self) -> list[Job]:
        """The jobs to be done, oldest first; what was asked more than 60 s ago is refused instead."""
        with database_errors(), self._read.connect() as connection:
            rows = connection.execute(_WAITING).all()
        expired_ms = self._now_ms() - _EXPIRED_MS
        for row in rows:
            if row.asked_ms < expired_ms:
                self.finish(row.id, _TOO_LATE)
        return [
            Job(row.id, row.kind, msgspec.json.decode(row.arguments), row.actor)
            for row in rows
            if row.asked_ms >= expired_ms
        ]

    def finish(self, job_id: str, answer: JobAnswer) -> None:
        """Keeps what became of a job; the first answer counts."""
        row = {"id": job_id, **answer._asdict(), "now_ms": self._now_ms()}
        with database_errors(), self._write.begin() as connection:
            connection.execute(_FINISH, row)
