"""One client's conversation: what it asks, what it is answered, what it holds. Knows no socket."""

import hmac
import json
from collections.abc import Sequence
from typing import NamedTuple

from src.simulator.faults import AuthTimeout, NoRealTime, OnConnections, RefuseAuth
from src.simulator.feed_faults import PartialAck
from src.simulator.wire import CHANNELS, Event, status

AUTH_TIMEOUT_MESSAGE = "No authentication request received."


class Reply(NamedTuple):
    """Elements that answer a message, all in one frame, and whether the connection ends with them."""

    elements: list[str]
    drop: bool = False


class Session:
    """The state of one connection: authenticated or not, and the topics it is subscribed to.

    `key` is the only API key that is accepted; None accepts any but an empty one.
    """

    def __init__(self, key: str | None = None) -> None:
        self._key = key
        self._authenticated_key: str | None = None
        self._topics: set[str] = set()
        self._whole_channels: frozenset[str] = frozenset()

    @property
    def authenticated(self) -> bool:
        """Whether a key was accepted."""
        return self._authenticated_key is not None

    @property
    def point(self) -> str:
        """How far the conversation has come."""
        return "subscribed" if self._topics else "authenticated" if self.authenticated else "greeted"

    def shares_key(self, other: "Session") -> bool:
        """Whether both are authenticated, with the same key."""
        return self.authenticated and self._authenticated_key == other._authenticated_key

    @property
    def topics(self) -> frozenset[str]:
        """What the client is subscribed to, as it spelt it (`A.AAPL`, `AM.*`)."""
        return frozenset(self._topics)

    def wants(self, event: Event) -> bool:
        """Whether the client is subscribed to the event."""
        return event.topic in self._topics or event.channel in self._whole_channels

    def receive(self, message: str | bytes, faults: Sequence[OnConnections] = ()) -> Reply:
        """Answer one message of the client as the faults in force make it."""
        try:
            request = json.loads(message)
            action, params = request["action"], request.get("params", "")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return _error("A message is a JSON object with an action and its params.")
        if not isinstance(params, str):
            return _error("params is a string.")
        return self._act(action, params, faults)

    def _act(self, action: object, params: str, faults: Sequence[OnConnections]) -> Reply:
        if action == "auth":
            return self._authenticate(params, faults)
        if action not in ("subscribe", "unsubscribe"):
            return _error("The actions are auth, subscribe and unsubscribe.")
        if not self.authenticated:
            return _error("not authenticated")
        topics = [topic for topic in map(str.strip, params.split(",")) if _is_known(topic)]
        if action == "unsubscribe":
            return Reply(self._unsubscribe(topics))
        return Reply(_plan_errors(faults) or self._subscribe(topics, faults))

    def _authenticate(self, key: str, faults: Sequence[OnConnections]) -> Reply:
        self._authenticated_key = None
        refused = _refused(faults)
        if refused is not None:
            return Reply([refused], drop=True)
        accepted = key if self._key is None else self._key
        if not key or not hmac.compare_digest(_bytes(key), _bytes(accepted)):
            return Reply([status("auth_failed", "authentication failed")], drop=True)
        self._authenticated_key = key
        return Reply([status("auth_success", "authenticated"), *_plan_errors(faults)])

    def _subscribe(self, topics: list[str], faults: Sequence[OnConnections]) -> list[str]:
        acks: list[str] = []
        errors: dict[str, list[str]] = {"first": [], "last": []}
        # The real feed does not answer for a topic that is held already.
        for topic in [topic for topic in dict.fromkeys(topics) if topic not in self._topics]:
            refusal = _refusal(topic, faults)
            if refusal is None:
                self._topics.add(topic)
                acks.append(status("success", f"subscribed to: {topic}"))
            elif refusal.answer == "not_authorized":
                errors[refusal.errors].append(status("error", "not authorized"))
        self._find_whole_channels()
        return errors["first"] + acks + errors["last"]

    def _unsubscribe(self, topics: list[str]) -> list[str]:
        acks = []
        for topic in topics:
            if topic in self._topics:
                self._topics.remove(topic)
                acks.append(status("success", f"unsubscribed to: {topic}"))
        self._find_whole_channels()
        return acks

    def _find_whole_channels(self) -> None:
        self._whole_channels = frozenset(c for c in CHANNELS if f"{c}.*" in self._topics)


def _is_known(topic: str) -> bool:
    """Whether the topic is of a channel served here; others are met with silence, as on the real feed."""
    # The channel ends at the first dot: tickers have dots of their own (`AM.BRK.B`).
    channel, _dot, ticker = topic.partition(".")
    return channel in CHANNELS and bool(ticker)


def _refused(faults: Sequence[OnConnections]) -> str | None:
    """The element that every key is answered with, if a fault wants that."""
    for fault in faults:
        if isinstance(fault, RefuseAuth):
            return status("auth_failed", fault.message)
        if isinstance(fault, AuthTimeout):
            return status("auth_timeout", AUTH_TIMEOUT_MESSAGE)
    return None


def _refusal(topic: str, faults: Sequence[OnConnections]) -> PartialAck | None:
    """The fault that refuses the topic, if one does."""
    return next((fault for fault in faults if isinstance(fault, PartialAck) and fault.refuses(topic)), None)


def _plan_errors(faults: Sequence[OnConnections]) -> list[str]:
    """What a key without real-time data is told."""
    return [status("error", fault.message) for fault in faults if isinstance(fault, NoRealTime)]


def _error(message: str) -> Reply:
    return Reply([status("error", message)])


def _bytes(key: str) -> bytes:
    # JSON can spell lone surrogates, which plain UTF-8 refuses.
    return key.encode("utf-8", "surrogatepass")
