"""The feed's wire format: frames of bytes in, typed events out; commands out as texts. No socket, no clock.

Every inbound frame is a JSON array; one bad element costs that element, never the frame. What the elements mean is
the vendor's: aggregates `A` and `AM`, and `status` elements whose pairs of status and message are listed in the
vendor's documentation and official clients.
"""

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from src.core.domain.market.bar import FIRST_MS
from src.core.domain.market.symbol import is_symbol
from src.core.domain.market.tick import MinuteAggregate, SecondAggregate, TickData
from src.infrastructure.websocket.loose_elements import UNREADABLE, Refused, StatusElement, decode_one_by_one

# A subscribe command of this many bytes at most: the vendor's own clients send long lists, proxies refuse huge frames.
MAX_COMMAND_BYTES = 16_000
# Beyond these a double holds no cents, nor a 64-bit integer the 10^-6 shares that volumes are added in.
_LARGEST_PRICE = 1e13
_LARGEST_VOLUME = 9e12
_LONGEST_TICKER = 20  # what `is_symbol` allows: asked first, so that a long text costs nothing
_DAY_MS = 86_400_000


class StatusKind(enum.Enum):
    """What a status element says, as far as a client acts on it."""

    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    AUTH_REFUSED = "auth_refused"  # terminal for this key
    AUTH_TIMED_OUT = "auth_timed_out"
    SUBSCRIBED = "subscribed"  # one topic
    UNSUBSCRIBED = "unsubscribed"  # one topic
    TOPIC_REFUSED = "topic_refused"  # names no topic
    NOT_REAL_TIME = "not_real_time"  # the key is for the delayed address
    TOO_MANY_CONNECTIONS = "too_many_connections"
    DROPPING = "dropping"  # slow_consumer, force_disconnect: the server is about to close
    OTHER = "other"


class Status(msgspec.Struct, frozen=True):
    """One status element; `topic` is set for SUBSCRIBED and UNSUBSCRIBED only."""

    kind: StatusKind
    message: str
    topic: str = ""


class Frame(msgspec.Struct, frozen=True):
    """What one frame held. `refused` counts, by kind, what was not usable; `specimens` holds the text of the first
    of each kind. The kinds are those of `refusals.KINDS`."""

    ticks: list[TickData]
    statuses: list[Status]
    refused: Counter[str]
    specimens: dict[str, bytes]


_ELEMENTS = msgspec.json.Decoder(list[SecondAggregate | MinuteAggregate | StatusElement])
_STATUS_KINDS = {
    "connected": StatusKind.CONNECTED,
    "auth_success": StatusKind.AUTHENTICATED,
    "auth_failed": StatusKind.AUTH_REFUSED,
    "auth_timeout": StatusKind.AUTH_TIMED_OUT,
    "max_connections": StatusKind.TOO_MANY_CONNECTIONS,
    "slow_consumer": StatusKind.DROPPING,
    "force_disconnect": StatusKind.DROPPING,
    "error": StatusKind.TOPIC_REFUSED,
}
_NOT_REAL_TIME = "access real-time data"
_ACKS = {"subscribed to: ": StatusKind.SUBSCRIBED, "unsubscribed to: ": StatusKind.UNSUBSCRIBED}


def decode_frame(frame: bytes, now_ms: int) -> Frame:
    """Decodes one inbound frame, text or binary; never raises for what the server sent.

    `now_ms` is the wall clock in epoch ms: what begins over a day after it is refused. Of a key that comes twice in
    an element the last counts. A frame that is no JSON array gives no events and one refusal, `unreadable_frame`.
    """
    decoded = Frame([], [], Counter(), {})
    ticks, statuses = decoded.ticks, decoded.statuses
    latest_ms = now_ms + _DAY_MS
    try:
        elements: Iterable[TickData | StatusElement | Refused] = _ELEMENTS.decode(frame)
    except UNREADABLE:
        elements = decode_one_by_one(frame)
    for element in elements:
        if isinstance(element, TickData):
            fault = _fault(element, latest_ms)
            if not fault:
                ticks.append(element)
                continue
        elif isinstance(element, StatusElement):
            statuses.append(_read_status(element))
            continue
        else:
            fault = element.kind
        decoded.refused[fault] += 1
        if fault not in decoded.specimens:
            decoded.specimens[fault] = _text(element)
    return decoded


