"""How a ticker is spelled. Tickers are case-sensitive (`BACpL` is a preferred share; `BACPL` is nothing)."""

import re

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
