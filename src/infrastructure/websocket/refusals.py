"""What the feed sends and cannot be used: its kinds, their counts, and how often each is said."""

from collections import Counter
from collections.abc import Mapping

# Each kind a frame or an element can be refused for, as the log explains it.
KINDS = {
    "unreadable_frame": "the frame is no JSON array, or one of over 6,000,000 commas; all of it is lost",
    "oversized_frame": "the frame is larger than is accepted; the connection is dropped",
    "malformed_element": "its text is no JSON (such as NaN), no UTF-8, or nested too deep",
    "not_an_object": "it is no JSON object",
    "no_event_type": "its key ev is missing",
    "unknown_event": "its ev is none of A, AM and status",
    "bad_type": "a value has the wrong type, or is a number that no double holds",
    "no_price": "open, high, low or close is missing or null",
    "no_volume": "it has neither v nor dv",
    "no_time": "it has neither s nor t",
    "bad_symbol": "its ticker is missing, or is spelled as no ticker is",
    "bad_volume": "its volume is negative, above 9,000,000,000,000, or no decimal",
    "incoherent_prices": "its high or low contradicts its other prices",
    "absurd_price": "a price or VWAP is beyond 10,000,000,000,000: a double holds no cents there",
    "bad_window": "it does not begin on a whole second (A) or minute (AM), or is not that long",
    "past_time": "it begins before 2003",
    "future_time": "it begins over a day after this machine's clock; is that right?",
}
_INTERVAL_S = 60.0
_SHOWN = 200  # characters of a text of the feed's in a log line or a reason


class OncePerMinute:
    """Decides which of many alike events are said: the first of a key, then at most one a minute.

    Not safe for threads: its owner serialises the calls.
    """

    def __init__(self) -> None:
        self._unsaid: Counter[str] = Counter()
        self._said_s: dict[str, float] = {}

    def due(self, key: str, count: int, now_s: float) -> int:
        """How many there were since the last that was said, these `count` among them; 0 when to say nothing."""
        self._unsaid[key] += count
        if now_s - self._said_s.get(key, float("-inf")) < _INTERVAL_S:
            return 0
        self._said_s[key] = now_s
        return self._unsaid.pop(key)


class Refusals:
    """Counts by kind, and the lines to log. Not safe for threads: its owner serialises the calls.

    `secret` is never part of a line.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._pace = OncePerMinute()
        self._counts: Counter[str] = Counter()

    def take(self, refused: Mapping[str, int], specimens: Mapping[str, bytes], now_s: float) -> list[str]:
        """Counts what one frame lost; gives the lines to log, at most one a minute for each kind."""
        self._counts.update(refused)
        due = {kind: self._pace.due(kind, count, now_s) for kind, count in refused.items()}
        return [
            f"Refused from the feed: {count} x {kind} ({KINDS[kind]}), such as {plain(specimens[kind], self._secret)}"
            for kind, count in due.items()
            if count
        ]

    def counts(self) -> dict[str, int]:
        """How many of each kind there were since the start."""
        return dict(self._counts)


def plain(text: bytes | str, secret: str) -> str:
    """A text of the feed's for logs and pages: one short line of printable characters, without the secret."""
    whole = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if secret:
        whole = whole.replace(secret, "***")
    shown = "".join(letter if letter.isprintable() else "?" for letter in whole[:_SHOWN])
    return shown + "..." if len(whole) > _SHOWN else shown
