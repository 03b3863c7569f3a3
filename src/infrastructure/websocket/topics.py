"""Which topics a connection wants, which of them the server acknowledged, and which tickers it never sent."""

from collections import Counter
from collections.abc import Iterable

from src.core.domain.connection.watchdog import Breadth
from src.core.domain.market.tick import TickData

_SECONDS = "A"
_WHOLE_MARKET = "*"
# How long after the last time a topic that is not acknowledged is asked for again; the last one over and over.
_AGAIN_S = (60.0, 240.0, 900.0)


class Topics:
    """The subscription's books. Not safe for threads: its owner serialises the calls. Times are seconds."""

    def __init__(self) -> None:
        self._wanted: dict[str, None] = {}  # ordered as they were asked for
        self._acknowledged: set[str] = set()
        self._by_channel: Counter[str] = Counter()  # acknowledged ones, without the whole market's
        self._whole_market: set[str] = set()  # the channels of which it is acknowledged
        self._asked_s: dict[str, float] = {}  # asked for, not acknowledged, not yet named as missing
        self._again: dict[str, tuple[float, int]] = {}  # the missing: when to ask again, how often it was
        self._unheard: dict[str, tuple[str, float]] = {}  # by ticker of which nothing came: its first topic, since when

    def want(self, topics: Iterable[str], now_s: float) -> list[str]:
        """Adds topics; gives those that were not wanted yet."""
        added = [topic for topic in dict.fromkeys(topics) if topic not in self._wanted]
        self._wanted.update(dict.fromkeys(added))
        self._asked_s.update(dict.fromkeys(added, now_s))
        return added

    def drop(self, topics: Iterable[str]) -> list[str]:
        """Removes topics; gives those that were wanted."""
        dropped = [topic for topic in dict.fromkeys(topics) if topic in self._wanted]
        for topic in dropped:
            del self._wanted[topic]
            self._count(topic, -1)
            self._asked_s.pop(topic, None)
            self._again.pop(topic, None)
            self._unheard.pop(_ticker(topic), None)
        return dropped

    def resubscribe(self, now_s: float) -> list[str]:
        """All wanted topics, asked for anew: for a connection that was just authenticated."""
        self.forget_acknowledgements()
        self._asked_s = dict.fromkeys(self._wanted, now_s)
        return list(self._wanted)

    def forget_acknowledgements(self) -> None:
        """Nothing is acknowledged, nor overdue: for a connection that is not there."""
        for books in (
            self._acknowledged, self._by_channel, self._whole_market, self._asked_s, self._again, self._unheard,
        ):  # fmt: skip
            books.clear()

    def acknowledge(self, topic: str, subscribed: bool, trading_s: float = 0.0) -> bool:
        """Takes one acknowledgement; gives whether the topic is wanted: one for another topic changes nothing.

        `trading_s` is the time that `silent` is asked with.
        """
        wanted = topic in self._wanted
        if subscribed and wanted:
            self._count(topic, 1)
            self._asked_s.pop(topic, None)
            self._again.pop(topic, None)
            if (ticker := _ticker(topic)) != _WHOLE_MARKET:
                self._unheard.setdefault(ticker, (topic, trading_s))
        return wanted

    def _count(self, topic: str, by: int) -> None:
        """Takes a topic into the acknowledged ones, or out of them."""
        if (topic in self._acknowledged) is (by > 0):
            return
        channel, _, ticker = topic.partition(".")
        whole = ticker == _WHOLE_MARKET
        if by > 0:
            self._acknowledged.add(topic)
            if whole:
                self._whole_market.add(channel)
        else:
            self._acknowledged.remove(topic)
            self._whole_market -= {channel} if whole else set()
        self._by_channel[channel] += 0 if whole else by

    def overdue(self, asked_before_s: float) -> list[str]:
        """Topics asked for before that time and not acknowledged since; each is named once."""
        late = {topic: asked_s for topic, asked_s in self._asked_s.items() if asked_s < asked_before_s}
        for topic, asked_s in late.items():
            del self._asked_s[topic]
            self._again[topic] = (asked_s + _AGAIN_S[0], 1)
        return list(late)

    def again(self, now_s: float) -> list[str]:
        """Missing topics that are to be asked for once more."""
        due = {topic: times for topic, (due_s, times) in self._again.items() if now_s >= due_s}
        for topic, times in due.items():
            self._again[topic] = (now_s + _AGAIN_S[min(times, len(_AGAIN_S) - 1)], times + 1)
        return list(due)

    def hear(self, ticks: Iterable[TickData]) -> None:
        """Takes what came."""
        if self._unheard and not self._unheard.keys().isdisjoint(tickers := [tick.ticker for tick in ticks]):
            for ticker in tickers:
                self._unheard.pop(ticker, None)

    def silent(self, before_s: float) -> list[str]:
        """A topic of each ticker that was acknowledged before that time and of which nothing came since."""
        return [topic for topic, since_s in self._unheard.values() if since_s < before_s]

    @property
    def breadth(self) -> Breadth:
        """What the acknowledged topics let one expect."""
        channels = self._by_channel
        seconds = channels[_SECONDS] > 0 or _SECONDS in self._whole_market
        return Breadth(max(channels.values(), default=0), bool(self._whole_market), seconds)

    @property
    def wanted_count(self) -> int:
        """How many topics are wanted."""
        return len(self._wanted)

    @property
    def acknowledged_count(self) -> int:
        """How many wanted topics are acknowledged."""
        return len(self._acknowledged)

    def missing_of(self, topics: Iterable[str]) -> list[str]:
        """Those of the topics that are not acknowledged."""
        return [topic for topic in topics if topic not in self._acknowledged]

    def missing(self) -> list[str]:
        """Wanted topics that are not acknowledged, but those that may still be: asked for, and not overdue yet."""
        return [topic for topic in self._wanted if topic not in self._acknowledged and topic not in self._asked_s]


def _ticker(topic: str) -> str:
    return topic.partition(".")[2]
