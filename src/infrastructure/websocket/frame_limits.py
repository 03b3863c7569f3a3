"""What websocket-client reads of a frame is bounded here, by the frame's header, before its payload is read.

The library itself takes any length that a header tells (up to 2^63) and collects it in memory.
"""

from typing import cast

import websocket

# Of a whole message, however many frames it comes in.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# So that a message of tiny (or empty) fragments ends; 64 MiB in fragments of 1 KiB are as many.
MAX_FRAGMENTS = 65_536
_MAX_CONTROL_BYTES = 125  # RFC 6455, 5.5
_FIRST_CONTROL_OPCODE = 0x8


class RefusedFrameError(websocket.WebSocketProtocolException):
    """A frame that is not read. Its text is a sentence; `close_code` is what the server is told (RFC 6455, 7.4.1)."""

    close_code = websocket.STATUS_PROTOCOL_ERROR


class OversizedFrameError(RefusedFrameError):
    """A message above the limits."""

    close_code = websocket.STATUS_MESSAGE_TOO_BIG


def limit_frames(connection: websocket.WebSocket) -> None:
    """Makes `connection` raise RefusedFrameError for what is not to be read. To be called before its first frame."""
    connection.frame_buffer = _LimitedFrames(connection.frame_buffer.recv, skip_utf8_validation=True)
    connection.cont_frame = _JoinedFragments(fire_cont_frame=False, skip_utf8_validation=True)


class _LimitedFrames(websocket.frame_buffer):
    _message_bytes = 0
    _fragments = 0

    def recv_length(self) -> None:
        """Reads the last of the header that matters here, and looks at it."""
        super().recv_length()
        _, *reserved, opcode, _, _ = cast(tuple[int, ...], self.header)
        length = cast(int, self.length)
        if any(reserved):
            raise RefusedFrameError("The feed sent a compressed frame (reserved bits set), which was not agreed on.")
        if opcode < _FIRST_CONTROL_OPCODE:
            self._check_message(opcode, length)
        elif length > _MAX_CONTROL_BYTES:
            raise RefusedFrameError(f"The feed sent a control frame of {length:,} bytes; 125 are allowed.")

    def _check_message(self, opcode: int, length: int) -> None:
        if opcode != websocket.ABNF.OPCODE_CONT:
            self._message_bytes = self._fragments = 0
        self._message_bytes += length
        self._fragments += 1
        if self._message_bytes > MAX_MESSAGE_BYTES:
            raise OversizedFrameError(
                f"The feed sent a frame of {self._message_bytes:,} bytes; at most {MAX_MESSAGE_BYTES:,} are accepted."
            )
        if self._fragments > MAX_FRAGMENTS:
            raise OversizedFrameError(f"The feed sent a frame in more than {MAX_FRAGMENTS:,} fragments.")


class _JoinedFragments(websocket.continuous_frame):
    def add(self, frame: websocket.ABNF) -> None:
        """Joins in place: the library would copy the message so far for every fragment."""
        if self.cont_data is None and not frame.fin:
            frame.data = cast(bytes, bytearray(cast(bytes, frame.data)))
        super().add(frame)
