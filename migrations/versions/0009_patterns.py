"""Patterns of completed bars."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MINUTE = sa.BigInteger().with_variant(sa.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "pattern_events",
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("timestamp", _MINUTE, primary_key=True, autoincrement=False),
        sa.Column("timeframe", sa.String(4), primary_key=True),
        sa.Column("pattern", sa.String(32), primary_key=True),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("found_ms", sa.BigInteger, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_pattern_events_timestamp", "pattern_events", ["timestamp"])
    op.create_index("ix_pattern_events_revision", "pattern_events", ["revision"])
