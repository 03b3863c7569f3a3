"""Random bytes and mutated real frames, for a bounded time: nothing leaves the parser that should not.

`--fuzz-seconds 300` runs it longer; a failure names the seed, and `--fuzz-seed` runs the same frames again.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from src.core.domain.market.bar import FIRST_MS, Bar, Tier, check_bar
from src.core.domain.market.tick import TickData
from src.infrastructure.websocket.massive_protocol import Frame, decode_frame
from src.infrastructure.websocket.refusals import KINDS, Refusals
from src.simulator import recordings
from src.simulator.market import SyntheticMarket
from src.simulator.schedule import Disorder, schedule
from src.simulator.wire import MINUTE_CHANNEL, SECOND_CHANNEL, aggregate, status
from tests.bars import MINUTE
from tests.market_data import make_session

_NOW = MINUTE + 3_600_000
_DAY_MS = 86_400_000
_KEY = "s3cr3t"
_SLOWEST_S = 5.0  # of one frame, on a busy machine
_REAL_ROWS = 500  # of each recording

# What may stand where a value stood; quotes and brackets in them match, so an array stays one.
_VALUES = [
    b"null", b"true", b"[]", b"{}", b'""', b'"x"', b"0", b"-0.0", b"-1", b"1.5", b"12.0", b"1e400", b"1E-320", b"-1e13",
    b"9007199254740993", b"1763649000000.0", b"1763649000000.5", b"NaN", b"-Infinity", b"01", b".5", b"+1", b"0x1F",
    b"1" * 400, b"1" * 5000, b'"1.5"', b'"nan"', b'"1_0"', b'"../../x"', b'"\\u0000"', b'"\\ud800"', b'"\xff"',
    b'"\x01"', b'"A\'; DROP TABLE ohlcv_1min"', b'"' + b"A" * 100_000 + b'"', b"[" * 300 + b"]" * 300,
    b"[" * 3000 + b"]" * 3000, b'{"ev":"AM"}', b'"s3cr3t"', b'"],[{"', b'"\\"],["', b"", b"nonsense",
    b"1763649060000", b'"AM"', b'"status"',
]  # fmt: skip
_TOKENS = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b'"ev"', b'"AM"', b'"sym"', b" ", b"\n", *_VALUES[:20]]


@pytest.fixture(scope="module")
def elements(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Elements as the feed sends them: of the simulator, of recordings, and statuses."""
    market = SyntheticMarket(7)
    texts = [status("success", "subscribed to: AM.AAPL"), status("error", "not authorized")]
    for symbol in market.symbols[:20]:
        texts += [aggregate(MINUTE_CHANNEL, version.bar).element for version in market.minute(symbol, MINUTE)]
        texts += [aggregate(SECOND_CHANNEL, version.bar).element for version in market.seconds(symbol, MINUTE)]
    for path in make_session(tmp_path_factory.mktemp("session")).files("second", "minute"):
        rows = islice(recordings.read(path), _REAL_ROWS)
        texts += [item.event.element for item in schedule(rows, Disorder())]
    return [text.encode() for text in texts]


