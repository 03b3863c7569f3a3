"""The web half over a database of its own, with the status row that a test wants."""

import time
from pathlib import Path
from typing import Any

from flask import Flask

from src.app import create_app
from src.config.settings import parse_settings
from src.infrastructure.database import migrate
from src.infrastructure.database.engines import write_engine
from src.infrastructure.database.tickstock_db import TickStockDatabase


def now_ms() -> int:
    """The wall clock in epoch ms: what the application sees."""
    return time.time_ns() // 1_000_000


class StatusSite:
    """An application, and the ingesting half's side of its database."""

    def __init__(self, tmp_path: Path, **keys: str) -> None:
        self.settings = parse_settings({"DATA_DIR": str(tmp_path), "SIMULATOR_PORT": "1", **keys})
        migrate.upgrade(self.settings.database_url)
        self.database = TickStockDatabase(write_engine(self.settings.database_url), lambda: now_ms() * 1000)
        self.app: Flask = create_app(self.settings)
        self.client = self.app.test_client()

    def report(self, row: dict[str, Any]) -> None:
        """What the ingesting half writes each second."""
        self.database.set_state("feed", row["feed"])
        self.database.set_state("status", row)

    def close(self) -> None:
        """Ends what the site has opened."""
        self.database.close()
