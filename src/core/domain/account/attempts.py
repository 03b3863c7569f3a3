"""Whether somebody may try to log in once more: failures alone count, and are forgotten after 15 minutes.

An address is refused after 10 failures. A login is under attack after 30 failures from wherever; then an address that
failed itself is refused. So who guesses from many addresses has one guess for each, and the owner, who comes from an
address that has not failed, is let in all the while.
"""

import ipaddress
from collections import OrderedDict, deque

WINDOW_MS = 15 * 60_000
MOST_OF_ADDRESS = 10
MOST_OF_LOGIN = 30
# Of each of the two; whoever failed longest ago is forgotten first.
_MOST_KEPT = 20_000


class Attempts:
    """The failures of the last 15 minutes. Times are epoch ms; callers see to it that one thread calls at a time."""

    def __init__(self) -> None:
        self._of_address = _Failures(MOST_OF_ADDRESS)
        self._of_login = _Failures(MOST_OF_LOGIN)

    def wait_ms(self, login: str, address: str, now_ms: int) -> int:
        """How long to wait before the next attempt; 0 when it may be made now."""
        network = network_of(address)
        wait_ms = self._of_address.wait_ms(network, now_ms)
        if self._of_address.has(network, now_ms):
            wait_ms = max(wait_ms, self._of_login.wait_ms(login, now_ms))
        return wait_ms

    def note_failure(self, login: str, address: str, now_ms: int) -> None:
        """Counts an attempt that failed."""
        self._of_address.note(network_of(address), now_ms)
        self._of_login.note(login, now_ms)


class _Failures:
    """The times of the last `most` failures of each key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: OrderedDict[str, deque[int]] = OrderedDict()

    def note(self, key: str, now_ms: int) -> None:
        self._times.setdefault(key, deque(maxlen=self._most)).append(now_ms)
        self._times.move_to_end(key)
        while len(self._times) > _MOST_KEPT or next(iter(self._times.values()))[-1] <= now_ms - WINDOW_MS:
            self._times.popitem(last=False)

    def has(self, key: str, now_ms: int) -> bool:
        return key in self._times and self._times[key][-1] > now_ms - WINDOW_MS

    def wait_ms(self, key: str, now_ms: int) -> int:
        times = self._times.get(key)
        return max(0, times[0] + WINDOW_MS - now_ms) if times and len(times) == self._most else 0


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, as one subscriber has all that follow."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if ip.version == 4:
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False).network_address)
