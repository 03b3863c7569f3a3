"""Rankings sorted, filtered by sector and paged. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.core.analytics.rankings import Rankings, Rows

BY_SYMBOL = "symbol"


class Page(NamedTuple):
    """Rows of the rankings, in order. `total` is how many the filter left, `with_figure` how many of those have the
    figure that was sorted by."""

    rows: Rows
    total: int
    with_figure: int


def page_of(
    rankings: Rankings,
    by: str,
    *,
    is_descending: bool,
    offset: int,
    limit: int,
    sector: str | None = None,
    sectors: Sequence[str | None] = (),
) -> Page:
    """A page of the rankings, sorted by a figure (or by `symbol`).

    Those without the figure come last in both directions; equal ones come by symbol, A first, in both directions.
    `sector` keeps the symbols whose entry in `sectors` (one for each symbol of the panel, in its order) equals it.

    Raises ValueError for a figure that there is not.
    """
    rows = _rows_in(rankings, sector, sectors)
    if by == BY_SYMBOL:
        places = rankings.alphabet[rows]
        order = np.argsort(-places if is_descending else places, kind="stable")
        return Page(rows[order][offset : offset + limit], len(rows), len(rows))
    if by not in rankings.figures:
        raise ValueError(f"There is no figure {by}; there are {BY_SYMBOL}, {', '.join(rankings.figures)}.")
    values = rankings.figures[by][rows]
    order = np.lexsort((rankings.alphabet[rows], -values if is_descending else values))
    return Page(rows[order][offset : offset + limit], len(rows), int(np.count_nonzero(~np.isnan(values))))


def _rows_in(rankings: Rankings, sector: str | None, sectors: Sequence[str | None]) -> Rows:
    if sector is None:
        return np.arange(len(rankings.panel.symbols))
    return np.array([row for row, its in enumerate(sectors) if its == sector], dtype=np.intp)
