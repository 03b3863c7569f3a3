"""The feed's wire format: frames of bytes in, typed events out; commands out as texts. No socket, no clock.

Every inbound frame is a JSON array; one bad element costs that element, never the frame. What the elements mean is
the vendor's: aggregates `A` and `AM`, and `status` elements whose pairs of status and message are listed in the
vendor's documentation and official clients.
"""

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from src.core.domain.market.bar import FIRST_MS, MINUTE_MS
from src.core.domain.market.symbol import check_symbol
from src.core.domain.market.tick import MinuteAggregate, SecondAggregate, TickData
from src.core.errors import BadSymbolError

# A subscribe command of this many bytes at most: the vendor's own clients send long lists, proxies refuse huge frames.
MAX_COMMAND_BYTES = 16_000
# Beyond these a double holds no cents, nor a 64-bit integer the 10^-6 shares that volumes are added in.
_LARGEST_PRICE = 1e13
_LARGEST_VOLUME = 9e12
_END_OF_TIME_MS = 253_402_300_800_000  # the year 10000
_WINDOW_MS = {"A": 1_000, "AM": MINUTE_MS}


class StatusKind(enum.Enum):
    """What a status element says, as far as a client acts on it."""

    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    AUTH_REFUSED = "auth_refused"  # terminal for this key
    AUTH_TIMED_OUT = "auth_timed_out"
    SUBSCRIBED = "subscribed"  # one topic
    UNSUBSCRIBED = "unsubscribed"  # one topic
    TOPIC_REFUSED = "topic_refused"  # names no topic
    TOO_MANY_CONNECTIONS = "too_many_connections"
    DROPPING = "dropping"  # slow_consumer, force_disconnect: the server is about to close
    OTHER = "other"


class Status(msgspec.Struct, frozen=True):
    """One status element; `topic` is set for SUBSCRIBED and UNSUBSCRIBED only."""

    kind: StatusKind
    message: str
    topic: str = ""


class Frame(msgspec.Struct, frozen=True):
    """What one frame held. `refused` counts, by kind, the elements that were not usable."""

    ticks: list[TickData]
    statuses: list[Status]
    refused: Counter[str]


class _StatusElement(msgspec.Struct, frozen=True, tag_field="ev", tag="status"):
    status: str = ""
    message: str = ""


class _LooseAggregate(msgspec.Struct, frozen=True):
    """An aggregate as older descriptions give it: `t` for the window's start, or only the decimal volume."""

    sym: str
    o: float
    h: float
    l: float  # noqa: E741  the feed's key
    c: float
    s: int | None = None
    t: int | None = None
    v: float | None = None
    dv: str | None = None
    vw: float | None = None


class _Tag(msgspec.Struct, frozen=True):
    ev: str = ""


_ELEMENTS = msgspec.json.Decoder(list[SecondAggregate | MinuteAggregate | _StatusElement])
_RAW_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_TAG = msgspec.json.Decoder(_Tag)
_LOOSE = msgspec.json.Decoder(_LooseAggregate)
_STATUS = msgspec.json.Decoder(_StatusElement)
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
_ACKS = {"subscribed to: ": StatusKind.SUBSCRIBED, "unsubscribed to: ": StatusKind.UNSUBSCRIBED}


def decode_frame(frame: bytes | str) -> Frame:
    """Decodes one inbound frame; never raises for what the server sent.

    A frame that is no JSON array (or no UTF-8) gives no events and one refusal of kind `unreadable_frame`.
    """
    refused: Counter[str] = Counter()
    try:
        elements: Iterable[object] = _ELEMENTS.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        elements = _decode_one_by_one(frame, refused)
    ticks: list[TickData] = []
    statuses: list[Status] = []
    for element in elements:
        if isinstance(element, _StatusElement):
            statuses.append(_read_status(element))
        elif isinstance(element, TickData):
            fault = _fault(element)
            if fault:
                refused[fault] += 1
            else:
                ticks.append(element)
    return Frame(ticks, statuses, refused)


def _decode_one_by_one(frame: bytes | str, refused: Counter[str]) -> Iterator[object]:
    try:
        raws = _RAW_ELEMENTS.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refused["unreadable_frame"] += 1
        return
    for raw in raws:
        try:
            yield _decode_element(raw)
        except (msgspec.DecodeError, ValueError, RecursionError):
            refused["bad_element"] += 1


def _decode_element(raw: msgspec.Raw) -> object:
    tag = _TAG.decode(raw).ev
    if tag == "status":
        return _STATUS.decode(raw)
    if tag not in _WINDOW_MS:
        raise ValueError("an element of a kind that was not asked for")
    loose = _LOOSE.decode(raw)
    start_ms = loose.t if loose.s is None else loose.s
    if start_ms is None or (loose.v is None and loose.dv is None):
        raise ValueError("an aggregate without a time or a volume")
    volume = float(loose.dv or "nan") if loose.v is None else loose.v
    make = SecondAggregate if tag == "A" else MinuteAggregate
    return make(loose.sym, start_ms, loose.o, loose.h, loose.l, loose.c, volume, loose.dv, loose.vw)


def _fault(tick: TickData) -> str:
    """Why an aggregate cannot be right, as a kind to count; empty when it can."""
    if tick.tick_high < max(tick.tick_open, tick.tick_close, tick.tick_low) or tick.tick_low > min(
        tick.tick_open, tick.tick_close
    ):
        return "incoherent_prices"
    if max(tick.tick_high, -tick.tick_low, abs(tick.tick_vwap or 0.0)) > _LARGEST_PRICE:
        return "absurd_price"
    if not FIRST_MS <= tick.timestamp < _END_OF_TIME_MS or tick.timestamp % _WINDOW_MS[tick.event_type]:
        return "bad_window"
    if tick.decimal_volume is not None and not _is_decimal(tick.decimal_volume):
        return "bad_volume"
    if not 0 <= tick.whole_volume <= _LARGEST_VOLUME:
        return "bad_volume"
    if not (tick.ticker.isascii() and tick.ticker.isalnum() and len(tick.ticker) <= 20):
        try:
            check_symbol(tick.ticker)
        except BadSymbolError:
            return "bad_symbol"
    return ""


def _is_decimal(text: str) -> bool:
    try:
        return 0 <= float(text) <= _LARGEST_VOLUME and text.isascii() and not text[0].isspace()
    except ValueError:
        return False


def _read_status(element: _StatusElement) -> Status:
    if element.status == "success":
        for prefix, kind in _ACKS.items():
            if element.message.startswith(prefix):
                return Status(kind, element.message, element.message.removeprefix(prefix).strip())
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
