"""Ports of 127.0.0.1 for servers that tests start."""

import random
import socket

# Below the ports that the system hands out by itself: nobody's outgoing connection takes one that is free now, and a
# server that is down for a while finds its own free again.
_PORTS = range(10_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 where nothing listens now."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
