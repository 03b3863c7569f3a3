"""Which changes of a connection's status are news."""

import pytest

from src.core.domain.connection.chronicle import Chronicle
from src.core.domain.connection.event import EventKind
from src.core.domain.connection.state import ConnectionStatus, StatusChange

_STATUSES = {
    "up": ConnectionStatus.CONNECTED,
    "try": ConnectionStatus.CONNECTING,
    "drop": ConnectionStatus.DISCONNECTED,
    "no": ConnectionStatus.ERROR,
}
_UP, _DROP, _NO = EventKind.CONNECTED, EventKind.DISCONNECTED, EventKind.REFUSED


def noted(words: str) -> list[tuple[EventKind, int | None]]:
    """The events of changes that come a second apart, each with its duration in seconds."""
    chronicle = Chronicle()
    events = [
        chronicle.event_of(StatusChange(_STATUSES[word], "Because."), 1000 * place)
        for place, word in enumerate(words.split())
    ]
    return [
        (event.event, None if event.duration_ms is None else event.duration_ms // 1000) for event in events if event
    ]


@pytest.mark.parametrize(
    ("changes", "events"),
    [
        ("try up", [(_UP, None)]),
        ("try up drop", [(_UP, None), (_DROP, 1)]),
        ("try drop try drop try drop", [(_DROP, None)]),
        ("try up drop try drop try drop", [(_UP, None), (_DROP, 1)]),
        ("try drop try up drop try up", [(_DROP, None), (_UP, None), (_DROP, 1), (_UP, None)]),
        ("try no try no", [(_NO, None)]),
        ("try up no try up", [(_UP, None), (_NO, 1), (_UP, None)]),
        ("try drop try no try drop", [(_DROP, None), (_NO, None), (_DROP, None)]),
    ],
)
def test_the_first_of_failures_that_repeat_is_noted(changes: str, events: list[tuple[EventKind, int | None]]) -> None:
    assert noted(changes) == events


def test_an_event_says_whose_why_and_with_which_code() -> None:
    change = StatusChange(ConnectionStatus.DISCONNECTED, "Gone.", False, "connection_3", 1006)
    event = Chronicle().event_of(change, 5)
    assert event == ("connection_3", 5, "disconnected", "Gone.", 1006, None, None, None)


def test_connections_are_told_apart() -> None:
    chronicle = Chronicle()
    for number, at_ms in ((1, 0), (2, 7_000)):
        chronicle.event_of(StatusChange(ConnectionStatus.CONNECTED, "Up.", False, f"connection_{number}"), at_ms)
    for number, lived_ms in ((2, 3_000), (1, 10_000)):
        gone = StatusChange(ConnectionStatus.DISCONNECTED, "Gone.", False, f"connection_{number}")
        event = chronicle.event_of(gone, 10_000)
        assert event is not None
        assert event.duration_ms == lived_ms


def test_a_clock_set_back_gives_no_negative_duration() -> None:
    chronicle = Chronicle()
    chronicle.event_of(StatusChange(ConnectionStatus.CONNECTED, "Up."), 1_000)
    event = chronicle.event_of(StatusChange(ConnectionStatus.DISCONNECTED, "Gone."), 0)
    assert event is not None
    assert event.duration_ms == 0


def test_lost_frames_are_noted_once_a_minute_with_their_number() -> None:
    chronicle = Chronicle()
    lost = StatusChange(ConnectionStatus.CONNECTED, "A frame could not be read.", lost_frame=True)
    reasons = [event.reason for second in range(62) if (event := chronicle.event_of(lost, second * 1000))]
    assert reasons == [
        "A frame could not be read.",
        "60 frames could not be read since the last one that is told of.",
    ]