def _text(element: TickData | Refused) -> bytes:
    return bytes(element.raw) if isinstance(element, Refused) else msgspec.json.encode(element)


def _fault(tick: TickData, latest_ms: int) -> str:
    """Why an aggregate cannot be right, as a kind to count; empty when it can. Negative prices can."""
    low, high, vwap = tick.tick_low, tick.tick_high, tick.tick_vwap
    if not (low <= tick.tick_open <= high and low <= tick.tick_close <= high):
        return "incoherent_prices"
    if high > _LARGEST_PRICE or low < -_LARGEST_PRICE or (vwap and not -_LARGEST_PRICE <= vwap <= _LARGEST_PRICE):
        return "absurd_price"
    start_ms, end_ms, window_ms = tick.timestamp, tick.window_end, tick.window_ms
    if not FIRST_MS <= start_ms <= latest_ms:
        return "past_time" if start_ms < FIRST_MS else "future_time"
    if start_ms % window_ms or (end_ms is not None and end_ms - start_ms != window_ms):
        return "bad_window"
    if tick.decimal_volume is not None and not _is_decimal(tick.decimal_volume):
        return "bad_volume"
    if not 0 <= tick.whole_volume <= _LARGEST_VOLUME:
        return "bad_volume"
    ticker = tick.ticker
    if len(ticker) > _LONGEST_TICKER or not ((ticker.isalnum() and ticker.isascii()) or is_symbol(ticker)):
        return "bad_symbol"
    return ""


def _is_decimal(text: str) -> bool:
    try:
        return 0 <= float(text) <= _LARGEST_VOLUME and text.isascii() and not text[0].isspace() and "_" not in text
    except ValueError:
        return False


def _read_status(element: StatusElement) -> Status:
    if element.status == "success":
        for prefix, kind in _ACKS.items():
            if element.message.startswith(prefix):
                return Status(kind, element.message, element.message.removeprefix(prefix).strip())
    if element.status == "error" and _NOT_REAL_TIME in element.message:
        return Status(StatusKind.NOT_REAL_TIME, element.message)
    return Status(_STATUS_KINDS.get(element.status, StatusKind.OTHER), element.message or element.status)


def auth_command(api_key: str) -> str:
    """The command that authenticates a fresh connection."""
    return _command("auth", api_key)


def subscribe_commands(topics: Sequence[str]) -> list[str]:
    """The commands that subscribe to `topics`, each of at most 16,000 bytes."""
    return [_command("subscribe", chunk) for chunk in _chunks(topics)]


def unsubscribe_commands(topics: Sequence[str]) -> list[str]:
    """The commands that end the subscription of `topics`, each of at most 16,000 bytes."""
    return [_command("unsubscribe", chunk) for chunk in _chunks(topics)]


def topics_of(tickers: Iterable[str], channels: Sequence[str]) -> list[str]:
    """The topics `CHANNEL.TICKER` of every ticker in every channel, official bars first."""
    tickers = list(tickers)
    return [f"{channel}.{ticker}" for channel in sorted(channels, reverse=True) for ticker in tickers]


def _command(action: str, params: str) -> str:
    return msgspec.json.encode({"action": action, "params": params}).decode()


def _chunks(topics: Sequence[str]) -> Iterator[str]:
    chunk: list[str] = []
    size = 0
    for topic in topics:
        if chunk and size + len(topic) + 1 > MAX_COMMAND_BYTES - 100:
            yield ",".join(chunk)
            chunk, size = [], 0
        chunk.append(topic)
        size += len(topic) + 1
    if chunk:
        yield ",".join(chunk)
