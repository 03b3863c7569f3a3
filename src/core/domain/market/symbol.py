"""How a ticker is spelled. Tickers are case-sensitive (`BACpL` is a preferred share; `BACPL` is nothing)."""

import re
from collections.abc import Iterable

from src.core.errors import BadSymbolError

# Letters, digits and the marks that US tickers, classes, units, warrants and test issues carry. 20 characters is
# above every listed ticker and bounds what an unknown one can cost.
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-/+=^:_]{0,19}")


def is_symbol(text: str) -> bool:
    """Whether a feed can spell a ticker like it."""
    return _SYMBOL.fullmatch(text) is not None


def check_symbol(symbol: str) -> str:
    """The symbol itself, or BadSymbolError when no feed spells one like it."""
    if not isinstance(symbol, str) or not is_symbol(symbol):
        raise BadSymbolError(
            f"{symbol!r:.60} is not a ticker; a ticker is 1 to 20 letters, digits and . - / + = ^ : _, "
            "beginning with a letter or digit."
        )
    return symbol


class Spellings:
    """The symbols that a database knows, as people may type them."""

    def __init__(self, symbols: Iterable[str] = ()) -> None:
        self._exact = frozenset(symbols)
        # Of several that differ by case only, what is typed loosely means the first in order.
        self._loose = {symbol.upper(): symbol for symbol in sorted(self._exact, reverse=True)}

    def find(self, typed: str) -> str | None:
        """The symbol that is meant: matched exactly first (`BACpL` is not `BACPL`), then without case, then with `-`
        for the feed's `.`; None when none is."""
        if typed in self._exact:
            return typed
        upper = typed.upper()
        return self._loose.get(upper) or self._loose.get(upper.replace("-", "."))
