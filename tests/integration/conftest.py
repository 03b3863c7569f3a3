"""A client whose connections end with the test."""

from collections.abc import Iterator

import pytest

from tests.integration.client_recorder import Recorder


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    for client in recorder.clients:
        client.disconnect()
