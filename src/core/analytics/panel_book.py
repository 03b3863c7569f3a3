"""Daily bars of many symbols kept current: as they traded, and the same adjusted for splits. Pure."""

import datetime as dt
from collections.abc import Sequence

from src.core.analytics.panel import Floats, Panel
from src.core.domain.market.adjustment import CorporateAction


class PanelBook:
    """Owns the arrays of a panel. One thread calls.

    `panel` gives views that later calls write into: what is to last is calculated, or copied, before the next one.
    """

    def __init__(
        self, symbols: Sequence[str], dates: Sequence[dt.date], values: Floats, splits: Sequence[CorporateAction]
    ) -> None:
        """`values` as `PanelStore.days` gives them: they are the book's from here on. Splits count that took effect
        up to the last of `dates`."""
        raise NotImplementedError

    def put(self, rows: Sequence[int], columns: Sequence[int], values: Floats) -> None:
        """Days as they traded, as `DayCells` tells them: `values` (5, n)."""
        raise NotImplementedError

    def put_day(self, column: int, values: Floats) -> None:
        """All symbols' bars of one date, as they traded: `values` (5, symbols); NaN leaves what is stored."""
        raise NotImplementedError

    def split(self, splits: Sequence[CorporateAction]) -> None:
        """Another list of splits in the place of the one before."""
        raise NotImplementedError

    def panel(self, is_provisional: bool) -> Panel:
        """The panel, adjusted."""
        raise NotImplementedError
