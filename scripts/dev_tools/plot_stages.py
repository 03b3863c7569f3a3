"""Draws the stages of SPY, AAPL, QQQ and IBM from 1998 to 2020 as SVG, to be looked at: docs/images/stages.svg.

    .venv/bin/python -m scripts.dev_tools.plot_stages docs/images/stages.svg

The bars are those of TEST_DATA_DIR (default ../shared/data).
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from src.core.analytics.panel import Floats
from src.core.analytics.stage_analysis import Stage, StageNumbers, Stages, stages
from src.core.analytics.weekly import weekly
from tests.panels import real_panel

SYMBOLS = ("SPY", "AAPL", "QQQ", "IBM")
LAST_YEAR = 2020
WIDTH, HEIGHT, LEFT, TOP, GAP = 1180, 190, 60, 50, 34
COLOURS = {
    Stage.BASE: "#c9d6ea",
    Stage.ADVANCE: "#bfe3c5",
    Stage.TOP: "#f6e2ae",
    Stage.DECLINE: "#f3c1bd",
}
LABEL_WEEKS = 9  # a band this wide has room for its number


def picture(found: Stages) -> str:
    """The whole picture: a panel for each symbol, one below the other."""
    height = TOP + len(found.symbols) * (HEIGHT + GAP)
    panels = [_panel(found, row, TOP + row * (HEIGHT + GAP)) for row in range(len(found.symbols))]
    body = "\n".join([_legend(), *panels])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" '
        f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def runs(stage: StageNumbers) -> Iterator[tuple[Stage, int, int]]:
    """Each stretch of one stage: the stage, its first week and the week after its last."""
    edges = [0, *(np.flatnonzero(np.diff(stage)) + 1).tolist(), len(stage)]
    for first, end in itertools.pairwise(edges):
        yield Stage(int(stage[first])), first, end


def _panel(found: Stages, row: int, top: int) -> str:
    close, average = found.close[row], found.average[row]
    low, high = np.log(np.nanmin(close)), np.log(np.nanmax(close))
    step = WIDTH / len(close)
    parts = [f'<text x="{LEFT}" y="{top - 6}" font-size="13" font-weight="bold">{found.symbols[row]}</text>']
    parts += [_band(stage, first * step, end * step, top) for stage, first, end in runs(found.stage[row]) if stage]
    parts += [_price(price, low, high, top) for price in _round_prices(low, high)]
    parts += [_year(found, week, step, top) for week in _first_weeks_of_years(found)]
    parts += [_line(average, low, high, step, top, "#8a4fbf", 1.4), _line(close, low, high, step, top, "#1b2733", 1.0)]
    return "\n".join(parts)


def _band(stage: Stage, left: float, right: float, top: int) -> str:
    x, width = LEFT + left, right - left
    band = f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" fill="{COLOURS[stage]}"/>'
    if width < LABEL_WEEKS:
        return band
    return band + f'<text x="{x + width / 2:.1f}" y="{top + HEIGHT - 4}" text-anchor="middle">{int(stage)}</text>'


def _line(values: Floats, low: float, high: float, step: float, top: int, colour: str, width: float) -> str:
    """A line through the weeks, broken where there is no value."""
    path, is_drawn = [], False
    for week, value in enumerate(values.tolist()):
        if not np.isnan(value):
            path.append(f"{'L' if is_drawn else 'M'}{LEFT + (week + 0.5) * step:.1f} {_y(value, low, high, top):.1f}")
        is_drawn = not np.isnan(value)
    return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _y(price: float, low: float, high: float, top: int) -> float:
    return top + 6 + float((high - np.log(price)) / (high - low)) * (HEIGHT - 26)


def _round_prices(low: float, high: float) -> list[float]:
    """Prices to name at the side: 1, 2 and 5 times powers of ten."""
    candidates = [digit * 10.0**power for power in range(-2, 4) for digit in (1, 2, 5)]
    return [price for price in candidates if low <= np.log(price) <= high]


def _price(price: float, low: float, high: float, top: int) -> str:
    y = _y(price, low, high, top)
    line = f'<path d="M{LEFT} {y:.1f}h{WIDTH}" stroke="#0002"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{price:g}</text>'


def _first_weeks_of_years(found: Stages) -> list[int]:
    years = found.weeks.astype("datetime64[Y]")
    return (np.flatnonzero(years[1:] != years[:-1]) + 1).tolist()


def _year(found: Stages, week: int, step: float, top: int) -> str:
    x = LEFT + week * step
    line = f'<path d="M{x:.1f} {top}v{HEIGHT}" stroke="#0002"/>'
    year = found.weeks[week].astype("datetime64[Y]")
    return f'{line}<text x="{x:.1f}" y="{top + HEIGHT + 13}" text-anchor="middle">{year}</text>'


def _legend() -> str:
    parts = []
    for place, (stage, colour) in enumerate(COLOURS.items()):
        x = LEFT + place * 110
        parts.append(f'<rect x="{x}" y="10" width="14" height="14" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="21">{int(stage)} {stage.name.lower()}</text>')
    note = "close of the week (dark) and its 30-week average (violet), adjusted for splits, logarithmic"
    return "\n".join([*parts, f'<text x="{LEFT + 460}" y="21">{note}</text>'])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="the SVG file to write")
    panel = real_panel().of(SYMBOLS).until(np.datetime64(f"{LAST_YEAR}-12-31").item())
    parser.parse_args().picture.write_text(picture(stages(weekly(panel))))


if __name__ == "__main__":
    main()