class Fuzz:
    """Makes frames and checks what the parser makes of them."""

    def __init__(self, seed: int, elements: list[bytes]) -> None:
        self.random = random.Random(seed)
        self._elements = elements
        self._refusals = Refusals(_KEY)
        self.frame = b""
        self.frames = 0

    def step(self, now_s: float) -> None:
        """One frame of one of the kinds."""
        kinds: list[Callable[[], None]] = [self._noise, self._tokens, self._bytes, self._element, self._element]
        self._now_s = now_s
        self.random.choice(kinds)()

    def _noise(self) -> None:
        self._decode(self.random.randbytes(self.random.randrange(300)))

    def _tokens(self) -> None:
        self._compare(b"".join(self.random.choices(_TOKENS, k=self.random.randrange(60))))

    def _bytes(self) -> None:
        """A real frame, its bytes changed anywhere."""
        data = bytearray(b"[" + b",".join(self._some(1)) + b"]")
        for _ in range(self.random.randint(1, 4)):
            place = self.random.randrange(len(data) + 1)
            until = min(len(data), place + self.random.choice([0, 1, 1, 5, 50]))
            other = self.random.choice([b"", self.random.randbytes(1), self.random.choice(_TOKENS), data[place:until]])
            data[place:until] = other
        self._compare(bytes(data))

    def _element(self) -> None:
        """A real frame of which one element is changed: the others must come out as if it were not there."""
        before, after = self._some(0), self._some(0)
        changed = self._changed(self.random.choice(self._elements))
        alone = self._decode(b"[" + b",".join([*before, *after]) + b"]")
        frame = self._decode(b"[" + b",".join([*before, changed, *after]) + b"]")
        assert not alone.refused
        assert total(frame) == len(before) + 1 + len(after)
        assert len(frame.ticks) - len(alone.ticks) in (0, 1)
        assert len(frame.statuses) - len(alone.statuses) in (0, 1)
        assert is_part(alone.ticks, frame.ticks)
        assert is_part(alone.statuses, frame.statuses)

    def _changed(self, element: bytes) -> bytes:
        pairs = [(key, json.dumps(value).encode()) for key, value in json.loads(element).items()]
        for _ in range(self.random.randint(1, 2)):
            place = self.random.randrange(len(pairs))
            key, value = pairs[place]
            change = self.random.randrange(5)
            if change == 0 and len(pairs) > 1:
                del pairs[place]
            elif change == 1:
                pairs.insert(self.random.randrange(len(pairs)), (key, self.random.choice(_VALUES)))
            elif change == 2:
                pairs[place] = (self.random.choice(["t", "dv", "ev", "s", "e", "new", "sym"]), value)
            else:
                pairs[place] = (key, self.random.choice(_VALUES))
        return b"{%s}" % b",".join(b'"%s":%s' % (key.encode(), value) for key, value in pairs)

    def _some(self, least: int) -> list[bytes]:
        return self.random.choices(self._elements, k=self.random.choice([least, 1, 2, 10]))

    def _compare(self, data: bytes) -> None:
        """Counts must agree with what Python's own parser sees, where it sees anything."""
        frame = self._decode(data)
        try:
            other = json.loads(data.decode())
        except (ValueError, RecursionError):
            assert frame.refused["unreadable_frame"] <= 1
            return
        if isinstance(other, list):
            assert total(frame) == len(other)
        else:
            assert frame.refused == {"unreadable_frame": 1}

    def _decode(self, data: bytes) -> Frame:
        self.frame = data
        self.frames += 1
        started_s = time.process_time()
        frame = decode_frame(data, _NOW)
        assert time.process_time() - started_s < _SLOWEST_S
        for tick in frame.ticks:
            check_tick(tick)
        assert set(frame.refused) == set(frame.specimens) <= set(KINDS)
        for line in self._refusals.take(frame.refused, frame.specimens, self._now_s):
            assert line.isprintable()
            assert _KEY not in line
        return frame


def total(frame: Frame) -> int:
    return len(frame.ticks) + len(frame.statuses) + sum(frame.refused.values())


def is_part(fewer: list[object], more: list[object]) -> bool:
    """Whether all of `fewer` is in `more`, in that order."""
    rest: Iterator[object] = iter(more)
    return all(any(one == other for other in rest) for one in fewer)


def check_tick(tick: TickData) -> None:
    """What the parser promises of every aggregate."""
    start_ms = tick.timestamp
    assert type(start_ms) is int
    assert FIRST_MS <= start_ms <= _NOW + _DAY_MS
    assert start_ms % tick.window_ms == 0
    assert tick.window_end is None or tick.window_end - start_ms == tick.window_ms
    prices = (tick.tick_open, tick.tick_high, tick.tick_low, tick.tick_close)
    assert all(type(price) is float and abs(price) <= 1e13 for price in prices)
    assert tick.tick_vwap is None or abs(tick.tick_vwap) <= 1e13
    assert 0 <= tick.tick_volume <= 9e12
    assert math.isfinite(tick.whole_volume)
    minute_ms = start_ms - start_ms % 60_000
    check_bar(Bar(tick.ticker, minute_ms, *prices, tick.tick_volume, tick.tick_vwap, None, Tier.OFFICIAL.value, 1))


def test_nothing_that_is_sent_breaks_the_parser(
    fuzz_seconds: float, fuzz_seed: int, elements: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    fuzz = Fuzz(fuzz_seed, elements)
    started_s = time.monotonic()
    try:
        while (now_s := time.monotonic()) - started_s < fuzz_seconds:
            fuzz.step(now_s)
    except BaseException as error:
        error.add_note(f"Again with --fuzz-seed {fuzz_seed}; frame {fuzz.frames} was {fuzz.frame!r:.5000}")
        raise
    with capsys.disabled():
        print(f"\n{fuzz.frames} frames in {fuzz_seconds:g} s, seed {fuzz_seed}", end=" ")
    assert fuzz.frames > 100
