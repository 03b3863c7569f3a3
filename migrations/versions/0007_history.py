"""Daily bars, corporate actions, and the loading of history."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NUMBER = sa.Float().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "ohlcv_daily",
        sa.Column("symbol", sa.String(20), sa.ForeignKey("symbols.symbol"), primary_key=True),
        sa.Column("date", sa.Date, primary_key=True),
        sa.Column("open", _NUMBER, nullable=False),
        sa.Column("high", _NUMBER, nullable=False),
        sa.Column("low", _NUMBER, nullable=False),
        sa.Column("close", _NUMBER, nullable=False),
        sa.Column("volume", _NUMBER, nullable=False),
        sa.Column("vwap", _NUMBER),
        sa.Column("trade_count", sa.BigInteger),
        sa.Column("tier", sa.Integer, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("partial", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("withdrawn", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "corporate_actions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("symbol", sa.String(20), nullable=False),
        sa.Column("date", sa.Date, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("split_from", _NUMBER),
        sa.Column("split_to", _NUMBER),
        sa.Column("amount", _NUMBER),
        sa.Column("currency", sa.String(8)),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("loaded_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "history_loads",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("timespan", sa.String(16), nullable=False),
        sa.Column("symbols", sa.Text),
        sa.Column("files", sa.Text),
        sa.Column("from_date", sa.Date),
        sa.Column("to_date", sa.Date),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("finished_ms", sa.BigInteger),
        sa.Column("units_total", sa.Integer, nullable=False, server_default="0"),
        sa.Column("units_done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("units_empty", sa.Integer, nullable=False, server_default="0"),
        sa.Column("units_failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bars", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("written", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("failures", sa.Text, nullable=False, server_default="{}"),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "history_months",
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("timespan", sa.String(16), primary_key=True),
        sa.Column("month", sa.String(7), primary_key=True),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("through", sa.Date, nullable=False),
        sa.Column("bars", sa.BigInteger, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_corporate_actions_symbol", "corporate_actions", ["symbol"])
