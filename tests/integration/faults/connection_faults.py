"""Rows of the table: what happens to connections."""

from collections.abc import Callable, Sequence

from src.core.domain.market.gaps import GapReason
from src.simulator.faults import (
    AuthTimeout,
    Deaf,
    Drop,
    DropAt,
    Error,
    ForceDisconnect,
    MaxConnections,
    Mute,
    NoRealTime,
    Outage,
    RefuseAuth,
    SlowConsumer,
    SlowTcp,
    Standing,
)
from src.simulator.feed_faults import Malformed, PartialAck, SendMalformed
from tests.integration.faults.market import Market
from tests.integration.faults.scene import QUIET_SPEED, Event, Scene
from tests.integration.faults.table import Fault, Window, act, begin, drop, during

# With five tickers, two of which nobody trades, a silence of five minutes in the session is no calm.
_FIVE = {"SYMBOLS": "{0},{1},{2},ZZA,ZZB"}
_DROPPED = (GapReason.DROP,)
_BEFORE_THE_CLOSE = Window("15:48", 14)
# With a hundred, one of 20 s is none either; at night it is.
_HUNDRED = {"SYMBOLS": ",".join(["{0},{1},{2}", *(f"ZZ{number:03d}" for number in range(97))]), "BACKFILL_DAYS": "0"}
_THREE = {
    "USE_MULTI_CONNECTION": "true",
    "WEBSOCKET_CONNECTION_1_ENABLED": "true",
    "WEBSOCKET_CONNECTION_1_SYMBOLS": "{0},ZZA",
    "WEBSOCKET_CONNECTION_2_ENABLED": "true",
    "WEBSOCKET_CONNECTION_2_SYMBOLS": "{1},ZZB",
    "WEBSOCKET_CONNECTION_3_ENABLED": "true",
    "WEBSOCKET_CONNECTION_3_SYMBOLS": "{2},ZZC",
    "SYMBOLS": "",
}


def _closed(code: int) -> Fault:
    return Fault(f"closed with {code}", lambda at_s: [act(at_s, Drop(code=code))], opens=_DROPPED)


def _dropped_into(name: str, fault: Callable[[], Standing], fast: str = "") -> Fault:
    """A drop while a fault is in force that hinders the way back."""
    return Fault(name, lambda at_s: [begin(at_s - 1, fault()), drop(at_s)], fast=fast, opens=_DROPPED)


def _after_a_drop(name: str, how: str) -> Fault:
    return _dropped_into(name, lambda: Outage(how=how, for_s=70))


def _flap(times: int) -> Callable[[float], Sequence[Event]]:
    return lambda at_s: [drop(at_s + 2 * number) for number in range(times)]


def _refused(at_s: float, answer: str) -> Event:
    """The minutes of one symbol and the seconds of another are not granted for a minute."""

    def refuse(scene: Scene) -> None:
        topics = (f"AM.{scene.market.symbols[0]}", f"A.{scene.market.symbols[1]}")
        scene.simulator.faults.begin(PartialAck(topics=topics, answer=answer, for_s=60))

    return Event(at_s - 1, refuse)


def _spoiled(scene: Scene) -> Callable[[], None]:
    """The feed shows the certificate of another host."""
    assert scene.relay is not None
    return scene.relay.spoil()


def _dead_line() -> list[Standing]:
    return [Mute(connections=(1,)), Deaf(connections=(1,))]


def _muted_all_night(_at_s: float) -> Sequence[Event]:
    """From shortly after the post-market's end on, for three hours."""
    return [
        begin(490, Mute()),
        Event(495, lambda scene: scene.clock.race(QUIET_SPEED)),
        Event(490 + 3 * 3600, lambda _scene: None),
    ]


def _number(scene: Scene) -> int:
    """That of the one connection that stands: how many there were."""
    (number,) = [int(shown["connection"]) for shown in scene.simulator.faults.state()["connections"]]
    return number


def _never_reconnected(scene: Scene) -> None:
    assert _number(scene) == 1


def _reconnected(scene: Scene) -> None:
    """Once by its own doing; a busy machine may have let it wait for too long once more."""
    assert _number(scene) >= 2


def _standstill(at_s: float, for_s: float) -> Sequence[Event]:
    """The whole process stands still, as a machine that sleeps."""

    def hold(scene: Scene) -> Callable[[], object]:
        scene.program.hold()
        return scene.program.go_on

    return during(at_s, for_s, hold)


