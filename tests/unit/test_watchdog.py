"""When a session with the feed is taken for dead or mute: hours of looks, by times and counts alone."""

import pytest

from src.core.domain.connection.watchdog import Advice, Breadth, Signs, Watchdog, patience_s
from src.core.domain.market.session import Phase

HUNDRED, FIFTY, TEN, TWO = (Breadth(tickers, False, True) for tickers in (100, 50, 10, 2))
MARKET = Breadth(0, True, True)
CLOSED, PRE, REGULAR, POST = Phase.CLOSED, Phase.PRE, Phase.REGULAR, Phase.POST


class Night:
    """A session that is looked at each second; what comes in it is what the test says."""

    def __init__(self, phase: Phase, breadth: Breadth) -> None:
        self.watchdog = Watchdog()
        self.now_s = 1000.0
        self.phase, self.breadth = phase, breadth
        self.heard = self.data = self.pings = 0
        self.answered = True
        self.look()
        self.watchdog.begin()

    def look(self, working_on: int | None = None) -> Advice:
        signs = Signs(self.heard, self.data, self.answered, working_on, self.phase, self.breadth)
        return self.watchdog.look(signs, self.now_s)

    def pass_s(
        self, for_s: float, data: bool = False, pongs: bool = True, working_on: int | None = None
    ) -> float | None:
        """Seconds until the session is to be ended, after which the next one has begun; None for not in that time."""
        for second in range(1, round(for_s) + 1):
            self.now_s += 1
            self.data += data
            self.heard += data
            advice = self.look(working_on)
            self.pings += advice.ping
            self.heard += advice.ping and pongs
            if advice.end:
                self.reason = advice.end
                self.watchdog.begin()
                return second
        return None


@pytest.mark.parametrize(
    ("phase", "breadth", "allowed_s"),
    [
        (REGULAR, MARKET, 20), (REGULAR, HUNDRED, 20), (REGULAR, FIFTY, 60), (REGULAR, TEN, 300), (REGULAR, TWO, 1200),
        (PRE, HUNDRED, 200), (POST, MARKET, 200), (POST, FIFTY, 600), (PRE, TEN, None), (POST, TWO, None),
        (CLOSED, MARKET, None), (CLOSED, HUNDRED, None), (REGULAR, Breadth(0, False, True), None),
        (REGULAR, Breadth(500, False, False), 150), (REGULAR, Breadth(10, False, False), 300),
    ],
)  # fmt: skip
def test_how_long_no_data_may_come(phase: Phase, breadth: Breadth, allowed_s: float | None) -> None:
    assert patience_s(phase, breadth) == allowed_s


@pytest.mark.parametrize(
    ("phase", "breadth", "allowed_s"), [(REGULAR, HUNDRED, 20), (REGULAR, TEN, 300), (POST, MARKET, 200)]
)
def test_a_mute_session_is_ended_when_they_are_due(phase: Phase, breadth: Breadth, allowed_s: int) -> None:
    night = Night(phase, breadth)
    assert night.pass_s(600, data=True) is None
    assert night.pass_s(3600) == allowed_s + 1


def test_the_reason_says_what_did_not_come() -> None:
    night = Night(REGULAR, HUNDRED)
    night.pass_s(60)
    assert night.reason == "No data of 100 tickers came in the regular session for 21 s."
    night = Night(POST, MARKET)
    night.pass_s(600)
    assert night.reason == "No data of the whole market came after the market's close for 3 min."


@pytest.mark.parametrize("breadth", [MARKET, HUNDRED, TWO])
def test_a_night_without_data_is_no_silence(breadth: Breadth) -> None:
    night = Night(CLOSED, breadth)
    assert night.pass_s(8 * 3600) is None
    assert night.pings == 8 * 3600 / 20


def test_a_thin_ticker_may_rest_for_a_day_outside_of_the_session() -> None:
    night = Night(POST, TEN)
    assert night.pass_s(4 * 3600) is None


def test_a_socket_that_answers_nothing_is_dead_at_any_hour() -> None:
    night = Night(CLOSED, HUNDRED)
    assert night.pass_s(120, pongs=False) == 46
    assert "answer to pings" in night.reason


def test_data_without_answers_to_pings_are_life() -> None:
    assert Night(REGULAR, HUNDRED).pass_s(3600, data=True, pongs=False) is None


def test_a_reconnect_that_brings_nothing_doubles_the_patience_until_data_come() -> None:
    night = Night(REGULAR, HUNDRED)
    waits_s = [night.pass_s(3600) for _ in range(8)]
    assert waits_s == [21, 41, 81, 161, 321, 641, 901, 901]
    night.pass_s(1, data=True)
    assert night.pass_s(60) == 20 + 1


def test_a_halt_of_a_whole_session_makes_it_connect_thirty_times_not_a_thousand() -> None:
    night = Night(REGULAR, HUNDRED)
    until_s = night.now_s + 6.5 * 3600
    endings = 0
    while night.now_s < until_s:
        endings += night.pass_s(until_s - night.now_s) is not None
    assert endings == 30


def test_few_tickers_do_not_become_impatient_by_the_longest_patience() -> None:
    night = Night(REGULAR, TWO)
    assert [night.pass_s(3600) for _ in range(2)] == [1201, 1201]


def test_the_first_two_minutes_of_a_session_are_lenient() -> None:
    night = Night(CLOSED, HUNDRED)
    night.pass_s(3600)
    night.phase = PRE
    assert night.pass_s(200) is None  # and silence counts from the opening on
    night.data += 1
    night.pass_s(60)
    night.phase = REGULAR
    assert night.pass_s(240) == 121


def test_the_time_in_which_nobody_could_hear_counts_for_nothing() -> None:
    night = Night(REGULAR, HUNDRED)
    night.pass_s(15)
    night.now_s += 3 * 3600  # the process was stopped, or the machine slept
    assert night.pass_s(4) is None
    assert night.pass_s(5) is not None
    night = Night(REGULAR, HUNDRED)
    assert night.pass_s(300, working_on=7, pongs=False) is None  # the reader was kept busy with one frame
    assert night.pass_s(60) == 20  # the first look at it counted


def test_a_subscription_that_is_not_answered_is_no_market_that_rests() -> None:
    night = Night(CLOSED, Breadth(0, False, True))
    night.answered = False
    assert [night.pass_s(3600) for _ in range(7)] == [31, 61, 121, 241, 481, 901, 901]
    assert night.reason == "The feed has not answered the subscription for 15 min."


def test_hours_of_trading_are_those_with_data() -> None:
    night = Night(PRE, HUNDRED)
    night.pass_s(100, data=True)
    assert night.watchdog.trading_s == 0
    night.phase = REGULAR
    night.pass_s(100, data=True)
    assert night.watchdog.trading_s == 100
    night.pass_s(30, data=False)
    night.pass_s(600, data=False)
    assert 150 <= night.watchdog.trading_s <= 180
