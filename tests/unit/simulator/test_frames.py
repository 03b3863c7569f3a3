"""Events bundled into messages."""

import json

from hypothesis import given
from hypothesis import strategies as st

from src.simulator.frames import Raw, answer, frames
from src.simulator.wire import Event


@given(count=st.integers(0, 2000))
def test_frames_hold_every_element_in_order(count: int) -> None:
    made = list(frames([Event("A", "A.KO", str(number)) for number in range(count)]))
    bundles = [json.loads(frame.data) for frame in made]
    assert [element for bundle in bundles for element in bundle] == list(range(count))
    assert [len(bundle) for bundle in bundles] == [frame.events for frame in made]
    assert all(1 <= frame.events <= 400 for frame in made)


def test_answers_are_not_counted_as_events() -> None:
    (frame,) = frames([answer("1"), Event("AM", "AM.KO", "2")])
    assert (frame.data, frame.is_text, frame.events) == ("[1,2]", True, 1)


def test_other_messages_keep_their_place_and_count_as_nothing_unread() -> None:
    event = Event("A", "A.KO", "1")
    made = list(frames([event, event, Raw(b"\xff", is_text=False), Raw(b"xx", events=1), event]))
    assert [(frame.data, frame.is_text, frame.events) for frame in made] == [
        ("[1,1]", True, 2), (b"\xff", False, 0), (b"xx", True, 1), ("[1]", True, 1)
    ]  # fmt: skip
    assert [frame.unread_bytes for frame in made] == [5, 0, 0, 3]
