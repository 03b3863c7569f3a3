"""Polling by cursor: replayed answers are the stored state, whatever is written, cut, restarted or expired."""

import json
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, text

from src.app import create_app
from src.config.settings import parse_settings
from src.core.domain.connection.health import Condition, Health
from src.core.domain.market.bar import Bar, Tier
from src.infrastructure.database.engines import read_engine, write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase
from tests.bars import MINUTE, bar, stored_bars
from tests.waiting import wait_for

_DAY_MS = 86_400_000
_SYMBOLS = [f"S{place}" for place in range(12)]


class Reader:
    """Somebody who polls some symbols, and what the answers add up to."""

    def __init__(self, app: Flask, symbols: list[str], limit: int = 1000) -> None:
        self.app = app
        self.symbols = symbols
        self.limit = limit
        self.cursor = ""
        self.resets = 0
        self.bars: dict[tuple[str, int], dict[str, Any]] = {}

    def ask(self, **parameters: Any) -> dict[str, Any]:
        query = {"symbols": ",".join(self.symbols), "limit": self.limit, **parameters}
        answer = self.app.test_client().get("/api/ticks/recent", query_string=query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = json.loads(answer.data)
        assert body["ticks"] == sorted(body["ticks"], key=lambda tick: (tick["timestamp"], tick["symbol"]))
        self.cursor = body["cursor"]
        return body

    def load(self) -> None:
        self._take(self.ask(limit=1000)["ticks"])

    def poll(self) -> bool:
        """Whether there was anything new."""
        body = self.ask(cursor=self.cursor)
        self.resets += body["reset"]
        self._take(body["ticks"])
        return bool(body["count"] or body["more"])

    def catch_up(self) -> None:
        """Until the last revision is delivered: what was committed is seen within some 100 ms."""
        engine = read_engine(self.app.config["database_url"])
        with engine.connect() as connection:
            revision = connection.execute(text("SELECT revision FROM write_state")).scalar_one()
        engine.dispose()

        def caught_up() -> bool:
            while self.poll():
                pass
            return int(self.cursor.split(".")[1]) == revision

        wait_for(caught_up)

    def _take(self, ticks: list[dict[str, Any]]) -> None:
        for tick in ticks:
            self.bars[tick["symbol"], tick["timestamp"]] = tick


def make_app(url: str) -> Flask:
    app = create_app(parse_settings({"DATABASE_URL": url, "SIMULATOR_PORT": "1"}))
    app.config["database_url"] = url
    return app


@pytest.fixture
def app(database_url: str) -> Iterator[Flask]:
    return make_app(database_url)


def as_told(stored: Bar) -> dict[str, Any]:
    values = {name: getattr(stored, name) for name in ("open", "high", "low", "close", "volume", "vwap")}
    return {"symbol": stored.symbol, "timestamp": stored.timestamp, **values, "tier": Tier(stored.tier).name.lower()}


def expected(url: str, symbols: list[str]) -> dict[tuple[str, int], dict[str, Any]]:
    return {(b.symbol, b.timestamp): as_told(b) for b in stored_bars(url) if b.symbol in symbols}


class Writer:
    """Writes what a bad week brings: forming bars, official ones, late corrections of old minutes, whole histories."""

    def __init__(self, database: TickStockDatabase, seed: int) -> None:
        self._database = database
        self._random = random.Random(seed)
        self._stamp = 0
        self._now = 0

    def write(self) -> None:
        self._now += self._random.choice((0, 0, 1, 1, 7))
        oldest = self._random.choice((2, 2, 5, 60, 3000))
        first = max(0, self._now - self._random.randint(0, oldest))
        length = self._random.choice((1, 1, 1, 3, 40))
        symbols = self._random.sample(_SYMBOLS, self._random.choice((1, 3, 12)))
        self._database.merge(
            [self._bar(symbol, minute) for symbol in symbols for minute in range(first, first + length)]
        )

    def _bar(self, symbol: str, minute: int) -> Bar:
        self._stamp += 1
        close = round(self._random.uniform(1, 500), 4)
        tier = self._random.choice((Tier.LIVE, Tier.OFFICIAL, Tier.OFFICIAL, Tier.FINAL))
        return bar(symbol, MINUTE + minute * 60_000, close, self._random.random() * 1e6, tier.value, self._stamp)


@pytest.mark.parametrize(("database_url", "seed"), [("sqlite", 1), ("postgresql", 2)], indirect=["database_url"])
def test_replayed_answers_are_the_stored_state(database: TickStockDatabase, database_url: str, seed: int) -> None:
    apps = [make_app(database_url), make_app(database_url)]  # two web processes
    writer = Writer(database, seed)
    for _ in range(20):
        writer.write()
    rng = random.Random(seed)
    readers = [Reader(rng.choice(apps), rng.sample(_SYMBOLS, size), limit) for size, limit in
               ((12, 1000), (12, 3), (5, 1), (1, 1), (1, 7), (8, 20))]  # fmt: skip
    for reader in readers:
        reader.load()
    done, making = threading.Event(), threading.Lock()

    def read(reader: Reader) -> None:
        own = random.Random(f"{seed}/{reader.limit}")
        restarts = 2
        while not done.is_set():
            reader.poll()
            chance = own.random()
            if chance < 0.05 and restarts:
                restarts -= 1
                with making:  # one after the other: Python 3.11 cannot parse for two threads at once (SystemError)
                    reader.app = make_app(database_url)  # the web process was started again
            elif chance < 0.3:
                reader.app = own.choice(apps)
            done.wait(own.choice((0, 0.01, 0.1, 0.4)))

    threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for _ in range(60):
        writer.write()
        done.wait(rng.choice((0, 0, 0.01)))
    done.set()
    for thread in threads:
        thread.join(60)
    for reader in readers:
        reader.catch_up()
        assert reader.resets == 0
        assert reader.bars == expected(database_url, reader.symbols)


def test_a_cut_answer_says_so_and_its_cursor_does_not_pass_what_was_left(
    app: Flask, database: TickStockDatabase, database_url: str
) -> None:
    database.merge([bar("S0")])
    reader = Reader(app, ["S0", "S1"], limit=4)  # S1 is not known yet
    reader.load()
    # One transaction with more rows of a symbol than an answer holds, some of them older than 20 minutes.
    database.merge(
        [bar(symbol, MINUTE - place * 60_000, 100 + place) for symbol in ("S0", "S1") for place in range(30)]
    )
    wait_for(lambda: reader.ask(cursor=reader.cursor)["more"])
    counts = []
    while True:
        body = reader.ask(cursor=reader.cursor)
        counts.append(body["count"])
        reader._take(body["ticks"])
        if not body["more"]:
            break
        database.merge([bar("S0", MINUTE - 29 * 60_000, 500 + len(counts), observed_at=1 + len(counts))])
        assert body["count"] <= 8
    assert len(counts) >= 7
    reader.catch_up()
    missing = set(expected(database_url, ["S0", "S1"])) - set(reader.bars)
    assert len(missing) <= 8, "only the first answer's, which was not taken"


def test_a_foreign_cursor_is_answered_as_if_absent(app: Flask, database: TickStockDatabase) -> None:
    database.merge([bar("S0", MINUTE + place * 60_000) for place in range(5)])
    reader = Reader(app, ["S0"])
    wait_for(lambda: reader.ask()["count"] == 5)
    own = reader.cursor.split(".")
    for foreign in (
        "nonsense", "", f"{'0' * 32}.1.0", ".".join((own[0], "999999", own[2])), ".".join((own[0], own[1], "0")),
        ".".join((*own, "9", "S\x00")), own[0], "9" * 500,
    ):  # fmt: skip
        body = reader.ask(cursor=foreign, limit=2)
        assert (body["reset"], [tick["timestamp"] for tick in body["ticks"]]) == (
            True,
            [MINUTE + 180_000, MINUTE + 240_000],
        )
        assert not reader.ask(cursor=body["cursor"])["reset"]


def test_a_cursor_older_than_a_day_is_expired_and_a_younger_one_is_not(database_url: str) -> None:
    now_ms = MINUTE
    database = TickStockDatabase(write_engine(database_url), lambda: now_ms * 1000)
    database.merge([bar("S0", MINUTE)])
    app = make_app(database_url)
    old, young = Reader(app, ["S0"]), Reader(app, ["S0"])
    old.load()
    now_ms += 1000
    database.merge([bar("S0", MINUTE - 3 * _DAY_MS)])
    young.load()
    young.catch_up()  # bars may be told before a cursor passes them
    assert len(young.bars) == 2
    now_ms += _DAY_MS + 3_600_000
    database.merge([bar("S0", MINUTE - 4 * _DAY_MS)])
    database.forget_old_changes()
    young.catch_up()
    assert young.bars == expected(database_url, ["S0"])
    assert not young.resets
    since = old.cursor  # an answer from before the look brings another one
    wait_for(lambda: old.ask(cursor=since)["reset"])
    database.close()


def test_cursors_from_before_the_newest_notes_that_are_kept_are_expired(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.database.tickstock_db._MOST_CHANGES_KEPT", 3)
    database = TickStockDatabase(write_engine(database_url), lambda: MINUTE * 1000)
    database.merge([bar("S0", MINUTE)])
    app = make_app(database_url)
    old, young = Reader(app, ["S0"]), Reader(app, ["S0"])
    old.load()
    for place in range(2):
        database.merge([bar("S0", MINUTE - (3 + place) * _DAY_MS)])
    young.load()
    young.catch_up()  # bars may be told before a cursor passes them
    assert len(young.bars) == 3
    for place in range(3):
        database.merge([bar("S0", MINUTE - (6 + place) * _DAY_MS)])
    database.forget_old_changes()
    young.catch_up()
    assert young.bars == expected(database_url, ["S0"])
    assert not young.resets
    since = old.cursor  # an answer from before the look brings another one
    wait_for(lambda: old.ask(cursor=since)["reset"])
    database.close()


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """Every statement that any engine executes, but for the look (and its BEGIN) at the database's revision."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "changes_floor" not in statement and statement != "BEGIN":
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


def test_while_nothing_is_new_a_poll_costs_no_query(
    app: Flask, database: TickStockDatabase, queries: list[str]
) -> None:
    database.set_state("universe", {"key": "x", "symbols": ["S0", "S1"], "unknown": [], "changed_at": 1})
    database.merge([bar("S0"), bar("S1")])
    reader = Reader(app, ["S0", "S1", "NONE"])
    listener = app.test_client()
    path = "/api/ticks/recent?universe=listening&status=true"
    wait_for(lambda: (reader.load(), len(reader.bars) == 2)[1])
    wait_for(lambda: not reader.poll())
    assert listener.get(path).status_code == 200
    queries.clear()
    for _ in range(30):
        assert not reader.poll()
        reader.ask()
        assert json.loads(listener.get(path).data)["count"] == 2
    assert queries == [], queries
    database.merge([bar("S0", close=7.0, observed_at=9)])
    wait_for(reader.poll)
    assert queries


def test_a_status_that_ages_is_told_though_nothing_was_written(
    database: TickStockDatabase, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.merge([bar("S0")])
    app = make_app(database_url)
    client = app.test_client()
    path = "/api/ticks/recent?symbol=S0&status=true"
    wait_for(lambda: client.get(path).status_code == 200)
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    gone = Health(Condition.DOWN, "It stopped reporting.")
    monkeypatch.setattr("src.core.services.health_service.feed_health", lambda *_: gone)
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_a_repeated_request_is_answered_with_304_until_something_changes(
    app: Flask, database: TickStockDatabase
) -> None:
    database.merge([bar("S0")])
    client = app.test_client()
    path = "/api/ticks/recent?symbol=S0"
    wait_for(lambda: client.get(path).status_code == 200)
    first = client.get(path)
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    database.merge([bar("S0", close=2.0, observed_at=2)])
    wait_for(lambda: client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 200)
