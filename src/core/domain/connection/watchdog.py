"""Whether a session with the feed is dead or mute. Pure: times are arguments, in seconds that never step back.

A server can go mute and keep the connection, answers to pings included; so these prove nothing of the data, nor does
their absence while data come. How long data may stay away depends on the market's phase and on how many tickers are
listened to: quiet is normal at night and for a ticker that trades thinly, and is not for a hundred at ten o'clock.
"""

from typing import NamedTuple

from src.core.domain.market.session import Phase

PING_EVERY_S = 20.0
# Neither data nor an answer to pings for this long: the connection is dead, whatever TCP thinks.
DEAD_S = 45.0
# So long a subscription may remain without any answer, be it a refusal.
UNANSWERED_S = 30.0
# What passes between two looks counts as this much at most: who was stopped could not hear either.
_LONGEST_LOOK_S = 1.0
_LENIENT_S = 120.0
_LONGEST_PATIENCE_S = 900.0
# By the least number of tickers.
_PATIENCE_S = ((100, 20.0), (20, 60.0), (5, 300.0), (0, 1200.0))
_TIMES_LONGER_EXTENDED = 10
_LEAST_EXTENDED = 20
# Aggregates of minutes alone come in one go, some seconds after each minute.
_MINUTES_ALONE_S = 150.0
# The others send, where the last of them is not older.
_FLOWING_S = 60.0


class Breadth(NamedTuple):
    """What is subscribed to, and acknowledged: how many tickers, whether all there are, and whether by the second."""

    tickers: int
    whole_market: bool
    seconds: bool


class Signs(NamedTuple):
    """What a session gave to hear until now, and what may be expected of it.

    `heard` counts frames and answers to pings, `data` frames of aggregates; both only grow. `answered`: whether the
    feed said anything since the subscription, or nothing is subscribed to. `working_on` is the number of the frame that
    was read and is being worked on, so that nothing can be heard; None while the next one is waited for.
    """

    heard: int
    data: int
    answered: bool
    working_on: int | None
    phase: Phase
    breadth: Breadth


class Advice(NamedTuple):
    """Whether to send a ping now; and why to end the session, a sentence, None to go on."""

    ping: bool
    end: str | None


def patience_s(phase: Phase, breadth: Breadth) -> float | None:
    """How long no data may come; None for as long as it likes."""
    whole, tickers = breadth.whole_market, breadth.tickers
    if phase is Phase.CLOSED or not (whole or tickers):
        return None
    base_s = next(base_s for least, base_s in _PATIENCE_S if whole or tickers >= least)
    if phase is not Phase.REGULAR:
        if not whole and tickers < _LEAST_EXTENDED:
            return None
        base_s *= _TIMES_LONGER_EXTENDED
    return base_s if breadth.seconds else max(base_s, _MINUTES_ALONE_S)


class Watchdog:
    """Watches the sessions of one connection, one after the other. Not safe for threads: its owner serialises calls.

    Its seconds are those in which somebody looked: a machine that slept, or a process that was stopped, has heard
    nothing in that time and proves nothing.
    """

    def __init__(self) -> None:
        self.time_s = 0.0  # seconds in which somebody looked
        self.trading_s = 0.0  # of them, those of regular sessions in which data came
        self._looked_s: float | None = None
        self._working_on: int | None = None
        self._heard = self._data = 0
        self._heard_s = self._data_s = self._pinged_s = self._began_s = 0.0
        self._phase: Phase | None = None
        self._phase_s = self._lenient_until_s = 0.0
        self._times_longer = 1  # after reconnects that brought no data

    def pass_time(self, now_s: float, working_on: int | None = None) -> None:
        """Takes the time; to be called at every look where there is no session."""
        stuck = working_on is not None and working_on == self._working_on
        if self._looked_s is not None and not stuck:
            self.time_s += min(max(now_s - self._looked_s, 0.0), _LONGEST_LOOK_S)
        self._looked_s, self._working_on = now_s, working_on

    def begin(self) -> None:
        """A session begins: its key was accepted."""
        self._heard_s = self._data_s = self._pinged_s = self._began_s = self.time_s

    def look(self, signs: Signs, now_s: float) -> Advice:
        """What to do with a session at `now_s`."""
        before_s = self.time_s
        self.pass_time(now_s, signs.working_on)
        self._listen(signs)
        self._follow_phase(signs.phase)
        if signs.phase is Phase.REGULAR and self.time_s - self._data_s <= _FLOWING_S:
            self.trading_s += self.time_s - before_s
        ping = self.time_s - self._pinged_s >= PING_EVERY_S
        if ping:
            self._pinged_s = self.time_s
        return Advice(ping, self._why_to_end(signs))

    def _listen(self, signs: Signs) -> None:
        if signs.heard != self._heard:
            self._heard, self._heard_s = signs.heard, self.time_s
        if signs.data != self._data:
            self._data, self._data_s = signs.data, self.time_s
            self._times_longer = 1

    def _follow_phase(self, phase: Phase) -> None:
        if phase is self._phase:
            return
        if self._phase is not None:  # else nothing is known of when it began
            self._phase_s = self.time_s
            self._lenient_until_s = self.time_s + _LENIENT_S
        self._phase = phase

    def _why_to_end(self, signs: Signs) -> str | None:
        if self.time_s - self._heard_s > DEAD_S:
            return f"Neither data nor an answer to pings for {DEAD_S:.0f} s."
        if not signs.answered:
            return self._mute(UNANSWERED_S, self._began_s, "The feed has not answered the subscription")
        allowed_s = patience_s(signs.phase, signs.breadth)
        if allowed_s is None or self.time_s < self._lenient_until_s:
            return None
        since_s = max(self._data_s, self._phase_s)
        return self._mute(allowed_s, since_s, f"No data of {_of(signs.breadth)} came {_WHEN[signs.phase]}")

    def _mute(self, allowed_s: float, since_s: float, words: str) -> str | None:
        longest_s = max(allowed_s, _LONGEST_PATIENCE_S)
        quiet_s = self.time_s - since_s
        if quiet_s <= min(allowed_s * self._times_longer, longest_s):
            return None
        self._times_longer *= 2
        return f"{words} for {_span(quiet_s)}."


_WHEN = {
    Phase.PRE: "before the market's opening",
    Phase.REGULAR: "in the regular session",
    Phase.POST: "after the market's close",
}


def _of(breadth: Breadth) -> str:
    if breadth.whole_market:
        return "the whole market"
    return f"{breadth.tickers} tickers" if breadth.tickers > 1 else "one ticker"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
