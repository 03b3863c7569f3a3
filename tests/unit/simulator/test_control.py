"""Commands without a network."""

import pytest

from src.simulator.board import Board
from src.simulator.clock import ManualClock
from src.simulator.control import Control
from src.simulator.faults import Mute
from src.simulator.hub import Hub


@pytest.fixture
def board() -> Board:
    return Board(ManualClock(1_000))


@pytest.fixture
def control(board: Board) -> Control:
    return Control(board, Hub(board, stall_s=1.0), ManualClock(1_000), lambda: None)


@pytest.mark.parametrize(
    ("address", "code"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403), ("2001:db8::7", 403)]
)
def test_commands_come_from_the_same_machine(control: Control, board: Board, address: str, code: int) -> None:
    assert control.answer("POST", "/control/faults/mute", address).status == code
    assert bool(board.entries()) == (code == 200)


def test_faults_have_numbers_that_are_not_used_again(board: Board) -> None:
    assert [board.put(Mute()), board.put(Mute())] == [1, 2]
    assert board.remove(2)
    assert not board.remove(2)
    assert board.put(Mute()) == 3
    assert [entry.number for entry in board.entries()] == [1, 3]
