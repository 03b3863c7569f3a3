"""How a service ended, and whom to signal while all of them stop: decisions and nothing else."""

import signal
from collections.abc import Collection, Sequence

# What a stop may take: whoever is asked first has this long before the next is asked, too, ...
NEXT_ASKED_AFTER_S = 7.0
# ... and whoever is still there after this is killed.
KILLED_AFTER_S = 8.0


class StopPlan:
    """Whom to signal when, from the moment `started_s` of a stop on.

    `order` names the services: each is asked (SIGTERM) when those before it are gone, so that the web
    server commits what it holds while the feed is still there.
    """

    def __init__(self, order: Sequence[str], started_s: float) -> None:
        self._order = order
        self._started_s = started_s
        self._asked: set[str] = set()
        self._hurried = False

    def hurry(self) -> None:
        """From now on whoever is still there is killed at once."""
        self._hurried = True

    def signals(self, alive: Collection[str], now_s: float) -> list[tuple[str, signal.Signals]]:
        """The signals due now to services of `alive`; SIGTERM comes once, SIGKILL until they are gone."""
        waited_s = now_s - self._started_s
        present = [name for name in self._order if name in alive]
        if self._hurried or waited_s >= KILLED_AFTER_S:
            return [(name, signal.SIGKILL) for name in present]
        due = present if waited_s >= NEXT_ASKED_AFTER_S else present[:1]
        fresh = [name for name in due if name not in self._asked]
        self._asked.update(fresh)
        return [(name, signal.SIGTERM) for name in fresh]


def describe_exit(status: int) -> str:
    """How a process ended, in words; `status` is as subprocess gives it, negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
