"""The faults of connections that a server has on command, with their parameters.

What they do stands where it happens; `feed_faults` has those of topics and events, `catalogue` all by name.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from src.simulator.parameters import (
    Choice,
    Connections,
    FaultError,
    Number,
    Switch,
    Text,
    Whole,
    option,
    parameter_of,
    refusal,
    required,
)

# What a client reports as its close code when a close frame had none, and when there was no close frame.
NO_CODE, NO_CLOSE_FRAME = 1005, 1006
# What fits into a close frame beside its code.
_LONGEST_REASON_BYTES = 123
_MESSAGE = Text(1, 10_000)
LONGEST_S = 1e6
# What REST can be made to answer with.
REST_STATUSES = ("401", "403", "404", "429", "500", "502", "503")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong. `FaultError` when a parameter is not allowed."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, parameter = getattr(self, field.name), parameter_of(field)
            if value is not None and not parameter.accepts(value):
                raise refusal(field.name, parameter, value)

    def parameters(self) -> dict[str, Any]:
        """Its parameters by name, as plain values."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Fault):
    """What happens at once, to connections that stand (all of them, or those that `connections` numbers)."""

    connections: tuple[int, ...] = option((), Connections())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Fault):
    """What is in force for `for_s` seconds of the server's clock, or until it is ended."""

    for_s: float | None = option(None, Number(0.001, LONGEST_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class OnConnections(Standing):
    """What is in force on present and future connections, all of them or those that `connections` numbers."""

    connections: tuple[int, ...] = option((), Connections())


# -- at once -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop(Action):
    """Ends connections with a close frame of any `code`, even one that the protocol forbids.

    Code 1005 is a close frame without a code, 1006 no close frame: the stream ends (`fin`) or is reset (`reset`), after
    half a data frame if asked for. What was not written yet is lost.
    """

    name = "drop"
    code: int = option(NO_CLOSE_FRAME, Whole(0, 65535))
    reason: str = option("", Text(0, _LONGEST_REASON_BYTES))
    how: str = option("fin", Choice("fin", "reset"))
    half_frame: bool = option(False, Switch())

    def __post_init__(self) -> None:
        Action.__post_init__(self)
        if self.reason and self.code in (NO_CODE, NO_CLOSE_FRAME):
            raise FaultError(f"A reason needs a close frame with a code: code {self.code} stands for none.")
        if self.code != NO_CLOSE_FRAME and (self.half_frame or self.how == "reset"):
            raise FaultError(f"half_frame and how=reset go without a close frame: leave out code {self.code}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowConsumer(Action):
    """Tells clients that they read too slowly, and ends their connections without a close frame."""

    name = "slow_consumer"
    message: str = option("You are reading too slowly; the connection is closed.", _MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceDisconnect(Action):
    """Tells clients so and ends their connections without a close frame."""

    name = "force_disconnect"
    message: str = option("The server ends this connection.", _MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(Action):
    """A status `error`, after which the connection goes on."""

    name = "error"
    message: str = option("not authorized", _MESSAGE)


# -- standing: authentication, topics and connections --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseAuth(OnConnections):
    """Every key is refused, and the socket dropped without a close frame."""

    name = "refuse_auth"
    message: str = option("authentication failed", _MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthTimeout(OnConnections):
    """Whoever authenticates is told that nothing came in time, and dropped without a close frame."""

    name = "auth_timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRealTime(OnConnections):
    """Keys are those of the delayed host: accepted, then told so, and every subscription is refused with the same."""

    name = "no_real_time"
    message: str = option(
        "You don't have access real-time data. If your plan has delayed data, use the delayed host.", _MESSAGE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxConnections(Standing):
    """At most `limit` connections a key: the `evict` ones (`older`, `newer`) are told so and closed with code 1008.

    A connection counts from its authentication on (`auth`) or from its first acknowledged topic on (`subscribe`).
    """

    name = "max_connections"
    limit: int = option(1, Whole(0, 10_000))
    evict: str = option("older", Choice("older", "newer"))
    after: str = option("auth", Choice("auth", "subscribe"))
    message: str = option(
        "Maximum number of websocket connections exceeded. You have reached the connection limit of your account.",
        _MESSAGE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Standing):
    """No new WebSocket connection: refused with an HTTP status, or accepted and never answered (`silent`), or nothing
    listens at the port (`closed`), not even for REST. With 429 comes Retry-After: `retry_after_s`."""

    name = "outage"
    how: str = option("503", Choice("403", "429", "503", "silent", "closed"))
    retry_after_s: int = option(30, Whole(0, 10**6))

    def __post_init__(self) -> None:
        Standing.__post_init__(self)
        if self.how == "closed" and self.for_s is None:
            raise FaultError("An outage that closes the port needs for_s: the control endpoint is at that port, too.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAt(OnConnections):
    """Connections end without a close frame when they come to a point: the key is not answered (`auth`), the first
    topics are not (`subscribe`), or they are and nothing follows (`acknowledged`)."""

    name = "drop_at"
    point: str = required(Choice("auth", "subscribe", "acknowledged"))


# -- standing: REST ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RestTrouble(Standing):
    """REST answers with an HTTP status, or with a page that lacks its results (`empty`), is cut short (`malformed`),
    or goes on at its own address (`loop`) or at another host's (`foreign`). With 429 comes Retry-After."""

    name = "rest_trouble"
    how: str = option("500", Choice(*REST_STATUSES, "empty", "malformed", "loop", "foreign"))
    retry_after_s: int = option(7, Whole(0, 10**6))


@dataclass(frozen=True, slots=True, kw_only=True)
class RestLate(Standing):
    """REST knows only what it knew `by_s` seconds ago."""

    name = "rest_late"
    by_s: float = required(Number(0.001, LONGEST_S))


# -- standing: the line --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(OnConnections):
    """Nothing is sent but answers to pings and close frames. What would have been sent is lost."""

    name = "mute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaf(OnConnections):
    """Pings are not answered."""

    name = "deaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowTcp(OnConnections):
    """Everything, pongs too, leaves at so many bytes a second of the server's clock."""

    name = "slow_tcp"
    bytes_per_s: int = required(Whole(1, 10**9))
