"""What follows from how the connections are: who rests, whose tickers move, what is subscribed to and what let go.

Decides only: it calls no client and waits for nothing. What is to be done comes back as calls, in their order.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from src.core.domain.connection.assignment import WHOLE_MARKET, Assignment, Move
from src.core.domain.connection.event import ConnectionEvent, EventKind
from src.core.domain.connection.interruption import Interruption
from src.core.domain.connection.state import Ending
from src.core.domain.market.gaps import GapReason
from src.infrastructure.websocket.feed_line import Awaited, FeedLine

# After a gap, topics that are not acknowledged by then are taken to be refused: the gap is told all the same.
ACK_DEADLINE_S = 10.0
# One connection more than the plan grants is tried again after this, doubling up to the second: where the vendor ends
# the older connection, each try costs another one its place.
REST_S = 900.0
_LONGEST_REST_S = 14_400.0
# All of them up for so long: the plan grants them after all.
_GRANTED_AFTER_S = 60.0

Act = Callable[[], None]


class Awaiting(NamedTuple):
    """The tickers whose acknowledgement is awaited in one session of a connection."""

    line: FeedLine
    session: int
    tickers: tuple[str, ...]


class Hooks(NamedTuple):
    """Where news go: tickers of which something may have been missed until now; those that are missed from now on, and
    those that are heard again; what happened to connections.

    `on_interrupted` and `on_resumed` are called at once, in the order in which things happened: they may not wait.
    """

    on_incomplete: Callable[[Collection[str]], None]
    on_interrupted: Callable[[Interruption], None]
    on_resumed: Callable[[Collection[str]], None]
    on_event: Callable[[ConnectionEvent], None]
    now_ms: Callable[[], int]


class Switchboard:
    """The enabled connections and the books of their tickers. Not safe for threads: the manager's lock guards it."""

    def __init__(self, lines: Sequence[FeedLine], assignment: Assignment, hooks: Hooks) -> None:
        self._lines = {line.id: line for line in lines}
        self._assignment = assignment
        self._hooks = hooks
        self._by_hand: set[str] = set()  # of these moves an administrator's action told already
        self._rests = 0  # since all of them were up together
        self._all_up_s: float | None = None
        self._given: tuple[list[str], list[str], int] | None = None  # what tickers were last placed by
        self._unfinished = False  # some are still held by those that carried them before

    def awaiting(self) -> list[Awaiting]:
        """What to ask the clients about."""
        return [Awaiting(line, line.sessions, tuple(line.awaited)) for line in self._lines.values() if line.awaited]

    def move_by_hand(self, ticker: str, connection_id: str) -> None:
        """Takes an administrator's wish."""
        self._assignment.pin(ticker, connection_id)
        self._by_hand.add(ticker)

    def decide(self, missing: Sequence[tuple[Awaiting, Collection[str]]], now_s: float) -> list[Act]:
        """What is to be done, after the connections' state and what is not acknowledged of what was awaited."""
        acts = self._take_acknowledgements(missing, now_s)
        acts += self._mind_limits(now_s)
        self._listen(now_s)
        acts += self._place(now_s)
        acts += self._close_paused(now_s)
        acts += self._open_silent_anew(now_s)
        return acts

    # -- acknowledgements ----------------------------------------------------------------------------------------

    def _take_acknowledgements(self, missing: Sequence[tuple[Awaiting, Collection[str]]], now_s: float) -> list[Act]:
        """Forgets what is acknowledged; where that ends a gap, or takes too long to, all until now is incomplete.

        What is never acknowledged stays with the old carrier too: the feed may have refused it here, or be mute.
        """
        incomplete = set()
        resumed = set()
        for (line, session, tickers), unacknowledged in missing:
            if line.sessions != session:
                continue
            for ticker in tickers:
                awaited = line.awaited.get(ticker)
                if awaited is None:
                    continue
                acknowledged = ticker not in unacknowledged
                if awaited.gap_until_s is not None and (acknowledged or now_s >= awaited.gap_until_s):
                    incomplete.add(ticker)
                    line.awaited[ticker] = Awaited(None)
                if acknowledged:
                    del line.awaited[ticker]
                    resumed.add(ticker)
                    line.since_s = now_s if line.since_s is None else line.since_s
        if resumed:
            self._hooks.on_resumed(resumed)
        return [functools.partial(self._hooks.on_incomplete, incomplete)] if incomplete else []

    # -- what is missed ------------------------------------------------------------------------------------------

    def interrupt(self, line: FeedLine, detail: str) -> None:
        """A connection was lost: what no other one listens to is missed from now on."""
        self._tell_missed(line, [ticker for ticker in line.held if not self._hear_elsewhere(ticker, line)], detail)

    def _hear_elsewhere(self, ticker: str, line: FeedLine) -> bool:
        return any(
            other.hears and ticker in other.held and ticker not in other.awaited
            for other in self._lines.values()
            if other is not line
        )

    def _tell_missed(self, line: FeedLine, tickers: Collection[str], detail: str) -> None:
        if interruption := line.interruption(tickers, GapReason.DROP, detail):
            self._hooks.on_interrupted(interruption)

    # -- what the plan grants ------------------------------------------------------------------------------------

    def _mind_limits(self, now_s: float) -> list[Act]:
        acts: list[Act] = []
        self._note_all_up(now_s)
        for line in self._lines.values():
            if line.rest_until_s is not None:
                if now_s >= line.rest_until_s:
                    line.rest_until_s = None
                    acts.append(line.open)
            elif line.ending is Ending.TOO_MANY and line.allowed:
                others = [other for other in self._lines.values() if other is not line and other.allowed]
                if others:  # the last one goes on trying: another process may have the account's connections
                    line.ending = None
                    acts += self._rest(self._who_rests(line, others), len(others), now_s)
        return acts

    def _who_rests(self, line: FeedLine, others: Sequence[FeedLine]) -> FeedLine:
        """The one that was refused; but where it has the whole market, which nobody can take over, the one with the
        fewest tickers, in whose place it connects after its cool-down."""
        if self._assignment.owner(WHOLE_MARKET) != line.id:
            return line
        loads = self._assignment.loads()
        return min(others, key=lambda other: loads[other.id])

    def _note_all_up(self, now_s: float) -> None:
        if not all(line.up for line in self._lines.values()):
            self._all_up_s = None
        elif self._all_up_s is None:
            self._all_up_s = now_s
        elif now_s - self._all_up_s >= _GRANTED_AFTER_S:
            self._rests = 0

    def _rest(self, line: FeedLine, granted: int, now_s: float) -> list[Act]:
        rest_s = min(REST_S * 2**self._rests, _LONGEST_REST_S)
        self._rests += 1
        line.rest_until_s = now_s + rest_s
        again = datetime.fromtimestamp(self._hooks.now_ms() / 1000, UTC) + timedelta(seconds=rest_s)
        reason = (
            f"The plan grants {granted} of the {len(self._lines)} connections: this one rests, and is "
            f"tried again at {again:%H:%M} UTC."
        )
        event = self._event(line.id, EventKind.FEWER_GRANTED, reason)
        return [functools.partial(line.close, reason), functools.partial(self._hooks.on_event, event)]

    # -- who has gone silent -------------------------------------------------------------------------------------

    def _listen(self, now_s: float) -> None:
        heard = sum(line.messages for line in self._lines.values())
        loads = self._assignment.loads()
        for line in self._lines.values():
            others, expects = heard - line.messages, loads[line.id] > 0
            line.silent = line.hearing.look(line.messages, others, line.up, expects, now_s)

    def _open_silent_anew(self, now_s: float) -> list[Act]:
        """Who is silent is opened anew when others have taken over what can be moved: so nothing is missed by it,
        should the silence have been none."""
        acts: list[Act] = []
        for line in self._lines.values():
            if line.silent and not line.opens_anew and not line.presence.able and not self._hands_over(line):
                line.opens_anew = True
                quiet_s = line.hearing.quiet_s(now_s)
                reason = f"Nothing came for {quiet_s:.0f} s while the other connections heard; connecting anew."
                acts.append(functools.partial(line.open, reason, anew=True))
        return acts

    # -- who carries what ----------------------------------------------------------------------------------------

    def _place(self, now_s: float) -> list[Act]:
        """Settles who carries what, where anything changed since the last time, and what follows from it."""
        lines = self._lines.values()
        able = [line.id for line in lines if line.presence.look(line.hears, line.allowed, now_s)]
        live = [line.id for line in lines if line.hears and line.allowed]
        takers = [one for one in live if one in able] or live
        given = (able, takers, self._assignment.changes)
        if given == self._given and not self._unfinished:
            return []
        self._given = given
        moves = self._assignment.settle(able, takers)
        gaps = {move.ticker for move in moves if not self._lines[move.source].hears}
        for line in lines:
            if line.silent:
                moved = [move.ticker for move in moves if move.source == line.id]
                self._tell_missed(line, moved, f"{line.id} went silent while the others heard.")
        acts: list[Act] = [functools.partial(self._hooks.on_incomplete, gaps)] if gaps else []
        acts += self._subscribe(gaps, now_s)
        acts += self._unsubscribe()
        acts += [functools.partial(self._hooks.on_event, event) for event in self._events(moves)]
        self._unfinished = any(self._hands_over(line) for line in lines)
        return acts

    def _subscribe(self, gaps: Collection[str], now_s: float) -> list[Act]:
        acts: list[Act] = []
        for line in self._lines.values():
            added = [ticker for ticker in self._assignment.carried(line.id) if ticker not in line.held]
            if not added:
                continue
            line.held.update(added)
            if line.up:
                until_s = now_s + ACK_DEADLINE_S
                line.awaited |= {
                    ticker: Awaited(until_s if ticker in gaps or self._is_new(ticker, line) else None)
                    for ticker in added
                }
            acts.append(functools.partial(line.client.subscribe, added))
        return acts

    def _is_new(self, ticker: str, line: FeedLine) -> bool:
        """Whether nobody else holds it: of what has begun nothing was heard."""
        return not any(ticker in other.held for other in self._lines.values() if other is not line)

    def _unsubscribe(self) -> list[Act]:
        acts: list[Act] = []
        for line in self._lines.values():
            dropped = sorted(ticker for ticker in line.held if self._may_go(ticker, line))
            if not dropped:
                continue
            line.held.difference_update(dropped)
            for ticker in dropped:
                line.awaited.pop(ticker, None)
            acts.append(functools.partial(line.client.unsubscribe, dropped))
        return acts

    def _may_go(self, ticker: str, line: FeedLine) -> bool:
        """Whether a connection can let go of a ticker: nothing is missed by it."""
        carrier = self._assignment.carrier(ticker)
        if carrier == line.id:
            return False
        if carrier is None or not line.up:
            return True
        taker = self._lines[carrier]
        return taker.up and ticker in taker.held and ticker not in taker.awaited

    def _close_paused(self, now_s: float) -> list[Act]:
        acts: list[Act] = []
        for line in self._lines.values():
            if line.close_by_s is not None and (not self._hands_over(line) or now_s >= line.close_by_s):
                line.close_by_s = None
                acts.append(functools.partial(line.close, f"Paused by {line.paused_by}."))
        return acts

    def _hands_over(self, line: FeedLine) -> bool:
        """Whether it still holds what others are to carry, or carry already."""
        return any(self._assignment.carrier(ticker) != line.id for ticker in line.held)

    # -- what is told --------------------------------------------------------------------------------------------

    def _events(self, moves: Sequence[Move]) -> list[ConnectionEvent]:
        lost: dict[str, dict[str, int]] = {}
        returned: dict[str, int] = {}
        for ticker, source, target in moves:
            if ticker in self._by_hand:
                continue
            if target == self._assignment.owner(ticker):
                returned[target] = returned.get(target, 0) + 1
            else:
                counts = lost.setdefault(source, {})
                counts[target] = counts.get(target, 0) + 1
        self._by_hand.clear()
        return [
            *(self._event(one, EventKind.TICKERS_MOVED, _moved(counts)) for one, counts in lost.items()),
            *(
                self._event(one, EventKind.TICKERS_RETURNED, f"{count} of its tickers are back on it.")
                for one, count in returned.items()
            ),
        ]

    def _event(self, connection_id: str, kind: EventKind, reason: str) -> ConnectionEvent:
        return ConnectionEvent(connection_id, self._hooks.now_ms(), kind, reason)


def _moved(counts: Mapping[str, int]) -> str:
    places = " and ".join(f"{count} to {target}" for target, count in counts.items())
    return f"{sum(counts.values())} tickers that it carried moved: {places}."
