"""Answers that several ask for at the same moment, made once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

_KEPT = 32
_LARGEST_BYTES = 1_000_000

T = TypeVar("T", bound=Sized)


class _Entry(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: T | None = None


class SharedAnswers(Generic[T]):
    """The last 32 answers of up to 1 MB, by a key that says all they depend on. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer for `key`: the one kept, or what `make` gives, which is called once for all who wait for it."""
        entry = self._entry(key)
        with entry.lock:
            if entry.value is not None:
                return entry.value
            value = make()
            if len(value) <= _LARGEST_BYTES:
                entry.value = value
            return value

    def _entry(self, key: Hashable) -> _Entry[T]:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
            return entry
