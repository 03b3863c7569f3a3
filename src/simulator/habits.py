"""How the REST side departs from what the feed sent, and which minutes it happens to."""

from typing import NamedTuple

from src.simulator.bars import SHARE_MICRO
from src.simulator.noise import digest, uniform

# Quantiles of the delays, early more often than late: 16 minutes to 12 hours, and 5 to 60 minutes.
_CORRECTED_AFTER_MS = [round(960_000 * 45 ** (b / 255)) for b in range(256)]
_CANCELLED_AFTER_MS = [round(300_000 * 12 ** (b / 255)) for b in range(256)]


class RestHabits(NamedTuple):
    """How the REST side departs from the feed; nothing of it unless asked for.

    `lag_s`: the most by which it is behind; each symbol has a lag of its own between 0 and that. `contradict` and
    `cancel` are shares of minutes (0 to 1): those it corrects after the feed's last word on them, 16 minutes to
    12 hours late, and those it leaves out 5 to 60 minutes after they ended although the feed sent them.
    """

    lag_s: float = 0.0
    contradict: float = 0.0
    cancel: float = 0.0


FAITHFUL = RestHabits()


class Fate(NamedTuple):
    """What becomes of a minute how long after its end (milliseconds); None for what does not."""

    cancelled_after_ms: int | None = None
    corrected_after_ms: int | None = None
    # Random: by how much it is corrected, and in which direction.
    choice: int = 0

    def corrected(self, volume_micro: int) -> tuple[int, bool]:
        """A corrected minute's volume (millionths of a share), and whether it loses the prices beyond its ends.

        Late trades add 1 to 10 % of the volume; a print that is taken back goes with as much of it.
        """
        change_micro = max(1, volume_micro // SHARE_MICRO * (1 + self.choice % 10) // 100) * SHARE_MICRO
        if self.choice % 2 and 2 * change_micro < volume_micro:
            return volume_micro - change_micro, True
        return volume_micro + change_micro, False


_ORDINARY = Fate()


class Fates:
    """The fate of every minute, by the seed alone."""

    def __init__(self, seed: int, habits: RestHabits) -> None:
        self._seed = seed
        self._habits = habits

    def of(self, symbol: str, minute: int) -> Fate:
        """What becomes of `minute` (minutes since the epoch) of `symbol`."""
        if not self._habits.contradict and not self._habits.cancel:
            return _ORDINARY
        key = f"{self._seed}/rest/{symbol}/".encode()
        delay, choice = digest(key, minute, 2)
        if uniform(key + b"cancel", minute) < self._habits.cancel:
            return Fate(cancelled_after_ms=_CANCELLED_AFTER_MS[delay])
        if uniform(key + b"contradict", minute) < self._habits.contradict:
            return Fate(corrected_after_ms=_CORRECTED_AFTER_MS[delay], choice=choice)
        return _ORDINARY
