"""Market state over a real database, at a time that a test sets."""

import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from flask import Flask
from sqlalchemy import text
from werkzeug.test import TestResponse

from src.config.settings import PROJECT_ROOT
from src.core.domain.market.bar import Tier
from src.core.domain.market.daily import DailyBar
from src.core.domain.market.quote import QuoteDay
from src.core.domain.market.session import TradingDay
from src.core.services.market_book import MarketStores
from src.core.services.market_state_service import MarketStateService
from src.infrastructure.cache.relationship_cache import RelationshipCache
from src.infrastructure.calendar.session_table import load_session_table
from src.infrastructure.database.bar_reader import DatabaseBarReader
from src.infrastructure.database.change_reader import DatabaseChangeReader
from src.infrastructure.database.engines import read_engine, row_engine, write_engine
from src.infrastructure.database.market_facts import DatabaseMarketFacts
from src.infrastructure.database.panel_reader import DatabasePanelStore
from src.infrastructure.database.pattern_store import DatabasePatternReader
from src.infrastructure.database.tickstock_db import TickStockDatabase
from src.presentation.api.errors import register_errors
from src.presentation.api.market import MarketAnswers, MarketDeps, market_blueprint
from src.presentation.api.patterns import PollPatterns
from src.presentation.api.ticks import TicksDeps, ticks_blueprint
from src.presentation.api.whom import Whom

OPENED = 1_763_649_000_000  # 2025-11-20 09:30 New York
SESSIONS = load_session_table(PROJECT_ROOT / "data/sessions.csv")


class SetClock:
    """A wall clock that a test sets; it rests shortly, however long it was to."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms
        self.passed_s = 0.0  # beside the machine's time

    def now_ms(self) -> int:
        return self.at_ms

    def now_us(self) -> int:
        return self.at_ms * 1000

    def monotonic(self) -> float:
        return time.monotonic() + self.passed_s

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(min(timeout_s, 0.01))


class MarketSite:
    """The service and its endpoints, and the poll with them. The database's universe `few` is what a test makes it."""

    def __init__(self, url: str, at_ms: int) -> None:
        self.database = TickStockDatabase(write_engine(url), lambda: time.time_ns() // 1000)
        self.clock = SetClock(at_ms)
        self.engine = read_engine(url)
        self.rows = row_engine(url)
        changes = DatabaseChangeReader(self.engine)
        panels = DatabasePanelStore(self.engine)
        facts = DatabaseMarketFacts(self.engine, lambda: next(self._hours))
        self._hours = itertools.count(0, 3_600)
        stores = MarketStores(changes, panels, panels, facts, SESSIONS.known_or_usual)
        self.service = MarketStateService(stores, self.clock)
        reader = DatabaseBarReader(self.engine, changes)
        whom = Whom(reader, RelationshipCache(self.engine, lambda: next(self._hours)))
        answers = MarketAnswers(MarketDeps(self.service, whom, changes, self.clock.now_ms))
        app = Flask("market")
        register_errors(app)
        app.register_blueprint(market_blueprint(answers))
        poll = TicksDeps(
            reader,
            changes,
            whom,
            dict,
            self.clock.now_ms,
            lambda _ms: QuoteDay(0, 0, 0),
            PollPatterns(DatabasePatternReader(self.engine)),
            answers.in_poll,
        )
        app.register_blueprint(ticks_blueprint(poll))
        self.client = app.test_client()

    def ask(self, path: str, **headers: str) -> TestResponse:
        """An answer of `/api/...`."""
        return self.client.get(f"/api/{path}", headers=headers)

    def get(self, path: str, status: int = 200) -> Any:
        """The JSON of an answer."""
        answer = self.ask(path)
        assert answer.status_code == status, answer.text
        return json.loads(answer.data)

    def group(self, name: str, symbols: Sequence[str], kind: str = "UNIVERSE") -> None:
        """Makes a group, or makes it anew, of symbols that the database has."""
        with self.rows.begin() as connection:
            connection.execute(text("DELETE FROM group_memberships WHERE group_name = :name"), {"name": name})
            connection.execute(
                text("INSERT INTO definition_groups (name, type) VALUES (:name, :kind) ON CONFLICT DO NOTHING"),
                {"name": name, "kind": kind},
            )
            for place, symbol in enumerate(symbols, 1):
                connection.execute(
                    text(
                        "INSERT INTO group_memberships (group_name, symbol, position) VALUES (:name, :symbol, :place)"
                    ),
                    {"name": name, "symbol": symbol, "place": place},
                )

    def close(self) -> None:
        """Ends the thread and the connections."""
        self.service.stop()
        self.database.close()
        self.engine.dispose()
        self.rows.dispose()


def trading_days(last: dt.date, count: int) -> list[TradingDay]:
    """So many trading days of New York up to a date, oldest first."""
    days: list[TradingDay] = []
    while len(days) < count:
        if (day := SESSIONS.known_or_usual(last)) is not None:
            days.append(day)
        last -= dt.timedelta(days=1)
    return days[::-1]


def walks(symbols: Sequence[str], days: Sequence[TradingDay], seed: int = 1) -> list[DailyBar]:
    """A random walk of each symbol over these days, final."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (len(symbols), len(days))), axis=1)).round(2)
    return [
        DailyBar(symbol, day.date, close, close + 1, close - 1, close, 1_000.0 + place, None, None, Tier.FINAL.value, 1)
        for symbol, row in zip(symbols, closes.round(2).tolist(), strict=True)
        for place, (day, close) in enumerate(zip(days, row, strict=True))
    ]
