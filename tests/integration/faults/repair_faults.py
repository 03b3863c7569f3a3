"""Rows of the table: what happens while a gap is repaired from REST. Each begins with one."""

from collections.abc import Callable, Sequence

from src.core.domain.market.gaps import GapReason
from src.core.domain.market.reconciliation import RunState, date_bounds_ms
from src.core.domain.market.session import new_york_date
from src.simulator.faults import Outage, RestLate, RestTrouble
from src.simulator.script import Line
from tests.integration.faults.data_faults import changed
from tests.integration.faults.market import MINUTE, Market, revised
from tests.integration.faults.requests_of_people import compared, desk_of, write_flat_file
from tests.integration.faults.scene import Event, Scene
from tests.integration.faults.table import Fault, Window, begin, drop

# Longer than a minute, so that whole minutes are missed.
_AWAY_S = 100


def _gap_while(name: str, trouble: Callable[[], RestTrouble | RestLate], fast: str = "") -> Fault:
    return Fault(
        name,
        lambda at_s: [begin(at_s - 1, Outage(for_s=_AWAY_S)), begin(at_s - 1, trouble()), drop(at_s)],
        fast=fast,
        opens=(GapReason.DROP,),
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


def _asked_all_the_time(at_s: float) -> Sequence[Event]:
    """Somebody has what is missing asked for while its minutes form, every five seconds."""
    asked: list[str] = []

    def ask(scene: Scene) -> None:
        with desk_of(scene) as desk:
            asked.append(desk.jobs.ask("gaps.repair", {"gap_id": None}, "somebody"))

    def look(scene: Scene) -> None:
        with desk_of(scene) as desk:
            answers = [desk.jobs.answer(job_id) for job_id in asked]
        assert "done" in {answer.state for answer in answers if answer is not None}

    asks = [Event(at_s + 5 * number, ask) for number in range(1, 20)]
    return [drop(at_s), *asks, Event(at_s + 120, look)]


def _compared_with_a_file(scene: Scene) -> None:
    """On the next day somebody has the program compare with the day's flat file, which has no VWAP."""
    date = new_york_date(scene.market.start_ms)
    scene.clock.jump_to(date_bounds_ms(date)[1] + 3_600_000)
    official = scene.source.history.official(scene.clock.now_ms())
    of_the_day = {key: bar for key, bar in official.items() if key[1] >= scene.market.start_ms}
    run = compared(scene, date, write_flat_file(scene.folder / "day.csv.gz", of_the_day))
    assert (run.state, run.bars, run.added, run.withdrawn) == (RunState.DONE, len(of_the_day), 0, 0)


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
    Fault("REST: asked while minutes form", _asked_all_the_time, opens=(GapReason.DROP,)),
    Fault(
        "a flat file without VWAP",
        lambda _at_s: [Event(600, _compared_with_a_file)],
        window=Window(day="2025-11-20", past="2025-11-19"),
        alone=True,
    ),
    Fault("REST: unwell at the start", lambda _at_s: [begin(-1, RestTrouble(how="503", for_s=400))], alone=True),
]
