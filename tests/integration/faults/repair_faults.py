"""Rows of the table: what happens while a gap is repaired from REST. Each begins with one."""

from collections.abc import Callable

from src.simulator.faults import Outage, RestLate, RestTrouble
from src.simulator.script import Line
from tests.integration.faults.data_faults import changed
from tests.integration.faults.market import MINUTE, Market, revised
from tests.integration.faults.table import Fault, begin, drop

# Longer than a minute, so that whole minutes are missed.
_AWAY_S = 100


def _gap_while(name: str, trouble: Callable[[], RestTrouble | RestLate], fast: str = "") -> Fault:
    return Fault(
        name,
        lambda at_s: [begin(at_s - 1, Outage(for_s=_AWAY_S)), begin(at_s - 1, trouble()), drop(at_s)],
        fast=fast,
    )


def _trouble(how: str, fast: str = "") -> Fault:
    return _gap_while(f"REST: {how}", lambda: RestTrouble(how=how, for_s=600), fast)


def _after(alters: Callable[[Market], Market], name: str, fast: str = "") -> Fault:
    return Fault(name, lambda at_s: [begin(at_s - 1, Outage(for_s=_AWAY_S)), drop(at_s)], alters=alters, fast=fast)


def _known_later(after_s: float) -> Callable[[Line], list[Line]]:
    """REST comes to know another version, which is never sent."""

    def change(line: Line) -> list[Line]:
        assert line.bar is not None
        later = line._replace(at_ms=line.at_ms + round(after_s * 1000), bar=revised(line.bar), sent=False)
        return [line, later]

    return change


def _withdrawn_later(after_s: float) -> Callable[[Line], list[Line]]:
    """REST has no such minute any more; it is followed by others, as what an answer lacks at its end may come late."""
    return lambda line: [line, line._replace(at_ms=line.at_ms + round(after_s * 1000), bar=None, sent=False)]


FAULTS = [
    _after(lambda market: market, "REST: well"),
    *[_trouble(how) for how in ("429", "500", "502", "503", "401", "403", "404", "malformed", "loop", "foreign")],
    _trouble("empty", fast="postgresql"),
    _gap_while("REST: five minutes late", lambda: RestLate(by_s=300, for_s=1500)),
    _gap_while("REST: an answer older than a newer AM", lambda: RestLate(by_s=60, for_s=1500)),
    _after(changed(_known_later(8 * 60), MINUTE), "REST: contradicts what was sent"),
    _after(
        changed(_withdrawn_later(8 * 60), MINUTE, of_one=True, minutes=range(2, 3)),
        "REST: a bar withdrawn",
        fast="sqlite",
    ),
    Fault("REST: unwell at the start", lambda _at_s: [begin(-1, RestTrouble(how="503", for_s=400))], alone=True),
]