FAULTS = [
    Fault("dropped", lambda at_s: [drop(at_s)], fast="sqlite", opens=_DROPPED),
    Fault("reset", lambda at_s: [act(at_s, Drop(how="reset"))], opens=_DROPPED),
    Fault("ended within a frame", lambda at_s: [act(at_s, Drop(half_frame=True))], opens=_DROPPED),
    *[_closed(code) for code in (1000, 1001, 1005, 1008, 1011, 1012)],
    _after_a_drop("refused: nothing listens", "closed"),
    Fault("TLS fails", lambda at_s: [*during(at_s - 1, 70, _spoiled), drop(at_s)], tls=True, opens=_DROPPED),
    _after_a_drop("upgrade answered 403", "403"),
    _after_a_drop("upgrade answered 429", "429"),
    _after_a_drop("upgrade answered 503", "503"),
    _after_a_drop("accepted, then silence", "silent"),
    _dropped_into("dropped in place of auth_success", lambda: DropAt(point="auth", for_s=60)),
    _dropped_into("dropped in place of an acknowledgement", lambda: DropAt(point="subscribe", for_s=60)),
    _dropped_into(
        "dropped between acknowledgement and data", lambda: DropAt(point="acknowledged", for_s=60), "postgresql"
    ),
    _dropped_into("auth_failed", lambda: RefuseAuth(for_s=60)),
    _dropped_into("auth_timeout", lambda: AuthTimeout(for_s=60)),
    _dropped_into("no real-time data", lambda: NoRealTime(for_s=60)),
    Fault("max_connections", lambda at_s: [begin(at_s, MaxConnections(limit=0, for_s=60))], opens=_DROPPED),
    Fault("topics refused with not authorized", lambda at_s: [_refused(at_s, "not_authorized"), drop(at_s)]),
    Fault("topics not answered", lambda at_s: [_refused(at_s, "none"), drop(at_s)]),
    Fault("slow_consumer", lambda at_s: [act(at_s, SlowConsumer())], opens=_DROPPED),
    Fault("force_disconnect", lambda at_s: [act(at_s, ForceDisconnect())], opens=_DROPPED),
    Fault("an error that names nothing", lambda at_s: [act(at_s, Error())]),
    Fault(
        "mute in session",
        lambda at_s: [begin(at_s, Mute(connections=(1,)))],
        settings=_FIVE,
        window=_BEFORE_THE_CLOSE,
        alone=True,
        opens=_DROPPED,
        shows=_reconnected,
    ),
    Fault(
        "mute at night",
        _muted_all_night,
        alters=Market.without_past,
        settings=_HUNDRED,
        window=Window("15:52", 8, "2025-11-20", "2025-11-19", at="19:52"),
        alone=True,
        opens=(),
        shows=_never_reconnected,
    ),
    Fault("mute, and deaf to pings", lambda at_s: [begin(at_s, dead) for dead in _dead_line()], opens=_DROPPED),
    Fault("mute for 40 s, then dropped", lambda at_s: [begin(at_s, Mute(for_s=40)), drop(at_s + 40)], opens=_DROPPED),
    Fault("deaf to pings, while data comes", lambda at_s: [begin(at_s, Deaf(for_s=90))]),
    Fault("flapping ten times", _flap(10), opens=_DROPPED),
    Fault("dropped every 2 s, 200 times", _flap(200), at_s=30, alone=True, opens=_DROPPED),
    Fault("a line that trickles", lambda at_s: [begin(at_s, SlowTcp(bytes_per_s=300, for_s=60))]),
    Fault(
        "unreadable frames",
        lambda at_s: [act(at_s, SendMalformed()), begin(at_s, Malformed(share=0.2, for_s=60))],
        opens=(GapReason.FRAME,),
    ),
    Fault(
        "bytes that are no text",
        lambda at_s: [act(at_s, SendMalformed(kinds=("bad_utf8",)))],
        opens=(),  # the others of its frame are read, and it was one of ours
    ),
    Fault("the reader stands still for 30 s", lambda at_s: _standstill(at_s, 30)),
    Fault(
        "the reader stands still, and is dropped for it",
        lambda at_s: [*_standstill(at_s, 30), act(at_s + 25, SlowConsumer())],
    ),
    Fault(
        "one of three connections lost",
        lambda at_s: [begin(at_s - 1, Outage(how="503", for_s=40)), act(at_s, Drop(connections=(2,)))],
        settings=_THREE,
        alone=True,
        opens=_DROPPED,
    ),
]
