"""Which topics a connection wants, and which of them the server acknowledged."""

from collections.abc import Iterable


class Topics:
    """The subscription's books. Not safe for threads: its owner serialises the calls. Times are seconds."""

    def __init__(self) -> None:
        self._wanted: dict[str, None] = {}  # ordered as they were asked for
        self._acknowledged: set[str] = set()
        self._asked_s: dict[str, float] = {}  # asked for, not acknowledged, not yet named as missing

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
            self._acknowledged.discard(topic)
            self._asked_s.pop(topic, None)
        return dropped

    def resubscribe(self, now_s: float) -> list[str]:
        """All wanted topics, asked for anew: for a connection that was just authenticated."""
        self._acknowledged.clear()
        self._asked_s = dict.fromkeys(self._wanted, now_s)
        return list(self._wanted)

    def forget_acknowledgements(self) -> None:
        """Nothing is acknowledged, nor overdue: for a connection that is not there."""
        self._acknowledged.clear()
        self._asked_s.clear()

    def acknowledge(self, topic: str, subscribed: bool) -> bool:
        """Takes one acknowledgement; gives whether the topic is wanted: one for another topic changes nothing."""
        wanted = topic in self._wanted
        if subscribed and wanted:
            self._acknowledged.add(topic)
            self._asked_s.pop(topic, None)
        return wanted

    def overdue(self, asked_before_s: float) -> list[str]:
        """Topics asked for before that time and not acknowledged since; each is named once."""
        late = [topic for topic, asked_s in self._asked_s.items() if asked_s < asked_before_s]
        for topic in late:
            del self._asked_s[topic]
        return late

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
