"""Every fault can be asked for by name, and the guide tells all of them."""

import dataclasses
import re
from pathlib import Path

import pytest

from src.simulator.catalogue import FAULTS, fault
from src.simulator.faults import Drop
from src.simulator.feed_faults import Delay
from src.simulator.malformed import GARBAGE, RESPELLINGS
from src.simulator.parameters import FaultError

GUIDE = (Path(__file__).resolve().parents[3] / "docs/guides/simulator.md").read_text()
# The guide tells these once for all faults that have them.
COMMON = {"connections", "for_s"}


def told() -> dict[str, set[str]]:
    """The faults of the guide's tables, and what is in code marks in their column of parameters."""
    section = GUIDE.split("## Faults on command")[1].split("### Malformed messages")[0]
    return {
        name: set(re.findall(r"`(\w+)`", parameters))
        for name, parameters in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section, re.MULTILINE)
    }


def test_the_guide_tells_every_fault_and_its_parameters() -> None:
    assert told().keys() == FAULTS.keys()
    for name, kind in FAULTS.items():
        assert {field.name for field in dataclasses.fields(kind)} - COMMON <= told()[name], name


def test_the_guide_tells_every_kind_of_message() -> None:
    section = GUIDE.split("### Malformed messages")[1].split("```")[0]
    named = {
        word for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for word in re.findall(r"`(\w+)`", row)
    }
    assert named == {*GARBAGE, *RESPELLINGS}


def test_texts_become_values() -> None:
    made = fault("drop", {"code": "1008", "reason": "policy", "connections": "1,3"})
    assert made == Drop(code=1008, reason="policy", connections=(1, 3))
    assert fault("drop", {"connections": "all"}) == Drop()
    assert fault("delay", {"by_s": "1.5", "for_s": "60"}) == Delay(by_s=1.5, for_s=60.0)


@pytest.mark.parametrize(
    ("name", "texts", "sentence"),
    [
        ("malformed", {"kinds": "nan,odd"}, "kinds is one or more of no_ev, unknown_ev,"),
        ("malformed", {"share": "1.5"}, "share is a number from 0 to 1, not 1.5."),
        ("silent_topic", {"topics": "KO"}, "topics is one or more topics such as AM.AAPL or A.*, separated by commas,"),
        ("silent_topic", {}, "silent_topic needs topics: one or more topics"),
        ("delay", {}, "delay needs by_s: a number from 0.001 to 1e+06."),
        ("respell", {"size_mib": "2000"}, "size_mib is a whole number from 1 to 1024, not 2000."),
        (
            "drop",
            {"connections": "1,x"},
            "connections is all, or numbers of connections from 1 on, separated by commas,",
        ),
        ("drop", {"reason": "x" * 124, "code": "1000"}, "reason is a text of 0 to 123 bytes, not"),
    ],
)
def test_what_is_wrong_is_said(name: str, texts: dict[str, str], sentence: str) -> None:
    with pytest.raises(FaultError) as problem:
        fault(name, texts)
    assert str(problem.value).startswith(sentence)
