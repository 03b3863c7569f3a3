"""What of a frame is read at all: the real reader of websocket-client over bytes in memory."""

import io
import struct
import time

import pytest
import websocket

from src.infrastructure.websocket import frame_limits
from src.infrastructure.websocket.frame_limits import OversizedFrameError, RefusedFrameError, limit_frames

_TEXT, _BINARY, _MORE, _PONG = 0x1, 0x2, 0x0, 0xA


def header(opcode: int, length: int, fin: bool = True, reserved: int = 0) -> bytes:
    """A frame's header as a server writes it: unmasked, its length in 7, 16 or 64 bits."""
    first = fin << 7 | reserved << 4 | opcode
    if length < 126:
        return bytes([first, length])
    return bytes([first, 126]) + struct.pack("!H", length) if length < 65536 else _wide(first, length)


def _wide(first: int, length: int) -> bytes:
    return bytes([first, 127]) + struct.pack("!Q", length)


def frame(opcode: int, payload: bytes, fin: bool = True, reserved: int = 0) -> bytes:
    return header(opcode, len(payload), fin, reserved) + payload


class Reader:
    """A connection that reads from memory."""

    def __init__(self, *parts: bytes) -> None:
        self.stream = io.BytesIO(b"".join(parts))
        self._connection = websocket.WebSocket(skip_utf8_validation=True)
        self._connection.frame_buffer.recv = self.stream.read
        limit_frames(self._connection)

    def read(self) -> tuple[int, bytes]:
        opcode, data = self._connection.recv_data(control_frame=True)
        return opcode, bytes(data)


@pytest.mark.parametrize("length", [64 * 1024 * 1024 + 1, 2**40, 2**63, 2**64 - 1])
def test_of_a_frame_that_is_too_large_nothing_but_the_header_is_read(length: int) -> None:
    reader = Reader(header(_TEXT, length), b"x" * 1000)
    with pytest.raises(OversizedFrameError, match=rf"a frame of {length:,} bytes; at most 67,108,864 are accepted"):
        reader.read()
    assert reader.stream.tell() == 10


def test_sixty_four_mebibytes_are_accepted() -> None:
    payload = b" " * (64 * 1024 * 1024)
    assert Reader(frame(_BINARY, payload)).read() == (_BINARY, payload)


def test_fragments_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_limits, "MAX_MESSAGE_BYTES", 100)
    parts = [frame(_TEXT, b"a" * 60, fin=False), frame(_PONG, b"b" * 80), frame(_MORE, b"c" * 40)]
    reader = Reader(*parts, *parts, header(_TEXT, 60, fin=False), b"d" * 60, header(_MORE, 41), b"e" * 41)
    for _ in range(2):
        assert reader.read() == (_PONG, b"b" * 80)
        assert reader.read() == (_TEXT, b"a" * 60 + b"c" * 40)
    with pytest.raises(OversizedFrameError, match="of 101 bytes"):
        reader.read()
    assert reader.stream.read() == b"e" * 41


def test_fragments_without_content_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_limits, "MAX_FRAGMENTS", 100)
    reader = Reader(frame(_TEXT, b"", fin=False), frame(_MORE, b"", fin=False) * 100)
    with pytest.raises(OversizedFrameError, match="more than 100 fragments"):
        reader.read()


def test_many_fragments_are_joined_without_copying_all_for_each() -> None:
    parts = [bytes([place % 256]) * 1024 for place in range(60_000)]
    frames = [frame(_TEXT, parts[0], fin=False), *(frame(_MORE, part, fin=False) for part in parts[1:])]
    reader = Reader(*frames, frame(_MORE, b"end"))
    started_s = time.process_time()
    assert reader.read() == (_TEXT, b"".join(parts) + b"end")
    assert time.process_time() - started_s < 20  # with a copy for each it is minutes


@pytest.mark.parametrize("reserved", [1, 2, 4])
def test_a_compressed_frame_is_refused_before_it_is_read(reserved: int) -> None:
    reader = Reader(frame(_TEXT, b"x" * 100, reserved=reserved))
    with pytest.raises(RefusedFrameError, match="compressed"):
        reader.read()
    assert reader.stream.tell() == 2


def test_a_long_control_frame_is_refused_before_it_is_read() -> None:
    reader = Reader(header(_PONG, 2**40))
    with pytest.raises(RefusedFrameError, match="control frame of 1,099,511,627,776 bytes"):
        reader.read()
