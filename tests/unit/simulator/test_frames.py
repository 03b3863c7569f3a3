"""Events bundled into messages."""

import json

from hypothesis import given
from hypothesis import strategies as st

from src.simulator.frames import answer, frames
from src.simulator.wire import Event


@given(count=st.integers(0, 2000))
def test_frames_hold_every_element_in_order(count: int) -> None:
    made = list(frames(Event("A", "A.KO", str(number)) for number in range(count)))
    bundles = [json.loads(frame.text) for frame in made]
    assert [element for bundle in bundles for element in bundle] == list(range(count))
    assert [len(bundle) for bundle in bundles] == [frame.events for frame in made]
    assert all(1 <= frame.events <= 400 for frame in made)


def test_answers_are_not_counted_as_events() -> None:
    (frame,) = frames([answer("1"), Event("AM", "AM.KO", "2")])
    assert (frame.text, frame.events) == ("[1,2]", 1)
