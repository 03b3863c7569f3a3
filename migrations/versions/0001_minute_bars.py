"""Symbols, minute bars, the write state and the service's state."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


MINUTE = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")
NUMBER = sa.Float().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "symbols",
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("type", sa.Text),
        sa.Column("exchange", sa.Text),
        sa.Column("sector", sa.Text),
        sa.Column("industry", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False, server_default="1"),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        if_not_exists=True,  # as where an older version's table was taken over
    )
    op.create_table(
        "ohlcv_1min",
        sa.Column("symbol", sa.String(20), sa.ForeignKey("symbols.symbol"), primary_key=True),
        sa.Column("timestamp", MINUTE, primary_key=True, autoincrement=False),
        sa.Column("open", NUMBER, nullable=False),
        sa.Column("high", NUMBER, nullable=False),
        sa.Column("low", NUMBER, nullable=False),
        sa.Column("close", NUMBER, nullable=False),
        sa.Column("volume", NUMBER, nullable=False),
        sa.Column("vwap", NUMBER),
        sa.Column("trade_count", sa.BigInteger),
        sa.Column("tier", sa.Integer, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("partial", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("withdrawn", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    write_state = op.create_table(
        "write_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("database_id", sa.String(36), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("newest_stamp_us", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(write_state, [{"id": 1, "database_id": str(uuid.uuid4()), "revision": 0, "newest_stamp_us": 0}])
    op.create_table(
        "service_state",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )
