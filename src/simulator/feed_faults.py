"""The faults of topics and events that a server has on command, with their parameters."""

from collections.abc import Collection
from dataclasses import dataclass

from src.simulator.faults import LONGEST_S, Action, OnConnections
from src.simulator.malformed import GARBAGE, RESPELLINGS, USUAL_GARBAGE
from src.simulator.noise import uniform
from src.simulator.parameters import Choice, Number, Topics, Whole, Words, option, required

_SHARE = Number(0, 1)
_SEED = Whole(0, 2**63 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMalformed(Action):
    """One piece of garbage of each of the kinds."""

    name = "send_malformed"
    kinds: tuple[str, ...] = option(USUAL_GARBAGE, Words(GARBAGE))


def matches(topics: Collection[str], topic: str) -> bool:
    """Whether `topic` is one of `topics` or of a channel whose wildcard (`AM.*`) is one of them."""
    return topic in topics or f"{topic.partition('.')[0]}.*" in topics


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentTopic(OnConnections):
    """The topics are acknowledged and send nothing."""

    name = "silent_topic"
    topics: tuple[str, ...] = required(Topics())


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn(OnConnections):
    """What happens to a share of things, drawn by `seed`: the same thing has the same fate on every connection."""

    share: float = option(0.1, _SHARE)
    seed: int = option(7, _SEED)

    def draws(self, text: str) -> bool:
        """Whether `text` is among the share."""
        return self.draw(text, 0) < self.share

    def draw(self, text: str, index: int) -> float:
        """A number in [0, 1) that depends on the seed, the text and the index; index 0 decides `draws`."""
        return uniform(f"{self.seed}/{self.name}/{text}".encode("utf-8", "surrogatepass"), index)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialAck(Drawn):
    """Some new topics are refused: those of `topics`, or else a share.

    Each gets no answer (`none`) or an `error` that names no topic (`not_authorized`), before (`first`) or after
    (`last`) the acknowledgements of the others, and sends nothing.
    """

    name = "partial_ack"
    topics: tuple[str, ...] | None = option(None, Topics())
    answer: str = option("not_authorized", Choice("not_authorized", "none"))
    errors: str = option("first", Choice("first", "last"))

    def refuses(self, topic: str) -> bool:
        """Whether the topic is refused."""
        return self.draws(topic) if self.topics is None else matches(self.topics, topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate(Drawn):
    """A share of events is sent twice, at once."""

    name = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder(Drawn):
    """A share of windows comes late by up to `within_s` seconds of the server's clock.

    The versions of one window keep their order: which one is right is told by nothing else.
    """

    name = "reorder"
    share: float = option(1.0, _SHARE)
    within_s: float = option(1.0, Number(0.001, LONGEST_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(OnConnections):
    """Everything comes late by so many seconds of the server's clock, in its order, answers to requests too."""

    name = "delay"
    by_s: float = required(Number(0.001, LONGEST_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend(Drawn):
    """A share of events is sent in two versions, the second `after_s` seconds after the first.

    The one that comes last, which counts, is a `changed` one, or the `original` after a changed one.
    """

    name = "resend"
    after_s: float = option(3.0, Number(0.001, LONGEST_S))
    last: str = option("changed", Choice("changed", "original"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed(Drawn):
    """Garbage before a share of events, which themselves are sent all the same."""

    name = "malformed"
    kinds: tuple[str, ...] = option(USUAL_GARBAGE, Words(GARBAGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Respell(Drawn):
    """A share of events is sent in another spelling that says the same."""

    name = "respell"
    kinds: tuple[str, ...] = option(tuple(k for k in RESPELLINGS if k != "huge"), Words(RESPELLINGS))
    size_mib: int = option(16, Whole(1, 1024))
