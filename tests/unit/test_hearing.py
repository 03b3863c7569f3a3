"""When silence beside connections that hear is the silence of a dead one: by times and counts alone."""

from src.core.domain.connection.hearing import Hearing


class Ears:
    """Looks four times a second; one message every so many seconds, of this connection and of the others."""

    def __init__(self) -> None:
        self.hearing = Hearing(0)
        self.now_s = 0.0
        self.count = self.others = 0

    def listen(
        self, for_s: float, every_s: float = 0, others_every_s: float = 0.5, expects: bool = True
    ) -> float | None:
        """When it was silent first, in seconds from the start of this; None for never. `every_s` 0: nothing comes."""
        start_s, silent_s = self.now_s, None
        while self.now_s < start_s + for_s:
            self.count += bool(every_s) and self.now_s % every_s == 0
            self.others += bool(others_every_s) and self.now_s % others_every_s == 0
            silent = self.hearing.look(self.count, self.others, True, expects, self.now_s)
            if silent and silent_s is None:
                silent_s = self.now_s - start_s
            self.now_s += 0.25
        return silent_s


def test_one_that_always_heard_is_silent_after_five_seconds() -> None:
    ears = Ears()
    assert ears.listen(120, every_s=1) is None
    silent_s = ears.listen(60)
    assert silent_s is not None
    assert 4 <= silent_s <= 5
    assert ears.hearing.quiet_s(ears.now_s) >= 60
    assert ears.listen(10, every_s=1) is None


def test_one_that_rests_as_a_rule_is_given_three_times_as_long() -> None:
    ears = Ears()
    ears.listen(281, every_s=20)
    assert ears.listen(59) is None
    assert ears.listen(2) is not None


def test_a_silence_of_all_is_none() -> None:
    ears = Ears()
    ears.listen(120, every_s=1)
    assert ears.listen(600, others_every_s=0) is None
    assert ears.listen(600, others_every_s=10) is None


def test_one_alone_is_never_silent() -> None:
    ears = Ears()
    ears.listen(120, every_s=1, others_every_s=0)
    assert ears.listen(600, others_every_s=0) is None


def test_in_its_first_minute_and_without_tickers_nothing_is_said() -> None:
    ears = Ears()
    ears.listen(10, every_s=1)
    assert ears.listen(49) is None
    ears = Ears()
    ears.listen(120, every_s=1)
    assert ears.listen(100, expects=False) is None


def test_one_that_never_heard_or_hardly_is_not_silent() -> None:
    ears = Ears()
    assert ears.listen(600) is None
    assert ears.listen(600, every_s=100) is None
    assert ears.listen(600) is None


def test_after_a_silence_that_was_none_the_next_has_to_be_longer() -> None:
    ears = Ears()
    ears.listen(120, every_s=1)
    assert ears.listen(8) is not None
    ears.listen(10, every_s=1)
    assert ears.listen(20) is None


def test_a_connection_that_is_down_is_not_silent() -> None:
    ears = Ears()
    ears.listen(120, every_s=1)
    assert ears.listen(10) is not None
    assert not ears.hearing.look(ears.count, ears.others, False, True, ears.now_s)
